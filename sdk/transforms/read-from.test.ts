import { describe, expect, it } from 'vitest'
import {
  type Env,
  fixedWindows,
  pipeline,
  readFrom,
  run,
  type RunOptions,
  type SourceDeclaration,
  type TypeOnly,
  typed,
  watermarks,
} from 'millrace'
import { systemEnv } from 'millrace/direct'
import { inEveryMode } from '../../conformance/support/modes.js'

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

type Declared = SourceDeclaration<TypeOnly<number>, number, undefined>

/** Reads the numbers up to `to`, each known by its tens. */
const counting = (to: number, rest: Partial<Declared> = {}): Declared => ({
  output: typed<number>(),
  bounded: true,
  replayable: true,
  watermark: watermarks.none(),
  open: (mark = 0) => {
    let next = mark
    return {
      read: () => (next < to ? { value: next, timestamp: next, id: String(Math.floor(next++ / 10)) } : 'end'),
      mark: () => next,
      backlog: () => to - next,
    }
  },
  ...rest,
})

const values = async (declared: Declared, options: RunOptions = {}): Promise<number[]> => {
  const p = pipeline()
  p.apply('read', readFrom(declared)).collect('out')
  return [...(await run(p, options)).collect<number>('out')].sort((a, b) => a - b)
}

inEveryMode((options) => {
  it('reads each record once, bounded or not, in one part or several', async () => {
    expect(await values(counting(500), options)).toEqual(upTo(500))
    expect(await values(counting(500, { bounded: false }), options)).toEqual(upTo(500))
    const split = (parts: number): readonly number[] => upTo(parts)
    const parted = counting(0, {
      split,
      open: (mark = -1) => {
        // Which part: the marks of a part stay in its residue class; one reader alone reads all.
        let next = mark
        const step = mark < 0 ? 1 : 0
        return { read: () => (step === 1 && next < 9 ? { value: ++next } : 'end'), mark: () => next }
      },
    })
    const read = await values(parted, options)
    expect([upTo(10), []]).toContainEqual(read)
  })

  it('ends after so many records', async () => {
    expect(await values(counting(500, { maxRecords: 123, bounded: false }), options)).toEqual(upTo(123))
    expect(await values(counting(500, { maxRecords: 0 }), options)).toEqual([])
  })

  it('begins where it says', async () => {
    expect(await values(counting(50, { begin: () => 20 }))).toEqual(upTo(50).slice(20))
  })

  it('acknowledges marks in order, the last one last', async () => {
    const marks: number[] = []
    await values(counting(300, { acknowledge: (mark) => void marks.push(mark) }), options)
    expect(marks).toEqual([...marks].sort((a, b) => a - b))
    expect(marks.at(-1)).toBe(300)
  })

  it('drops what it has read before, when asked', async () => {
    expect(await values(counting(100, { deduplicate: '1 hour' }), options)).toEqual(upTo(10).map((n) => n * 10))
  })

  it('a watermark closes windows while it reads, and one that goes back is ignored', async () => {
    const p = pipeline()
    let next = 0
    const declared = counting(0, {
      bounded: false,
      watermark: watermarks.manual(),
      open: () => ({
        read: () => (next < 40 ? { value: next, timestamp: next++ } : 'end'),
        mark: () => next,
        watermark: () => (next % 2 === 0 ? next : 0),
      }),
    })
    p.apply('read', readFrom(declared))
      .windowInto('tens', fixedWindows(10))
      .keyBy('all', () => 'all')
      .countPerKey('count')
      .collect('out')
    const result = await run(p, options)
    expect(result.collect<{ value: number }>('out').map(({ value }) => value)).toEqual([10, 10, 10, 10])
    expect(result.metrics.counter('droppedDueToLateness')).toBe(0)
  })
})

describe('time', () => {
  it('polls when there is nothing, and ends when it has read for so long', async () => {
    let now = 0
    let polls = 0
    const env: Env = {
      ...systemEnv(),
      now: () => now,
      monotonic: () => now,
      setTimer: (millis, callback) => {
        const handle = setImmediate(() => {
          if (millis < 1000) now += Math.max(1, millis)
          callback()
        })
        return { cancel: () => clearImmediate(handle) }
      },
    }
    const idle = counting(0, {
      bounded: false,
      pollEvery: 100,
      maxReadTime: '1 second',
      open: () => ({ read: () => (polls++ === 2 ? { value: 7 } : 'idle'), mark: () => 0 }),
    })
    expect(await values(idle, { env })).toEqual([7])
    expect(now).toBeGreaterThanOrEqual(1000)
    expect(polls).toBeLessThan(15)
  })

  it('readers and setup may be asynchronous; readers are closed, then the resource', async () => {
    const calls: string[] = []
    const p = pipeline()
    p.apply(
      'read',
      readFrom({
        output: typed<number>(),
        bounded: true,
        replayable: true,
        watermark: watermarks.none(),
        setup: async () => Promise.resolve({ name: 'pool' }),
        teardown: ({ resource }) => void calls.push(`teardown ${resource.name}`),
        open: async (mark: number | undefined, { resource }) => {
          calls.push(`open ${resource.name} at ${String(mark)}`)
          let next = 0
          return Promise.resolve({
            read: async () => Promise.resolve(next < 3 ? { value: next++ } : ('end' as const)),
            mark: () => next,
            close: () => void calls.push('close'),
          })
        },
      }),
    ).collect('out')
    expect((await run(p)).collect('out')).toEqual([0, 1, 2])
    expect(calls).toEqual(['open pool at undefined', 'close', 'teardown pool'])
  })
})

it('what is wrong is refused, or named', async () => {
  expect(() => readFrom(counting(1, { maxRecords: -1 }))).toThrow(/maxRecords of readFrom must be a whole number/)
  expect(() => readFrom(counting(1, { open: undefined as never }))).toThrow(/needs a function `open`/)
  expect(() => readFrom(counting(1, { pollEvery: 'soon' as never }))).toThrow(/pollEvery of readFrom/)
  expect(() => readFrom(counting(1, { begin: () => 0, split: () => [0] }))).toThrow(/both `begin` and `split`/)
  const p = pipeline()
  p.apply(
    'read',
    readFrom(counting(0, { open: () => ({ read: () => Promise.reject(new Error('unplugged')), mark: () => 0 }) })),
  )
  await expect(run(p)).rejects.toThrow(/step "read" failed in process: unplugged/)
})
