/**
 * Writing Avro's object container files in shards: elements become bytes in parts, parts become blocks of a file.
 *
 * Law: a file holds exactly the elements that were written to it, in blocks of about one size, whatever bundles they came in.
 */
import { type Codec, isCodec, type TypeOf } from '../../sdk/codec.js'
import { ByteWriter } from '../../sdk/coders/bytes.js'
import type { Env } from '../../sdk/env.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { recordPart, recordsOf } from '../records/record-parts.js'
import {
  type CommonWriteOptions,
  commonOptionNames,
  commonWriteOptions,
  type WrittenRecords,
  writtenRecordsCodec,
} from '../records/write-options.js'
import type { FileFormat } from '../text/finish-shards.js'
import { writeShards } from '../text/write-shards.js'
import { deflate } from './compression.js'
import { blockBytes, headerBytes, SYNC_BYTES } from './container.js'
import { writing } from './encode.js'
import { avroSchemaOf, parsed } from './row-schema.js'
import type { AvroSchema } from './schema.js'
import type { AvroValueOf } from './value.js'

/** Options of {@link writeAvro}: a schema, or a codec that it is made of. */
export interface WriteAvroOptions<
  C extends Codec = Codec,
  S extends AvroSchema = AvroSchema,
> extends CommonWriteOptions {
  /** The schema of the elements. */
  readonly schema?: S
  /** A codec whose schema it is; see {@link avroSchemaOf}. */
  readonly codec?: C
  /** How blocks are packed. Default `'deflate'`. */
  readonly compression?: 'null' | 'deflate'
  /** Bytes of a block, about, before it is packed. Default 64 KiB. */
  readonly blockBytes?: number
}

/** What can be written: as the schema says, else as the codec says. */
export type AvroInput<C, S> = [S] extends [never] ? ([C] extends [never] ? unknown : TypeOf<C>) : AvroValueOf<S>

/**
 * Writes Avro's object container files. Names, shards and windows are those of `writeLines`: files appear under their names
 * when they are complete.
 *
 * Values are those that `readAvro` gives; an object serves as a map, a whole number as a date or timestamp, `undefined` as
 * null, and a field that is not there has its default. Of a union, the first branch that fits is taken. Fields that the
 * schema does not name are left out.
 *
 * @param path of the file; its folder is made if need be.
 * @returns the files that were written.
 * @throws {PipelineError} when an option is wrong, there is neither schema nor codec, or as `writeLines` does. An element that
 *   does not fit the schema fails the run, naming the field.
 * @example
 * ```ts
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { pipeline, run } from 'millrace'
 * import { writeAvro } from 'millrace/io/avro'
 * const p = pipeline()
 * p.create('points', [{ x: 1, y: 2 }]).apply(
 *   'write',
 *   writeAvro(join(tmpdir(), 'millrace-example', 'points.avro'), {
 *     schema: { type: 'record', name: 'Point', fields: [{ name: 'x', type: 'int' }, { name: 'y', type: 'int' }] },
 *   }),
 * )
 * await run(p)
 * ```
 */
export function writeAvro<C extends Codec = never, const S extends AvroSchema = never>(
  path: string,
  options: WriteAvroOptions<C, S>,
): (input: PCollection<AvroInput<C, S>>) => PCollection<WrittenRecords> {
  const { commit, schema, compression, blockBytes: size } = checkedOptions(path, options)
  const type = parsed(schema, 'option schema of writeAvro')
  const schemaText = JSON.stringify(schema)
  return writeShards(commit, {
    part: () => {
      const write = writing(type)
      const out = new ByteWriter()
      return recordPart((value) => {
        out.reset()
        write(out, value)
        return out.take()
      })
    },
    file: (env) => avroFile(env, schemaText, compression, size),
    output: writtenRecordsCodec,
    written: ({ path: file, lines }) => ({ path: file, records: lines }),
  })
}

function avroFile(env: Env, schemaText: string, compression: 'null' | 'deflate', size: number): FileFormat {
  return {
    write(handle, parts, files) {
      const sync = Uint8Array.from({ length: SYNC_BYTES }, () => Math.floor(env.random() * 256))
      handle.write(headerBytes(schemaText, compression, sync))
      const block = new ByteWriter()
      let count = 0
      const finish = (): void => {
        if (count === 0) return
        handle.write(blockBytes(count, compression === 'null' ? block.written() : deflate(block.written()), sync))
        block.reset()
        count = 0
      }
      for (const part of parts) {
        for (const record of recordsOf(files, part.path)) {
          block.bytes(record)
          count++
          if (block.length >= size) finish()
        }
      }
      finish()
    },
  }
}

const optionNames: OptionNames<WriteAvroOptions> = {
  ...commonOptionNames,
  schema: true,
  codec: true,
  compression: true,
  blockBytes: true,
}

function checkedOptions(path: string, options: WriteAvroOptions) {
  refuseUnknownOptions('writeAvro', options, optionNames)
  const { schema, codec, compression = 'deflate', blockBytes: size = 64 * 1024 } = options
  if ((schema === undefined) === (codec === undefined))
    refuse('MR-1003', 'writeAvro needs to know what it writes: give it a schema or a codec, and not both.')
  if (codec !== undefined && !isCodec(codec))
    refuse('MR-1004', `option codec of writeAvro is no codec, but ${preview(codec)}.`)
  refuseUnknownValue('option compression of writeAvro', compression, ['null', 'deflate'])
  if (!Number.isSafeInteger(size) || size < 1)
    refuse('MR-1002', `option blockBytes of writeAvro must be a whole number from 1, but is ${preview(size)}.`)
  return {
    commit: commonWriteOptions('writeAvro', path, options),
    schema: schema ?? avroSchemaOf(codec as Codec),
    compression,
    blockBytes: size,
  }
}
