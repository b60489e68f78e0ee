import { expect, it } from 'vitest'
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  type Env,
  fixedWindows,
  type KV,
  kv,
  type PCollection,
  pipeline,
  repeatedly,
  run,
  sessionWindows,
  sum,
  type WindowedElement,
  type WindowingOptions,
  type WindowFn,
} from 'millrace'
import { at, type TestStream, testStream } from 'millrace/testing'
import { inEveryMode, modes } from '../../conformance/support/modes.js'
import { systemEnv } from '../core/system-env.js'

const text = ({ value: { value }, pane, timestamp }: WindowedElement<KV<string, Iterable<number>>>): string => {
  const marks = `${pane.isFirst ? ' first' : ''}${pane.isLast ? ' last' : ''}`
  const values = [...value].sort((a, b) => a - b).join(',')
  return `{${values}} ${pane.timing} #${pane.index}/${pane.nonSpeculativeIndex}${marks} @${timestamp}`
}

const grouped = (
  script: TestStream<number>,
  options: WindowingOptions,
  windowFn: WindowFn = fixedWindows(10),
): { readonly p: ReturnType<typeof pipeline>; readonly groups: PCollection<KV<string, Iterable<number>>> } => {
  const p = pipeline()
  const groups = p
    .apply('script', script.end())
    .windowInto('tens', windowFn, options)
    .keyBy('one key', () => 'all')
    .groupByKey('group')
  return { p, groups: groups.collect('panes') }
}

const one = (...values: readonly number[]): TestStream<number> =>
  values.reduce((script, value) => script.add(at(value, value)), testStream<number>())

// Strict mode cuts and shuffles nothing that comes straight from a script.
inEveryMode((options) => {
  const panes = async (
    script: TestStream<number>,
    windowing: WindowingOptions,
    windowFn?: WindowFn,
  ): Promise<readonly string[]> => {
    const { p } = grouped(script, windowing, windowFn)
    return (await run(p, options)).collectWindowed<KV<string, Iterable<number>>>('panes').map(text)
  }

  it('guesses, answers and corrections', async () => {
    const trigger = afterWatermark({ early: afterCount(2), late: afterCount(1) })
    const script = one(1, 2, 3).advanceWatermarkTo(12).add(at(4, 4)).add(at(5, 5)).advanceWatermarkTo(200)
    expect(await panes(script, { trigger, allowedLateness: 50, accumulation: 'accumulating' })).toEqual([
      '{1,2} early #0/-1 first @9',
      '{1,2,3} onTime #1/0 @9',
      '{1,2,3,4} late #2/1 @9',
      '{1,2,3,4,5} late #3/2 @9',
    ])
    expect(await panes(script, { trigger, allowedLateness: 50, closing: 'always' })).toEqual([
      '{1,2} early #0/-1 first @9',
      '{3} onTime #1/0 @9',
      '{4} late #2/1 @9',
      '{5} late #3/2 @9',
      '{} late #4/3 last @9',
    ])
  })

  it('processing time counts from the first element of a pane', async () => {
    const script = one(1)
      .advanceProcessingTime(3000)
      .add(at(2, 2))
      .advanceProcessingTime(2001)
      .add(at(3, 3))
      .advanceProcessingTime(5001)
      .advanceWatermarkTo(12)
    const trigger = repeatedly(afterProcessingTime('5 seconds'))
    expect((await panes(script, { trigger })).slice(0, 2)).toEqual(['{1,2} early #0/-1 first @9', '{3} early #1/-1 @9'])
  })

  it('what waits for the clock when its window expires comes out with the window, and the clock finds nothing', async () => {
    const script = one(1).advanceWatermarkTo(12).advanceProcessingTime(9000).add(at(20, 20)).advanceProcessingTime(1)
    const trigger = repeatedly(afterProcessingTime('5 seconds'))
    expect(await panes(script, { trigger })).toEqual([
      '{1} onTime #0/0 first last @9',
      '{20} onTime #0/0 first last @29',
    ])
  })

  it('a window whose trigger has finished takes no more, where the author allows it', async () => {
    const { p } = grouped(one(1, 2, 3, 4), { trigger: afterCount(2), allowUnsafeTrigger: true })
    const printed: string[] = []
    const env: Env = { ...systemEnv(), print: (line) => printed.push(line) }
    const result = await run(p, { ...options, env })
    expect(result.collectWindowed<KV<string, Iterable<number>>>('panes').map(text)).toEqual([
      '{1,2} early #0/-1 first last @9',
    ])
    expect(result.metrics.counter('droppedDueToClosedWindow')).toBe(2)
    expect(printed).toEqual([expect.stringMatching(/^warning: step "group": the trigger afterCount\(2\) may finish/)])
  })

  it('a session that grows counts on, and its panes begin anew', async () => {
    const trigger = afterWatermark({ early: afterCount(2) })
    expect(
      await panes(one(0, 4, 12).advanceWatermarkTo(60), { trigger, accumulation: 'accumulating' }, sessionWindows(10)),
    ).toEqual(['{0,4} early #0/-1 first @13', '{0,4,12} onTime #0/0 first last @21'])
  })

  it('a session that had answered and grows waits for its new end', async () => {
    const trigger = afterWatermark({ late: afterCount(1) })
    const script = one(0).advanceWatermarkTo(12).add(at(6, 6)).add(at(15, 15)).advanceWatermarkTo(60)
    expect(
      await panes(script, { trigger, allowedLateness: 100, accumulation: 'accumulating' }, sessionWindows(10)),
    ).toEqual(['{0} onTime #0/0 first @9', '{0,6,15} onTime #0/0 first @24'])
  })

  it('a session whose trigger has finished takes no more; one that reaches beyond it is new', async () => {
    const windowing = { trigger: afterCount(1), allowUnsafeTrigger: true, allowedLateness: 100 }
    const script = testStream<number>().add(at(0, 0)).add(at(0, 1)).add(at(5, 2)).advanceWatermarkTo(300)
    expect(await panes(script, windowing, sessionWindows(10))).toEqual([
      '{0} early #0/-1 first last @9',
      '{2} early #0/-1 first last @14',
    ])
  })

  it('a session that is put together again after its trigger has finished takes nothing, and holds nothing up', async () => {
    const windowing = { trigger: afterCount(2), allowUnsafeTrigger: true, allowedLateness: 50 }
    const twice = testStream<number>().add(at(1, 1), at(8, 8)).add(at(1, 10), at(2, 20), at(8, 80))
    expect(await panes(twice.advanceWatermarkTo(100), windowing, sessionWindows(10))).toEqual([
      '{1,8} early #0/-1 first last @17',
    ])
  })
}, modes)

it('a second grouping does not wait for the delay again', async () => {
  const script = testStream<number>().add(at(1, 1)).advanceProcessingTime(5001).advanceProcessingTime(1)
  const { p, groups } = grouped(script, { trigger: repeatedly(afterProcessingTime('5 seconds')) })
  groups
    .map('sizes', ({ value }) => kv('all', [...value].length))
    .combinePerKey('again', sum())
    .collect('sums')
  const [first] = (await run(p)).collectWindowed<KV<string, number>>('sums')
  expect([first?.value.value, first?.pane.timing]).toEqual([1, 'early'])
})

it('bounded input ends, and its windows with it, however far the clock has come', async () => {
  const p = pipeline()
  p.create('numbers', [kv('all', 1), kv('all', 2)])
    .windowInto('often', { trigger: repeatedly(afterProcessingTime('1 hour')) })
    .groupByKey('group')
    .collect('panes')
  const result = await run(p)
  expect(result.collectWindowed('panes').map(({ pane }) => pane.timing)).toEqual(['onTime'])
})
