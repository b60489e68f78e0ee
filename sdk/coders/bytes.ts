/**
 * The two ends of an encoding.
 *
 * Law: a reader that is given the bytes of a writer reads the same values by the same sequence of calls.
 */
export { ByteReader } from './byte-reader.js'
export { ByteWriter } from './byte-writer.js'
