/**
 * A topic of a log as a sink: what a bundle or batch has made is appended in one transaction, with its name.
 *
 * Law: records appear all together, after the runner has made sure that they will not be taken back; and what is brought a second
 * time under the same name is recognised, and appended once.
 */
import * as t from 'io-ts'
import { type Codec, codecName, isCodec, isIoTs } from '../../sdk/codec.js'
import { coded } from '../../sdk/error-codes.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { type Instant, TIMESTAMP_MIN, toTimestamp } from '../../sdk/time.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import { type AppendId, refuseKeyless } from './append.js'
import type { Sync } from './log-file.js'
import { type Log, newestBatchOf, openLog } from './log.js'
import { encodeRecord, type NewRecord } from './records.js'
import { noSuchPartition, type TopicInfo, type TopicOptions } from './topics.js'

/** Options of {@link writeLog}. */
export interface WriteLogOptions<T> {
  /** Folder of the log; made where there is none. */
  readonly folder: string
  /** Which topic, or which topic a value goes to. */
  readonly topic: string | ((value: T) => string)
  /** Makes topics that are not there, with these options. Default: a topic that is not there fails the run. */
  readonly create?: TopicOptions
  /** What a value is about: equal keys lie in one partition. Default: no key. */
  readonly key?: (value: T) => unknown
  /** Which partition a value goes to, whatever its key. */
  readonly partition?: (value: T) => number
  /** What is said of a value besides it. */
  readonly headers?: (value: T) => ReadonlyMap<string, string | Uint8Array>
  /** Event time of the record. Default: that of the element. */
  readonly timestamp?: (value: T) => Instant
  /** Describes values: they are checked, and stored in the form that the codec encodes them to. Default: plain data, as it is. */
  readonly codec?: Codec
  /** What an append survives. Default `'full'`: also the power going off. */
  readonly sync?: Sync
  /** Takes values that cannot be written. Default: the run fails. */
  readonly onError?: ErrorHandler
}

/** A record on its way to the log. */
interface Item {
  readonly topic: string
  readonly record: NewRecord
}

const itemCodec: t.Type<Item> = t.type({ topic: t.string, record: t.unknown }) as unknown as t.Type<Item>

/**
 * Appends every element to a topic, in the order in which the step gets them. A bundle, or a batch, is one transaction, also over
 * several topics and partitions.
 *
 * Repeats are recognised: the log keeps the name of each delivery with its records. So with a runner that delivers again after a
 * crash, under the same name, each record is there once. The direct runner does not deliver again.
 *
 * @throws {PipelineError} when an option is wrong. A topic that is not there fails the run, if `create` is not given.
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { pipeline, run } from 'millrace'
 * import { openLog, writeLog } from 'millrace/io/log'
 * const folder = mkdtempSync(join(tmpdir(), 'millrace-docs-'))
 * const p = pipeline()
 * p.create('words', ['tea', 'cake']).apply('write', writeLog({ folder, topic: 'words', create: { partitions: 1 } }))
 * await run(p)
 * const log = await openLog(folder)
 * const words = log.read('words', 0, 0).map(({ value }) => value)
 * log.close()
 * words // => ['tea', 'cake']
 * ```
 */
export function writeLog<T>(options: WriteLogOptions<T>): (values: PCollection<T>) => void {
  check(options)
  const { folder, topic, create, key, partition, headers, timestamp, codec, sync = 'full', onError } = options
  const encode = encoderOf<T>(codec)
  const topicOf = typeof topic === 'string' ? () => topic : topic
  return (values) => {
    values.parDo('write', {
      ...(onError === undefined ? {} : { onError }),
      setup: async ({ env }) => new Writer(await openLog(folder, { sync, env }), create),
      teardown: ({ resource }) => (resource as Writer | undefined)?.close(),
      process(value, { timestamp: elementTime, resource: writer, deliver }) {
        const time = timestamp === undefined ? elementTime : toTimestamp(timestamp(value))
        const item: Item = {
          topic: topicOf(value),
          record: {
            value: encode(value),
            // What has no time is from when it is appended.
            ...(time === TIMESTAMP_MIN ? {} : { timestamp: time }),
            ...(key === undefined ? {} : { key: key(value) }),
            ...(partition === undefined ? {} : { partition: partition(value) }),
            ...(headers === undefined ? {} : { headers: headers(value) }),
          },
        }
        // What cannot be appended is this value's mistake, and not that of all the others that it would be appended with.
        writer.check(item)
        deliver(item)
      },
      delivery: {
        codec: itemCodec,
        repeats: 'recognised',
        deliver(items, { id, resource: writer, recognised }) {
          if (!writer.append(items, id)) recognised()
        },
        newest: ({ id, resource: writer }) => writer.newest(id),
      },
    })
  }
}

/** The log, as one step writes to it. */
class Writer {
  readonly #log: Log
  readonly #create: TopicOptions | undefined
  /** Topics that were asked for. */
  readonly #topics = new Map<string, TopicInfo>()

  constructor(log: Log, create: TopicOptions | undefined) {
    this.#log = log
    this.#create = create
  }

  /** @throws when it would be refused. */
  check({ topic, record }: Item): void {
    const { compact, partitions } = this.#topic(topic)
    if (compact && record.key === undefined) refuseKeyless(topic)
    const { partition = 0 } = record
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitions)
      noSuchPartition(topic, partition, partitions)
    encodeRecord(topic, record)
  }

  /** @returns whether they were appended, and are not there already. */
  append(items: readonly Item[], id: AppendId): boolean {
    const byTopic = new Map<string, NewRecord[]>()
    for (const { topic, record } of items) {
      const records = byTopic.get(topic)
      if (records === undefined) byTopic.set(topic, [record])
      else records.push(record)
    }
    const { query, step, batch, shard } = id
    const positions = this.#log.transaction(
      (tx) => {
        for (const [topic, records] of byTopic) tx.append(topic, records)
      },
      { id: { query, step, batch, shard } },
    )
    return positions !== undefined
  }

  newest({ query, step, shard }: AppendId): number | undefined {
    return newestBatchOf(this.#log, { query, step, shard })
  }

  close(): void {
    this.#log.close()
  }

  #topic(name: string): TopicInfo {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    const find = (): TopicInfo | undefined => this.#log.topics().find((topic) => topic.name === name)
    if (find() === undefined && this.#create !== undefined) this.#log.createTopic(name, this.#create)
    // Says so where there is none.
    this.#log.partitions(name)
    const found = find() as TopicInfo
    this.#topics.set(name, found)
    return found
  }
}

/** The form in which values are stored. */
function encoderOf<T>(codec: Codec | undefined): (value: T) => unknown {
  // A Standard Schema only checks, and what it has made of a value it would, in general, not take again.
  if (codec === undefined || !isIoTs(codec)) return (value) => value
  return (value) => {
    if (codec.is(value)) return codec.encode(value as never)
    throw coded('MR-4001', new TypeError(`${preview(value)} is not ${codecName(codec)}`))
  }
}

function check<T>(options: WriteLogOptions<T>): void {
  refuseUnknownOptions('writeLog', options, names)
  const { folder, topic, codec, sync } = options
  if (typeof folder !== 'string' || folder === '')
    refuse('MR-1002', `option folder of writeLog must be a text that is not empty, but is ${preview(folder)}.`)
  if (typeof topic !== 'function' && (typeof topic !== 'string' || topic === ''))
    refuse('MR-1002', `option topic of writeLog must be a name, or a function that gives one, but is ${preview(topic)}.`) // prettier-ignore
  if (codec !== undefined && !isCodec(codec))
    refuse('MR-1004', `option codec of writeLog is a codec, but is ${preview(codec)}.`)
  if (sync !== undefined) refuseUnknownValue('option sync of writeLog', sync, ['full', 'normal'])
  for (const name of ['key', 'partition', 'headers', 'timestamp'] as const)
    if (options[name] !== undefined && typeof options[name] !== 'function')
      refuse('MR-1004', `option ${name} of writeLog is a function, but is ${preview(options[name])}.`)
}

const names: OptionNames<WriteLogOptions<unknown>> = {
  folder: true,
  topic: true,
  create: true,
  key: true,
  partition: true,
  headers: true,
  timestamp: true,
  codec: true,
  sync: true,
  onError: true,
}
