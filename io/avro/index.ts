/**
 * Avro's object container files: reading by patterns, in ranges, and writing in shards that appear whole or not at all.
 *
 * @module
 */
export type { UnreadPart } from '../records/bad-part.js'
export type { CommonWriteOptions, WrittenRecords } from '../records/write-options.js'
export { type AvroElement, readAvro, type ReadAvroOptions } from './read-avro.js'
export { avroCodec, avroSchemaIn, avroSchemaOf } from './row-schema.js'
export type { AvroComplexSchema, AvroFieldSchema, AvroSchema } from './schema.js'
export type { TimestampMode } from './logical.js'
export type { AvroValue, AvroValueOf } from './value.js'
export { type AvroInput, writeAvro, type WriteAvroOptions } from './write-avro.js'
