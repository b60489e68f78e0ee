/**
 * Views of collections whose trigger fires before the watermark: what is readable when, and what it shows.
 */
import { expect, it } from 'vitest'
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  fixedWindows,
  globalWindows,
  IntervalWindow,
  kv,
  type PCollection,
  type Pipeline,
  pipeline,
  repeatedly,
  run,
  sum,
  typed,
  type WindowingOptions,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode, orderedModes } from '../../conformance/support/modes.js'

const output = typed<unknown>()
const often: WindowingOptions = { trigger: repeatedly(afterCount(1)), accumulation: 'discarding' }

/** Main elements 1, 2, 3 …, one after each event of the side's script. */
const beats = (p: Pipeline, n: number): PCollection<number> => {
  let script = testStream<number>()
  for (let i = 1; i <= n; i++) script = script.add(at(i, i))
  return p.apply('main', script.end())
}

inEveryMode((options) => {
  it.each([
    [
      'discarding',
      [
        [1, [10]],
        [2, [10, 20]],
        [3, [10, 20, 30]],
      ],
    ],
    [
      'accumulating',
      [
        [1, [10]],
        [2, [10, 20]],
        [3, [10, 20, 30]],
      ],
    ],
  ] as const)('a list shows every value once, %s', async (accumulation, expected) => {
    const p = pipeline()
    const side = testStream<number>().add(at(0, 10)).add(at(0, 20)).add(at(0, 30))
    const list = p
      .apply('side', side.end())
      .windowInto('often', globalWindows(), { ...often, accumulation })
      .asList('list')
    beats(p, 3)
      .parDo('read', { output, sides: { list }, process: (n, { sides, emit }) => emit([n, [...sides.list]]) })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual(expected)
  })

  it('a single value is the newest one, and the same for all reads of an element', async () => {
    const p = pipeline()
    const side = testStream<string>().add(at(0, 'a')).add(at(0, 'b')).add(at(0, 'c'))
    const setting = p.apply('side', side.end()).windowInto('often', globalWindows(), often).asSingleton('setting')
    beats(p, 3)
      .parDo('read', {
        output,
        sides: { setting },
        process: async (n, { sides, emit }) => {
          const before = sides.setting
          await Promise.resolve()
          emit([n, before, sides.setting])
        },
      })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      [1, 'a', 'a'],
      [2, 'b', 'b'],
      [3, 'c', 'c'],
    ])
  })

  it('a map shows the newest value of each key', async () => {
    const p = pipeline()
    const side = testStream<{ key: string; value: number }>()
      .add(at(0, kv('x', 1)))
      .add(at(0, kv('y', 2)))
      .add(at(0, kv('x', 3)))
    const prices = p.apply('side', side.end()).windowInto('often', globalWindows(), often).asMap('prices')
    beats(p, 3)
      .parDo('read', { output, sides: { prices }, process: (n, { sides, emit }) => emit([n, [...sides.prices]]) })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      [1, [['x', 1]]],
      [
        2,
        [
          ['x', 1],
          ['y', 2],
        ],
      ],
      [
        3,
        [
          ['y', 2],
          ['x', 3],
        ],
      ],
    ])
  })

  it('an element waits until the window has answered, not until it is complete', async () => {
    const p = pipeline()
    const side = testStream<number>().advanceWatermarkTo(0).advanceWatermarkTo(1).add(at(5, 7))
    const total = p
      .apply('side', side.advanceWatermarkTo(30).end())
      .windowInto('tens', fixedWindows(10), {
        trigger: afterWatermark({ early: repeatedly(afterCount(1)) }),
        accumulation: 'discarding',
      })
      .combineGlobally('sum', sum())
      .asSingleton('total', { default: -1 })
    p.apply('main', testStream<number>().add(at(3, 3)).add(at(23, 23)).end())
      .windowInto('main tens', fixedWindows(10))
      .parDo('read', { output, sides: { total }, process: (n, { sides, emit }) => emit([n, sides.total]) })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([
      [3, 7],
      [23, -1],
    ])
  })

  it('an empty pane at the end leaves a single value as it was', async () => {
    const p = pipeline()
    const side = testStream<number>().add(at(5, 7)).advanceWatermarkTo(50)
    const last = p
      .apply('side', side.end())
      .windowInto('tens', fixedWindows(10), {
        trigger: afterWatermark({ early: repeatedly(afterCount(1)) }),
        accumulation: 'discarding',
      })
      .asSingleton('last')
    p.apply('main', testStream<number>().advanceWatermarkTo(0).advanceWatermarkTo(1).add(at(3, 3)).end())
      .windowInto('main tens', fixedWindows(10))
      .parDo('read', { output, sides: { last }, process: (n, { sides, emit }) => emit([n, sides.last]) })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([[3, 7]])
  })

  it('a window mapping chooses what is read, also for a step in the global window', async () => {
    const p = pipeline()
    const list = p
      .create('side', [1, 12, 13], { timestamp: (n) => n })
      .windowInto('tens', fixedWindows(10))
      .asList('second ten', { windowMapping: () => new IntervalWindow(10, 20) })
    p.create('main', [0])
      .parDo('read', { output, sides: { list }, process: (_, { sides, emit }) => emit([...sides.list].sort()) })
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([[12, 13]])
  })

  it('a window mapping that fails is named', async () => {
    const p = pipeline()
    const list = p.create('side', [1]).asList('view', { windowMapping: () => undefined as never })
    p.create('main', [0]).parDo('read', { output, sides: { list }, process: () => undefined })
    await expect(run(p, options)).rejects.toThrow(/"view" failed in windowMapping: it must give a window/)
  })

  it.each(['startBundle', 'finishBundle'])('%s has no side inputs, and says so', async (call) => {
    const p = pipeline()
    const list = p.create('side', [1]).asList('view')
    p.create('main', [0]).parDo('read', {
      output,
      sides: { list },
      process: () => undefined,
      [call]: (context: { readonly sides?: unknown }) => void context.sides,
    })
    await expect(run(p, options)).rejects.toThrow(/startBundle and finishBundle have no sides/)
  })

  it('a side input that was not declared is named', async () => {
    const p = pipeline()
    const list = p.create('side', [1]).asList('view')
    p.create('main', [0]).parDo('read', {
      output,
      sides: { list },
      process: (_, { sides, emit }) => emit((sides as unknown as { lst: unknown }).lst),
    })
    await expect(run(p, options)).rejects.toThrow(/side input "lst" is not declared by this step. Declared: "list"/)
  })
})

inEveryMode((options) => {
  it('values of one pane become readable together', async () => {
    const p = pipeline()
    const side = testStream<number>().add(at(0, 1)).add(at(0, 2)).advanceProcessingTime(10).add(at(0, 3))
    const list = p
      .apply('side', side.end())
      .windowInto('slowly', globalWindows(), {
        trigger: repeatedly(afterProcessingTime(10)),
        accumulation: 'discarding',
      })
      .asList('list')
    beats(p, 5)
      .parDo('read', { output, sides: { list }, process: (n, { sides, emit }) => emit([n, [...sides.list]]) })
      .collect('out')
    const out = (await run(p, options)).collect<[number, number[]]>('out')
    expect(out.map(([, values]) => values.length).every((length) => length === 2 || length === 3)).toBe(true)
    expect(out.map(([n]) => n)).toEqual([1, 2, 3, 4, 5])
  })
}, orderedModes)
