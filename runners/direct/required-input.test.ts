import { describe, expect, it } from 'vitest'
import * as t from 'io-ts'
import { fixedWindows, kv, pipeline, run, state, timer, typed } from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'
import { fuse } from '../core/fusion.js'

const output = typed<string>()
const keys = ['a', 'b', 'c']

/** The timestamps that a step saw, by key, from what it emitted as `key timestamp`. */
function byKey(seen: readonly string[]): Map<string, number[]> {
  const all = new Map<string, number[]>(keys.map((key) => [key, []]))
  for (const text of seen) all.get(text.split(' ')[0] ?? '')?.push(Number(text.split(' ')[1]))
  return all
}

const isSorted = (times: readonly number[]): boolean => times.every((time, i) => i === 0 || (times[i - 1] ?? 0) <= time)

const sorted = {
  output,
  requiresTimeSortedInput: true,
  state: { n: state.value(t.number, { initial: 0 }) },
}

inEveryMode((options) => {
  it('a step that wants its input sorted gets the elements of each key by time, and so does the next one', async () => {
    const p = pipeline()
    const reversed = Array.from({ length: 1000 }, (_, i) => kv(keys[i % 3] ?? '', 1000 - i))
    p.create('pairs', reversed, { timestamp: ({ value }) => value })
      .windowInto('hundreds', fixedWindows(100))
      .parDo('first', {
        ...sorted,
        output: typed<{ key: string; value: number }>(),
        process({ key, value }, { state, emit, timestamp }) {
          state.n.write(state.n.read() + 1)
          expect(value).toBe(timestamp)
          emit(kv(key, value))
        },
      })
      .parDo('second', { ...sorted, process: ({ key }, { emit, timestamp }) => emit(`${key} ${timestamp}`) })
      .collect('out')
    const result = await run(p, options)
    const seen = byKey(result.collect('out'))
    for (const times of seen.values()) expect(isSorted(times)).toBe(true)
    expect([...seen.values()].flat()).toHaveLength(1000)
    expect(result.metrics.counter('droppedDueToLateness')).toBe(0)
  })

  it('waits for late elements as long as they may come, and drops and counts what comes later', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<{ key: string; value: string }>()
        .add(at(7, kv('a', 'seven')), at(3, kv('a', 'three')))
        .advanceWatermarkTo(9)
        .add(at(5, kv('a', 'five, late')))
        .advanceWatermarkTo(13)
        .add(at(2, kv('a', 'two, too late')), at(11, kv('a', 'eleven')))
        .advanceWatermarkTo(40)
        .end(),
    )
      .windowInto('hundreds', fixedWindows(100), { allowedLateness: 5 })
      .parDo('sorted', { ...sorted, process: ({ value }, { emit }) => emit(value) })
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('out')).toEqual(['three', 'five, late', 'seven', 'eleven'])
    expect(result.metrics.counter('droppedDueToLateness', 'sorted')).toBe(1)
  })

  it('with no lateness gives what is in time, sorted, with the watermark held for it', async () => {
    const p = pipeline()
    p.apply(
      'events',
      testStream<{ key: string; value: string }>()
        .add(at(7, kv('a', 'seven')), at(3, kv('a', 'three')))
        .advanceWatermarkTo(5)
        .add(at(4, kv('a', 'four, late')), at(6, kv('a', 'six')))
        .end(),
    )
      .windowInto('tens', fixedWindows(10))
      .parDo('sorted', {
        ...sorted,
        timers: { end: timer.eventTime() },
        process({ value }, { emit, timers, window }) {
          timers.end.set(window.maxTimestamp)
          emit(value)
        },
        onTimer: { end: ({ emit }) => emit('end') },
        onWindowExpiration: ({ emit, state }) => emit(`expired ${state.n.read()}`),
      })
      .combineGlobally('all', {
        of: (x: string) => [x],
        monoid: { empty: [], concat: (a: string[], b: string[]) => [...a, ...b] },
      }) // prettier-ignore
      .collect('out')
    const result = await run(p, options)
    expect(result.metrics.counter('droppedDueToLateness', 'sorted')).toBe(1)
    expect(result.metrics.counter('droppedDueToLateness')).toBe(1)
    expect((result.collect('out')[0] as string[]).filter((x) => !x.startsWith('expired')).sort()).toEqual(['end', 'seven', 'six', 'three']) // prettier-ignore
  })

  it('keeps calls of a key in order when they wait', async () => {
    const p = pipeline()
    const values = Array.from({ length: 60 }, (_, i) => kv(keys[i % 3] ?? '', (i * 37) % 60))
    p.create('pairs', values, { timestamp: ({ value }) => value })
      .parDo('slow', {
        ...sorted,
        async process({ key }, { state, emit, timestamp }) {
          const before = state.n.read()
          await Promise.resolve()
          state.n.write(before + 1)
          emit(`${key} ${timestamp}`)
        },
        onWindowExpiration: ({ key, state, emit }) => emit(`${key} ${1000 + state.n.read()}`),
      })
      .collect('out')
    const seen = byKey((await run(p, options)).collect('out'))
    for (const times of seen.values()) {
      expect(isSorted(times)).toBe(true)
      expect(times.at(-1)).toBe(1020)
    }
  })

  it('an element of stable input is the same in every attempt, and steps before it do not run again', async () => {
    const p = pipeline()
    const attempts = new Map<string, number[]>()
    let made = 0
    p.create('names', ['a', 'b', 'c'])
      .parDo('draw', {
        output: typed<{ key: string; value: { drawn: number } }>(),
        process(name, { emit, random }) {
          made++
          emit(kv(name, { drawn: random() }))
        },
      })
      .parDo('pay', {
        output: typed<number>(),
        requiresStableInput: true,
        retry: { attempts: 3 },
        process({ key, value }, { emit }) {
          const seen = attempts.get(key) ?? []
          attempts.set(key, [...seen, value.drawn])
          if (seen.length < 2) throw new Error('not yet')
          emit(value.drawn)
        },
      })
      .collect('out')
    const out = (await run(p, options)).collect<number>('out')
    expect(made).toBe(3)
    for (const drawn of attempts.values()) expect(new Set(drawn).size).toBe(1)
    expect([...attempts.values()].map(([first]) => first).sort()).toEqual([...out].sort())
  })
})

describe('stable input', () => {
  it('begins a stage of its own, so that what it reads is stored first', () => {
    const stagesWith = (requiresStableInput: boolean): readonly string[] => {
      const p = pipeline()
      p.create('numbers', [1])
        .map('twice', (n) => 2 * n)
        .parDo('pay', { requiresStableInput, process: () => undefined })
      return fuse(p.build()).stages.map(({ name }) => name)
    }
    expect(stagesWith(true)).toEqual([...stagesWith(false), 'pay'])
  })
})

describe('construction', () => {
  it('refuses to sort the input of a step without state', () => {
    const step = { requiresTimeSortedInput: true, process: () => undefined }
    expect(() =>
      pipeline()
        .create('n', [kv('a', 1)])
        .parDo('sorted', step),
    ).toThrow(/step "sorted" has requiresTimeSortedInput but no state or timers/)
  })
})
