import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as t from 'io-ts'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import {
  type DeadLetter,
  type DeliveryId,
  type Env,
  errorCode,
  fixedWindows,
  type PCollection,
  pipeline,
  type Pipeline,
  run,
  type RunningPipeline,
  start,
  watermarks,
} from 'millrace'
import { platformEnv } from '#platform'
import { type Log, type LogRecord, openLog, readLog, writeLog } from 'millrace/io/log'
import { z } from 'zod'

let folder: string
let log: Log

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-log-'))
  log = await openLog(folder, { sync: 'normal' })
})
afterEach(() => {
  log.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What a runner sees of the step that writes. */
interface Delivering {
  setup(context: { readonly env: Env }): Promise<unknown>
  teardown(context: { readonly resource: unknown }): void
  readonly delivery: {
    readonly repeats: string
    deliver(
      items: readonly unknown[],
      context: { readonly id: DeliveryId; readonly resource: unknown; recognised(): void },
    ): unknown
  }
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const Order = t.type({ n: t.number })
const orders = (n: number, from = 0): { key: string; value: { n: number } }[] =>
  upTo(n).map((i) => ({ key: `user ${i % 7}`, value: { n: from + i } }))
const numbers = (list: readonly unknown[]): number[] => (list as number[]).toSorted((a, b) => a - b)

async function collected(build: (p: Pipeline) => PCollection<unknown>, strict = true): Promise<readonly unknown[]> {
  const p = pipeline()
  build(p).collect('all')
  const result = await run(p, strict ? { strict: true, seed: 7 } : {})
  return result.collect('all')
}

/** Waits until something holds of a run, then drains it. */
async function drainedWhen(running: RunningPipeline, holds: () => boolean): ReturnType<typeof run> {
  const until = performance.now() + 15_000
  while (!holds() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10))
  running.drain()
  return running.result
}

const codeOf = async (work: () => unknown): Promise<string | undefined> => {
  try {
    await work()
    return undefined
  } catch (error) {
    return errorCode(error) ?? errorCode((error as Error).cause)
  }
}

describe('reading to the end', () => {
  it('gives every record once, each partition in order, whatever bundles are cut', async () => {
    log.createTopic('orders', { partitions: 3 })
    log.append('orders', orders(500))
    const all = (await collected((p) =>
      p.apply('read', readLog({ folder, topic: 'orders', until: 'end', codec: Order, withMetadata: true })),
    )) as LogRecord<{ n: number }>[]
    expect(numbers(all.map(({ value }) => value.n))).toEqual(upTo(500))
    for (const partition of [0, 1, 2]) {
      const offsets = all.filter((record) => record.partition === partition).map(({ offset }) => offset)
      expect(offsets).toEqual(upTo(offsets.length))
    }
    expect(all.find(({ value }) => value.n === 7)).toMatchObject({ topic: 'orders', key: 'user 0', headers: new Map() })
  })

  it('ends at what was there when it began, and begins where it is told', async () => {
    log.createTopic('orders', { partitions: 2 })
    log.append(
      'orders',
      upTo(10).map((n) => ({ value: { n }, partition: n % 2 })),
    )
    const read = (from: 'beginning' | 'end' | ReadonlyMap<number, number>): Promise<readonly unknown[]> =>
      collected(
        (p) =>
        p.apply('read', readLog({ folder, topic: 'orders', until: 'end', from, codec: Order })).map('n', ({ n }) => {
          // Appended while it is read.
          if (n === 0) log.append('orders', [{ value: { n: 100 }, partition: 0 }])
          return n
        }, { codec: t.number }), // prettier-ignore
      )
    expect(await read('end')).toEqual([])
    expect(numbers(await read(new Map([[0, 3]])))).toEqual([1, 3, 5, 6, 7, 8, 9])
    const p = pipeline()
    p.apply('read', readLog({ folder, topic: 'orders', until: 'end' })).collect('all')
    expect((await run(p)).collect('all')).toHaveLength(10)
    expect(await codeOf(() => read(new Map([[0, 99]])))).toBe('MR-5408')
    expect(await codeOf(() => read(new Map([[2, 0]])))).toBe('MR-5402')
  })

  it('gives event times, and dead letters that say where a record lies', async () => {
    log.createTopic('orders')
    log.append('orders', [{ value: { n: 1 } }, { value: { m: 2 } }, { value: { n: -1 } }, { value: { n: 4 } }])
    const p = pipeline()
    const letters: DeadLetter[] = []
    const bad = p.errors('bad', (all) => all.map('keep', (letter) => letters.push(letter)))
    const timestamp = ({ value }: LogRecord<{ n: number }>): number => {
      if (value.n < 0) throw new Error('there is no such time')
      return value.n * 1000
    }
    p.apply('read', readLog({ folder, topic: 'orders', until: 'end', codec: Order, timestamp, onError: bad }))
      .windowInto('seconds', fixedWindows('1 second'))
      .parDo('when', { output: t.number, process: (_, { timestamp: at, emit }) => emit(at) })
      .collect('times')
    const result = await run(p)
    expect(result.collect('times')).toEqual([1000, 4000])
    expect(letters.map(({ error }) => error.message)).toEqual([
      expect.stringMatching(/^the record at offset 1 of partition 0 of topic "orders" cannot be used: \{ m: 2 \}/),
      expect.stringMatching(/^the record at offset 2 .* there is no such time/),
    ])
    expect(letters[0]?.element).toMatchObject({ topic: 'orders', partition: 0, offset: 1, value: { m: 2 } })
    expect(
      await codeOf(() =>
        collected((each) => each.apply('r', readLog({ folder, topic: 'orders', until: 'end', codec: Order }))),
      ),
    ).toBe('MR-4001')
  })

  it('takes any Standard Schema, also one that waits', async () => {
    log.createTopic('words')
    log.append('words', [{ value: 'tea' }, { value: 'cake' }])
    const slow = z.string().transform(async (word) => Promise.resolve(word.length))
    const read = readLog({ folder, topic: 'words', until: 'end', codec: slow })
    expectTypeOf(read).returns.toEqualTypeOf<PCollection<number>>()
    expect(numbers(await collected((p) => p.apply('read', read)))).toEqual([3, 4])
    const now = readLog({ folder, topic: 'words', until: 'end', codec: slow, timestamp: () => 0 })
    expect(await codeOf(() => collected((p) => p.apply('read', now)))).toBe('MR-4006')
  })

  it('fails where retention was faster, or goes on and counts', async () => {
    log.createTopic('orders', { retention: { records: 10 } })
    log.append('orders', orders(100))
    const read = (onLost: 'fail' | 'skip'): Pipeline => {
      const p = pipeline()
      const from = new Map([[0, 20]])
      p.apply('read', readLog({ folder, topic: 'orders', until: 'end', from, onLost, codec: Order })).collect('all')
      return p
    }
    await expect(run(read('fail'))).rejects.toThrow(/offset 20 of partition 0 of topic "orders" is gone/)
    const result = await run(read('skip'))
    expect(result.collect('all')).toEqual(upTo(10).map((i) => ({ n: 90 + i })))
    expect(result.metrics.get('read/read', 'lost')).toBe(70)
  })
})

describe('reading on', () => {
  it('gives what is appended meanwhile, and closes windows as time goes by', async () => {
    log.createTopic('orders', { partitions: 3 })
    log.append('orders', orders(50))
    const p = pipeline()
    const counts: number[] = []
    p.apply('read', readLog({ folder, topic: 'orders', pollEvery: 10, codec: Order }))
      .windowInto('windows', fixedWindows('200 ms'))
      .map('n', () => 'all')
      .countPerElement('count')
      .map('keep', ({ value }) => counts.push(value))
    const running = start(p)
    setTimeout(() => log.append('orders', orders(50, 50)), 100)
    // No drain has closed them: two windows of append times are behind the clock, in all partitions.
    await drainedWhen(running, () => counts.reduce((sum, each) => sum + each, 0) === 100)
    expect(counts.reduce((sum, each) => sum + each, 0)).toBe(100)
  })

  it('with times of its own needs a watermark policy', () => {
    const timestamp = (): number => 0
    const read = (options: object): unknown => readLog({ folder, topic: 'orders', ...options })
    const refused = [
      { timestamp },
      { watermark: watermarks.monotonic() },
      { timestamp, watermark: watermarks.manual() },
      { session: '1 second' },
      { until: 'noon' },
      { from: 'middle' },
      { from: new Map([[0, -1]]) },
      { onLost: 'cry' },
      { group: '' },
      { topik: 'orders' },
      { codec: 'text' },
    ]
    const codes = refused.map((options) => {
      try {
        read(options)
        return undefined
      } catch (error) {
        return errorCode(error)
      }
    })
    expect(codes).toEqual([
      'MR-1003',
      'MR-1016',
      'MR-1002',
      'MR-1016',
      'MR-1002',
      'MR-1002',
      'MR-1002',
      'MR-1002',
      'MR-1002',
      'MR-1001',
      'MR-1004',
    ])
    expect(() => read({ timestamp, watermark: watermarks.monotonic() })).not.toThrow()
  })
})

describe('reading as a group', () => {
  it('goes on where the group is, with every guarantee', async () => {
    log.createTopic('orders', { partitions: 3 })
    const seen: number[] = []
    for (const guarantee of ['gap', 'at-least-once'] as const) {
      const before = seen.length
      log.append('orders', orders(60, before))
      const p = pipeline()
      p.apply('read', readLog({ folder, topic: 'orders', group: 'g', pollEvery: 10, codec: Order })).map('keep', ({ n }) => seen.push(n)) // prettier-ignore
      const lag = (): number => log.group('g', 'orders').partitions.reduce((sum, each) => sum + each.lag, 0)
      await drainedWhen(start(p, { guarantee }), () => seen.length >= before + 60 && lag() === 0)
      expect(lag()).toBe(0)
      expect(log.group('g', 'orders').members).toEqual([])
    }
    expect(numbers(seen)).toEqual(upTo(120))
  })

  it('shares partitions between runs, and none is read twice', async () => {
    log.createTopic('orders', { partitions: 4 })
    const seen: number[][] = [[], []]
    const runs = seen.map((list) => {
      const p = pipeline()
      p.apply('read', readLog({ folder, topic: 'orders', group: 'g', pollEvery: 10, session: '2 seconds', codec: Order })).map('keep', ({ n }) => list.push(n)) // prettier-ignore
      return start(p)
    })
    const shared = (): boolean => log.group('g', 'orders').members.every(({ partitions }) => partitions.length === 2)
    const until = performance.now() + 15_000
    while (!(log.group('g', 'orders').members.length === 2 && shared()) && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 20))
    log.append(
      'orders',
      upTo(400).map((n) => ({ value: { n } })),
    )
    const isDone = (): boolean => seen.flat().length >= 400
    await Promise.all(runs.map((running) => drainedWhen(running, isDone)))
    expect(numbers(seen.flat())).toEqual(upTo(400))
    expect(seen.map(({ length }) => length)).toEqual([200, 200])
  })

  it('reads a partition to its end for the group, once, also bounded', async () => {
    log.createTopic('orders', { partitions: 2 })
    log.append('orders', orders(30))
    const read = (): Promise<readonly unknown[]> =>
      collected((p) => p.apply('read', readLog({ folder, topic: 'orders', group: 'g', until: 'end' })))
    expect([(await read()).length, (await read()).length]).toEqual([30, 0])
    log.append('orders', orders(5))
    expect(await read()).toHaveLength(5)
  })
})

describe('writing', () => {
  it('appends what a pipeline makes, with keys, headers, times and topics', async () => {
    log.createTopic('even', { partitions: 4 })
    const p = pipeline()
    p.create('numbers', upTo(10), { timestamp: (n) => n * 1000 }).apply(
      'write',
      writeLog<number>({
        folder,
        topic: (n) => (n % 2 === 0 ? 'even' : 'odd'),
        create: { partitions: 2 },
        key: (n) => `k${n % 4}`,
        headers: (n) => new Map([['n', String(n)]]),
        sync: 'normal',
      }),
    )
    await run(p)
    const records = (topic: string): readonly LogRecord[] =>
      log.partitions(topic).flatMap(({ partition }) => log.read(topic, partition, 0))
    expect(log.topics().map(({ name, partitions }) => [name, partitions])).toEqual([['even', 4], ['odd', 2]]) // prettier-ignore
    expect(numbers(records('even').map(({ value }) => value))).toEqual([0, 2, 4, 6, 8])
    expect(records('odd').find(({ value }) => value === 3)).toMatchObject({
      key: 'k3',
      timestamp: 3000,
      headers: new Map([['n', '3']]),
    })
  })

  it('stores what a codec encodes to, and refuses values one by one', async () => {
    log.createTopic('t', { compact: true })
    const Day = new t.Type<Date, string>(
      'Day',
      (value): value is Date => value instanceof Date,
      (value, context) => (typeof value === 'string' ? t.success(new Date(value)) : t.failure(value, context)),
      (date) => date.toISOString(),
    )
    const p = pipeline()
    const letters: DeadLetter[] = []
    const bad = p.errors('bad', (all) => all.map('keep', (letter) => letters.push(letter)))
    const key = (value: Date): string | undefined => (value.getTime() === 0 ? undefined : 'k')
    p.create('days', [new Date(5), new Date(0), 'no day' as unknown as Date]).apply('write', writeLog<Date>({ folder, topic: 't', codec: Day, key, onError: bad })) // prettier-ignore
    await run(p)
    expect(log.read('t', 0, 0).map(({ value }) => value)).toEqual(['1970-01-01T00:00:00.005Z'])
    expect(letters).toHaveLength(2)
    expect(await collected((q) => q.apply('read', readLog({ folder, topic: 't', until: 'end', codec: Day })))).toEqual([new Date(5)]) // prettier-ignore
  })

  it('appends once what is delivered twice', async () => {
    log.createTopic('t')
    const p = pipeline()
    p.create('words', ['tea', 'cake']).apply('write', writeLog<string>({ folder, topic: 't' }))
    const { delivery, setup, teardown } = [...p.build().functions.all()]
      .map(([, fn]) => (fn as { readonly doFn?: Delivering }).doFn)
      .find((doFn) => doFn?.delivery !== undefined) as Delivering
    const resource = await setup({ env: platformEnv() })
    const items = [{ topic: 't', record: { value: 'tea' } }]
    const recognised: number[] = []
    const deliver = (batch: number): unknown =>
      delivery.deliver(items, {
        id: { query: 'q', step: 'write', batch, shard: 0 },
        resource,
        recognised: () => recognised.push(batch),
      })
    for (const batch of [0, 0, 1, 0, 1]) deliver(batch)
    teardown({ resource })
    expect(log.read('t', 0, 0)).toHaveLength(2)
    expect(recognised).toEqual([0, 0, 1])
    expect(delivery.repeats).toBe('recognised')
  })

  it('to a topic that is not there fails, and refuses options that there are not', async () => {
    const write = (options: object): Promise<unknown> => {
      const p = pipeline()
      p.create('words', ['tea']).apply('write', writeLog({ folder, topic: 't', ...options }))
      return run(p)
    }
    expect(await codeOf(() => write({}))).toBe('MR-5402')
    expect(await codeOf(() => write({ create: { partitions: 2 }, partition: () => 2 }))).toBe('MR-5402')
    expect(await codeOf(() => write({ compact: true }))).toBe('MR-1001')
    expect(await codeOf(() => write({ key: 'id' }))).toBe('MR-1004')
    expect(await codeOf(() => write({ sync: 'never' }))).toBe('MR-1002')
    expect(await codeOf(() => write({ topic: '' }))).toBe('MR-1002')
  })

  it('and reading what was written are one stream, from pipeline to pipeline', async () => {
    log.createTopic('words', { partitions: 2 })
    const source = pipeline()
    source.create('words', upTo(100), { codec: t.number }).apply('write', writeLog<number>({ folder, topic: 'words' }))
    const seen: number[] = []
    const sink = pipeline()
    sink.apply('read', readLog({ folder, topic: 'words', group: 'g', pollEvery: 10, codec: t.number })).map('keep', (n) => seen.push(n)) // prettier-ignore
    const running = start(sink, { guarantee: 'at-least-once' })
    await run(source)
    await drainedWhen(running, () => seen.length >= 100)
    expect(numbers(seen)).toEqual(upTo(100))
  })
})
