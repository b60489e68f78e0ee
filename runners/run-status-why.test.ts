/** Why results have not come: a sentence for each thing that may hold a watermark, and its way upstream. */
import { describe, expect, it } from 'vitest'
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  fixedWindows,
  flatten,
  kv,
  pipeline,
  repeatedly,
  start,
  state,
  timer,
  typed,
  why,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { fed, look, looks, reason, script, stepOf, until } from '../conformance/support/looks.js'

const tens = fixedWindows('10 seconds')
const second = (n: number): number => n * 1000
const output = typed<string>()

describe('why a step has not answered', () => {
  it('a window waits for its watermark, and the script behind it for its next event', async () => {
    const scripted = script().add(at(1, 'a'), at(2, 'b')).advanceWatermarkTo(second(4)).add(look)
    const [status] = await looks(scripted, (words) =>
      words
        .windowInto('w', tens)
        .keyBy('key', (w) => w)
        .countPerKey('count')
        .collect('out'),
    )
    expect(why(status as never)).toEqual([
      {
        step: 'count',
        watermark: second(4),
        text: '"count" is waiting: window [00:00:00, 00:00:10) with 2 keys closes when its watermark passes 00:00:09.999; its input "in" is at 00:00:04 because its script has played 3 of 3 events.',
        chain: [
          { step: 'count', hold: stepOf(status, 'count').hold },
          { step: 'in', hold: stepOf(status, 'in').hold },
        ],
        cause: 'in',
        hint: undefined,
      },
    ])
  })

  it('a trigger that is not met is named, with the expiry that would end its waiting', async () => {
    const scripted = script().add(at(1, 'a')).advanceWatermarkTo(second(4)).add(look)
    const [status] = await looks(scripted, (words) =>
      words
        .windowInto('w', tens, { trigger: repeatedly(afterCount(3)), allowedLateness: '5 seconds' })
        .keyBy('key', (w) => w)
        .countPerKey('count')
        .collect('out'),
    )
    expect(reason(status, 'count')).toBe(
      '"count" is waiting: window [00:00:00, 00:00:10) with key "a" has not fired (its trigger waits for 3 elements in a pane) and expires when the watermark passes 00:00:14.999; its input "in" is at 00:00:04 because its script has played 3 of 3 events.',
    )
  })

  it('a pane whose timestamp is that of its first element holds the watermark itself', async () => {
    const scripted = script()
      .add(at(second(1), 'a'))
      .advanceWatermarkTo(second(4))
      .add(look)
    const [status] = await looks(scripted, (words) =>
      words
        .windowInto('w', tens, { timestampCombiner: 'earliest' })
        .keyBy('key', (w) => w)
        .countPerKey('count')
        .collect('out'),
    )
    expect(stepOf(status, 'count')).toMatchObject({
      inputWatermark: second(4),
      outputWatermark: second(1),
      hold: { kind: 'pane', at: second(1), key: '"a"', passes: 9999 },
    })
    expect(reason(status, 'count')).toMatch(
      /^"count" holds the watermark at 00:00:01: window \[00:00:00, 00:00:10\) with key "a" closes when its watermark passes 00:00:09.999; its input "in" is at 00:00:04/,
    )
    // What comes after it is only as far; the cause is not its own.
    expect(stepOf(status, 'collect out').hold).toEqual({ kind: 'upstream', at: second(1), step: 'count' })
  })

  it('timers hold at the timestamp of their output, and say on which clock they wait', async () => {
    const scripted = script()
      .add(at(second(1), 'a'))
      .advanceWatermarkTo(second(4))
      .add(look)
    const withTimer = (kind: 'event' | 'clock'): ReturnType<typeof looks> =>
      looks(scripted, (words) => {
        const pairs = words.map('pair', (word) => kv(word, 1))
        const reminded =
          kind === 'event'
            ? pairs.parDo('remind', {
                output,
                timers: { due: timer.eventTime() },
                process: (_, { timers }) => timers.due.set(second(8), { outputTimestamp: second(2) }),
                onTimer: { due: () => undefined },
              })
            : pairs.parDo('remind', {
                output,
                timers: { due: timer.processingTime() },
                process: (_, { timers }) => timers.due.setRelative(second(8)),
                onTimer: { due: () => undefined },
              })
        reminded.collect('out')
      })
    const [event] = await withTimer('event')
    expect(stepOf(event, 'remind')).toMatchObject({ outputWatermark: second(2), hold: { kind: 'timer', fires: 8000 } })
    expect(reason(event, 'remind')).toBe(
      '"remind" holds the watermark at 00:00:02: timer "due" of key "a" in the global window fires when the watermark passes 00:00:08; its input "in" is at 00:00:04 because its script has played 3 of 3 events.',
    )
    const [clock] = await withTimer('clock')
    expect(stepOf(clock, 'remind').hold).toMatchObject({ kind: 'timer', at: second(1), clock: 'processingTime' })
    expect(reason(clock, 'remind')).toBe(
      '"remind" holds the watermark at 00:00:01: timer "due" of key "a" in the global window fires when the clock comes to 00:00:08, in 8.0 s.',
    )
  })

  it('elements that wait for a side input name its window, and the explanation goes on at the view', async () => {
    const scripted = script()
      .add(at(second(1), 'a'), at(second(2), 'b'))
      .advanceWatermarkTo(second(30))
      .add(look)
    const [status] = await looks(scripted, (words, p) => {
      const rates = p
        .apply(
          'rates',
          testStream<number>()
            .add(at(0, 1))
            .advanceWatermarkTo(second(3))
            .add(at(second(4), 2))
            .add(at(second(4), 2))
            .end(),
        ) // prettier-ignore
        .windowInto('rate windows', tens)
        .asList('rates view')
      words
        .windowInto('w', tens)
        .parDo('convert', { output, sides: { rates }, process: (word, { emit }) => emit(word) })
        .collect('out')
    })
    expect(stepOf(status, 'convert')).toMatchObject({
      pushedBack: 2,
      outputWatermark: second(1),
      hold: { kind: 'sideInput', view: 'rates view', window: { start: 0, end: second(10) }, elements: 2 },
    })
    const [explanation] = why(status as never, 'convert')
    expect(explanation?.text).toMatch(
      /^"convert" holds the watermark at 00:00:01: 2 elements wait for side input "rates view" of window \[00:00:00, 00:00:10\), which is complete when ".+" passes 00:00:09.999; "rates" is at 00:00:03 because its script has played \d of 4 events\.$/,
    )
    expect(explanation?.cause).toBe('rates')
  })

  it('elements that wait to be sorted, and windows that end with their state, are named', async () => {
    const scripted = script()
      .add(at(second(1), 'a'))
      .advanceWatermarkTo(second(1))
      .add(look)
    const [sorted, expiring] = [
      await looks(scripted, (words) =>
        words
          .windowInto('w', tens, { allowedLateness: '2 seconds' })
          .map('pair', (word) => kv(word, 1))
          .parDo('step', {
            output,
            requiresTimeSortedInput: true,
            state: { n: state.value(typed<number>()) },
            process: () => undefined,
          })
          .collect('out'),
      ),
      await looks(
        script()
          .add(at(second(1), 'a'))
          .advanceWatermarkTo(second(11))
          .add(look),
        (words) =>
          words
            .windowInto('w', tens, { allowedLateness: '5 seconds' })
            .map('pair', (word) => kv(word, 1))
            .parDo('step', {
              output,
              state: { n: state.value(typed<number>()) },
              process: (_, { state: { n } }) => n.write(1),
              onWindowExpiration: () => undefined,
            })
            .collect('out'),
      ),
    ].map(([status]) => status)
    expect(stepOf(sorted, 'step').buffered).toBe(1)
    expect(stepOf(expiring, 'step').hold).toMatchObject({ kind: 'expiry', at: 9999, keys: 1, passes: 14_999 })
    expect(reason(expiring, 'step')).toMatch(
      /^"step" holds the watermark at 00:00:09.999: window \[00:00:00, 00:00:10\) with state of 1 key ends when the watermark passes 00:00:14.999; its input "in"/,
    )
    const [late] = await looks(
      script()
        .add(at(second(1), 'a'))
        .advanceWatermarkTo(second(2))
        .add(look),
      (words) =>
        words
          .windowInto('w', tens, { allowedLateness: '2 seconds' })
          .map('pair', (word) => kv(word, 1))
          .parDo('step', {
            output,
            requiresTimeSortedInput: true,
            state: { n: state.value(typed<number>()) },
            process: () => undefined,
          })
          .collect('out'),
    )
    expect(stepOf(late, 'step').hold).toEqual({ kind: 'sorting', at: second(1), elements: 1 })
    expect(reason(late, 'step')).toContain('1 element waits to be sorted by time, until the watermark has passed them')
  })

  it('of two inputs the one that is behind is the cause, and a partition that is quiet is told for how long', async () => {
    const p = pipeline()
    const fast = p.apply('fast', fed('a', [second(1), second(50)]))
    const slow = p.apply('slow', fed('b', [second(3)]))
    flatten('both', [fast, slow])
      .windowInto('w', tens)
      .keyBy('key', (w) => w)
      .countPerKey('count')
      .collect('out')
    const running = start(p)
    await until(() => stepOf(running.status(), 'fast').elementsOut === 2 && stepOf(running.status(), 'slow').elementsOut === 1) // prettier-ignore
    await until(() => stepOf(running.status(), 'slow').outputWatermark === second(3))
    expect(reason(running.status(), 'count')).toMatch(/its input "slow" is at 1970-01-01 00:00:03 because it has given nothing later yet\.$/) // prettier-ignore
    await until(() => (stepOf(running.status(), 'slow').partitions[0]?.quietMillis ?? 0) >= 1000)
    const [quiet] = why(running.status(), 'count')
    expect(quiet?.text).toMatch(/because it has given nothing for 1\.\d s\.$/)
    expect(quiet?.hint).toContain('idleAfter')
    expect(quiet?.cause).toBe('slow')
    running.cancel()
    await running.result
  })

  it('a call that does not come back holds the step that waits for it', async () => {
    let answer = (): void => undefined
    const p = pipeline()
    p.apply('read', fed('a', [1]))
      .reshuffle('apart')
      .map('ask', (word) => new Promise<string>((resolve) => (answer = () => resolve(word))))
      .collect('out')
    const running = start(p)
    await until(() => (running.progress().oldestCall?.millis ?? 0) >= 1000)
    const status = running.status()
    expect(stepOf(status, 'ask').hold).toMatchObject({ kind: 'call', step: 'ask', call: 'process', element: '"a"' })
    expect(reason(status, 'ask')).toMatch(/it has waited 1\.\d s for its call on "a"\.$/)
    answer()
    running.cancel()
    await running.result
  })

  it('a source without a watermark says nothing before its end', async () => {
    const p = pipeline()
    let seen: string | undefined
    p.create('numbers', [1, 2, 3])
      .map('slow', (n) => (n === 2 ? ((seen ??= reason(running.status(), 'count')), n) : n))
      .keyBy('key', () => 'all')
      .countPerKey('count')
      .collect('out')
    const running = start(p)
    await running.result
    expect(seen).toMatch(/^"count" is waiting: the global window with 1 key closes when its watermark passes the end of the global window; its input "numbers.*" is at the beginning of time because it is still reading, and says nothing of its progress before its end\.$/) // prettier-ignore
    expect(why(running.status())).toEqual([])
    expect(() => why(running.status(), 'cuont')).toThrow('there is no step "cuont" in pipeline "pipeline". Did you mean "count"?') // prettier-ignore
  })

  it('what a trigger waits for is written for people', async () => {
    const scripted = script().add(at(1, 'a')).advanceWatermarkTo(second(4)).add(look)
    const [status] = await looks(scripted, (words) =>
      words
        .windowInto('w', tens, {
          trigger: afterWatermark({ early: afterProcessingTime('1 minute'), late: repeatedly(afterCount(2)) }),
          allowedLateness: '1 minute',
        })
        .keyBy('key', (w) => w)
        .countPerKey('count')
        .collect('out'),
    )
    expect(stepOf(status, 'count').awaits).toMatchObject({
      trigger:
        'the end of the window, early after processing time: 1 min after the first element of a pane, late after 2 elements in a pane',
    })
  })
})
