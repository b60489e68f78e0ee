/**
 * The numbers of a status, at known points of scripted runs; and runs that are paused.
 */
import { describe, expect, it } from 'vitest'
import {
  afterCount,
  afterWatermark,
  fixedWindows,
  kv,
  pipeline,
  type PCollection,
  type PaneStatus,
  repeatedly,
  run,
  type RunStatus,
  sessionWindows,
  slidingWindows,
  start,
  state,
  timer,
  TIMESTAMP_MAX,
  TIMESTAMP_MIN,
  typed,
} from 'millrace'
import { at } from 'millrace/testing'
import { fed, look, looks, reason, script, stepOf, until } from '../conformance/support/looks.js'

const counted = (words: PCollection<string>): PCollection<unknown> =>
  words.keyBy('key', (word) => word).countPerKey('count')

describe('the numbers of a status', () => {
  it('elements, watermarks, keys and what is awaited are those of the script, before, between and after', async () => {
    const scripted = script()
      .add(look)
      .add(at(1, 'a'), at(2, 'b'), at(3, 'a'))
      .add(look)
      .advanceWatermarkTo(5)
      .add(look)
      .advanceWatermarkTo(10)
      .add(look)
    const [empty, held, moved, fired, ended] = await looks(scripted, (words) =>
      counted(words.windowInto('tens', fixedWindows(10))).collect('out'),
    )
    const numbers = (status: RunStatus | undefined, name: string): unknown => {
      const { elementsIn, elementsOut, inputWatermark, outputWatermark, stateKeys, windows } = stepOf(status, name)
      return [elementsIn, elementsOut, inputWatermark, outputWatermark, stateKeys, windows]
    }
    expect(numbers(empty, 'count')).toEqual([0, 0, TIMESTAMP_MIN, TIMESTAMP_MIN, 0, 0])
    expect(numbers(held, 'count')).toEqual([3, 0, TIMESTAMP_MIN, TIMESTAMP_MIN, 2, 1])
    expect(numbers(moved, 'count')).toEqual([3, 0, 5, 5, 2, 1])
    expect(numbers(fired, 'count')).toEqual([3, 2, 10, 10, 0, 0])
    expect(numbers(ended, 'count')).toEqual([3, 2, TIMESTAMP_MAX, TIMESTAMP_MAX, 0, 0])
    // The script's elements are those of all four looks, too.
    expect(numbers(ended, 'in')).toEqual([0, 7, TIMESTAMP_MAX, TIMESTAMP_MAX, 0, 0])
    expect(numbers(ended, 'collect out')).toEqual([2, 0, TIMESTAMP_MAX, TIMESTAMP_MAX, 0, 0])
    expect(stepOf(moved, 'count')).toMatchObject({
      inputs: ['key'],
      lagMillis: -5,
      hold: { kind: 'upstream', at: 5, step: 'key' },
      awaits: { kind: 'pane', window: { start: 0, end: 10 }, keys: 2, passes: 9, isExpiry: false },
    })
    expect(stepOf(moved, 'in').hold).toMatchObject({
      kind: 'source',
      because: 'script',
      script: { played: 5, events: 7 },
    })
    expect([moved?.state, moved?.watermark, ended?.state, ended?.watermark]).toEqual([
      'running',
      5,
      'done',
      TIMESTAMP_MAX,
    ])
    expect(ended?.steps.every(({ hold, awaits }) => hold.kind === 'none' && awaits === undefined)).toBe(true)
  })

  it('it counts what is dropped as late, dead letters and calls that were tried again', async () => {
    const scripted = script().add(at(1, 'a')).advanceWatermarkTo(20).add(at(2, 'b'), at(3, 'c')).add(look)
    const [status] = await looks(scripted, (words, p) => {
      const onError = p.errors('bad', (letters) => letters.collect('letters'))
      counted(words.windowInto('tens', fixedWindows(10))).collect('out')
      words.map('fails', (word) => { if (word === 'b') throw new Error(word); return word }, { onError, retry: { attempts: 2 } }).collect('rest') // prettier-ignore
    })
    expect(stepOf(status, 'count').droppedLate).toBe(2)
    expect(stepOf(status, 'fails')).toMatchObject({ elementsIn: 3, elementsOut: 3, deadLetters: 1, retries: 1 })
  })

  it('sliding windows count the keys of their slices, sessions each window of a key', async () => {
    const scripted = script().add(at(1, 'a'), at(2, 'b'), at(11, 'a')).add(look)
    const [sliding] = await looks(scripted, (words) =>
      counted(words.windowInto('w', slidingWindows(20, { every: 10 }))).collect('out'),
    )
    expect(stepOf(sliding, 'count')).toMatchObject({
      stateKeys: 3,
      awaits: { window: { start: -10, end: 10 }, keys: 2 },
    })
    const [sessions] = await looks(scripted, (words) =>
      counted(words.windowInto('w', sessionWindows(5))).collect('out'),
    )
    expect(stepOf(sessions, 'count')).toMatchObject({
      stateKeys: 3,
      windows: 3,
      awaits: { window: { start: 1, end: 6 }, key: '"a"', keys: 1 },
    })
  })

  it('the last panes that fired come in order, with timing and index, as many as were asked for', async () => {
    const scripted = script()
      .add(at(1, 'a'))
      .add(at(2, 'a'))
      .advanceWatermarkTo(10)
      .add(at(3, 'a'))
      .add(look)
      .advanceWatermarkTo(200)
    const build = (words: PCollection<string>): void =>
      void counted(
        words.windowInto('tens', fixedWindows(10), {
          trigger: afterWatermark({ early: repeatedly(afterCount(1)), late: repeatedly(afterCount(1)) }),
          allowedLateness: 100,
          accumulation: 'accumulating',
        }),
      ).collect('out')
    const short = ({ step, key, value, timing, index, isLast, sequence }: PaneStatus): unknown =>
      [step, key, value, timing, index, isLast, sequence].join(' ')
    const [status, ended] = await looks(scripted, build, { panes: 3 })
    expect(status?.panes.map(short)).toEqual([
      'count "a" 2 early 1 false 1',
      'count "a" 2 onTime 2 false 2',
      'count "a" 3 late 3 false 3',
    ])
    expect(ended?.panes).toHaveLength(3)
    const [unobserved] = await looks(scripted, build)
    expect(unobserved?.panes).toEqual([])
  })

  it('timers that are set are counted, those set again once, and those that fired or were cleared not', async () => {
    const scripted = script().add(at(1, 'a'), at(2, 'b'), at(3, 'a')).add(look).advanceWatermarkTo(6).add(look)
    const [set, fired] = await looks(scripted, (words) =>
      words
        .map('pair', (word) => kv(word, 1))
        .parDo('remind', {
          output: typed<string>(),
          state: { n: state.value(typed<number>(), { initial: 0 }) },
          timers: { early: timer.eventTime(), late: timer.eventTime() },
          process: ({ key }, { timers }) => {
            timers.early.set(5)
            timers.late.set(key === 'a' ? 50 : 40)
          },
          onTimer: { early: ({ key, timers }) => { if (key === 'b') timers.late.clear() }, late: () => undefined }, // prettier-ignore
        })
        .collect('out'),
    )
    expect(stepOf(set, 'remind')).toMatchObject({
      timers: 4,
      stateKeys: 2,
      awaits: { kind: 'timer', timer: 'early', fires: 5, clock: 'eventTime' },
    })
    expect(stepOf(fired, 'remind')).toMatchObject({
      timers: 1,
      stateKeys: 1,
      awaits: { kind: 'timer', timer: 'late', key: '"a"', fires: 50 },
    })
  })
})

describe('who looks', () => {
  it('run() hands its handle to an observer, and the end of the run is seen there', async () => {
    let states: string[] = []
    const p = pipeline()
    p.create('numbers', [1, 2, 3]).collect('all')
    await run(p, {
      observe: ({ status, result }) => {
        states.push(status().state)
        void result.then(() => (states = [...states, status().state]))
      },
    })
    expect(states).toEqual(['running', 'done'])
    await expect(run(p, { observe: 5 as never })).rejects.toThrow('observe must be a function')
  })

  it('a status is data: it can be cloned and written as JSON', async () => {
    const scripted = script().add(at(1, 'a')).advanceWatermarkTo(20).add(look)
    const windowed = (words: PCollection<string>): unknown => counted(words.windowInto('tens', fixedWindows(10))).collect('out') // prettier-ignore
    const [status] = await looks(scripted, windowed, { panes: 5 })
    expect(status?.panes).toHaveLength(1)
    expect(structuredClone(status)).toEqual(status)
    expect(() => JSON.stringify(status)).not.toThrow()
  })

  it('observers of panes that want different numbers get what the one with most wants, until it leaves', async () => {
    const p = pipeline()
    p.create('numbers', [1, 2, 3, 4]).keyBy('key', String).countPerKey('count').collect('all')
    const running = start(p)
    const leave = running.recordPanes(3)
    running.recordPanes(1)
    await running.result
    expect(running.status().panes.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
    leave()
    leave()
    expect(running.status().panes.map(({ sequence }) => sequence)).toEqual([3])
    expect(() => running.recordPanes(0)).toThrow('recordPanes needs a whole number of panes from 1, but was given 0')
  })
})

describe('a run that is paused', () => {
  it('reads nothing until it is resumed, and says so', async () => {
    const times: number[] = [1]
    const p = pipeline()
    p.apply('read', fed('a', times)).collect('out')
    const running = start(p)
    await until(() => stepOf(running.status(), 'read').elementsOut === 1)
    expect(running.pause()).toBe(true)
    times.push(2, 3)
    await new Promise((resolve) => setTimeout(resolve, 60))
    const paused = running.status()
    expect(paused.state).toBe('paused')
    expect(stepOf(paused, 'read')).toMatchObject({ elementsOut: 1, hold: { kind: 'source', because: 'paused' } })
    expect(reason(paused, 'read')).toContain('the run is paused')
    running.resume()
    await until(() => stepOf(running.status(), 'read').elementsOut === 3)
    expect(running.status().state).toBe('running')
    running.drain()
    expect(running.pause()).toBe(false)
    expect((await running.result).state).toBe('DRAINED')
    expect(running.pause()).toBe(false)
  })

  it('can be drained and cancelled', async () => {
    for (const end of ['drain', 'cancel'] as const) {
      const p = pipeline()
      p.apply('read', fed('a', [1])).collect('out')
      const running = start(p)
      await until(() => stepOf(running.status(), 'read').elementsOut === 1)
      running.pause()
      running[end]()
      expect((await running.result).state).toBe(end === 'drain' ? 'DRAINED' : 'CANCELLED')
    }
  })

  it('a script plays nothing, and goes on where it was', async () => {
    const p = pipeline()
    p.apply('in', script().add(at(1, 'a')).advanceWatermarkTo(5).add(at(6, 'b')).end()).collect('out')
    const running = start(p)
    expect(running.pause()).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(stepOf(running.status(), 'in')).toMatchObject({
      elementsOut: 0,
      hold: { because: 'paused', script: { played: 0, events: 3 } },
    })
    running.resume()
    expect((await running.result).collect('out')).toEqual(['a', 'b'])
  })

  it('no partition becomes idle by it, so nothing that comes afterwards is late', async () => {
    const times: number[] = [1000]
    const p = pipeline()
    p.apply('read', fed('a', times, 80)).collect('out')
    const running = start(p)
    await until(() => stepOf(running.status(), 'read').elementsOut === 1)
    running.pause()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(stepOf(running.status(), 'read').outputWatermark).toBe(1000)
    running.resume()
    expect(stepOf(running.status(), 'read').partitions[0]?.isIdle).toBe(false)
    await until(() => stepOf(running.status(), 'read').partitions[0]?.isIdle === true)
    await until(() => stepOf(running.status(), 'read').outputWatermark > 1000)
    expect(stepOf(running.status(), 'read').hold).toMatchObject({ because: 'idle' })
    expect(reason(running.status(), 'read')).toMatch(/because|: it has been idle for 0\.\d s and follows the clock/)
    running.cancel()
    await running.result
  })
})
