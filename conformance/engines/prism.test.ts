/**
 * Pipelines on Prism, started for these tests.
 */
import * as t from 'io-ts'
import { type CombineFn, pipeline, run, start, UnsupportedFeature } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { distributedCapabilities } from '../../runners/distributed/node/node.js'
import { findPrism, startPrism } from '../../runners/distributed/node/prism.js'
import { type Engine, engineRunner } from '../../runners/distributed/distributed-runner.js'
import { ENGINE_FEATURES } from '../../runners/distributed/engine-features.js'
import { type Runner } from '../../runners/runner.js'
import { casesOf } from '../cases/index.js'
import { ENGINE_MODE } from '../harness/columns.js'
import { runCase } from '../harness/run-case.js'
import {
  divisionByZero,
  HUNDRED_MEASURED,
  hundredMeasured,
  largestOfKeys,
  pairsInTime,
  slowSource,
} from './pipelines.js'

const isThere = findPrism() !== undefined
if (!isThere) console.log('skipped: Prism is not installed. npm run engines -- install prism')

const ADDING: CombineFn<number, number, number> = {
  createAccumulator: () => 0,
  addInput: (sum, n) => sum + n,
  mergeAccumulators: (a, b) => a + b,
  extractOutput: (sum) => sum,
}

function fails(): never {
  throw new RangeError('it fails')
}

describe.skipIf(!isThere)('on Prism', () => {
  let prism: Engine
  let runner: Runner
  beforeAll(async () => {
    prism = await startPrism(() => undefined)
    runner = engineRunner('prism', distributedCapabilities(), { endpoint: prism.address })
  })
  afterAll(() => prism.close())

  it('words are counted, by an engine that is started for the run', async () => {
    const result = await run(
      (p) =>
        p
          .create('lines', ['to be or not to be'])
          .flatMap('split', (line) => line.split(' '))
          .countPerElement('count')
          .map('say', ({ key, value }) => `${key} ${value}`)
          .collect('counts'),
      { runner: 'prism' },
    )
    expect(result.state).toBe('DONE')
    expect([...result.collect<string>('counts')].sort()).toEqual(['be 2', 'not 1', 'or 1', 'to 2'])
  })

  it('no element is lost where a stage is compiled while its bundle runs', async () => {
    const numbers = Array.from({ length: 50_000 }, (_, i) => i)
    const result = await run(
      (p) =>
        p
          .create('numbers', numbers)
          .keyBy('all', () => 'all')
          .groupByKey('group')
          .map('size', ({ value }) => [...value].length)
          .collect('size'),
      { runner },
    )
    expect(result.collect('size')).toEqual([50_000])
    expect(result.metrics.elements.get('all.out')).toBe(50_000)
  })

  it('state is read and written, over many bundles, and a view is read', async () => {
    const result = await run(largestOfKeys, { runner })
    expect([...result.collect<string>('largest')].sort()).toEqual(['key 0 594', 'key 1 596', 'key 2 598'])
  })

  it('a timer that another sets before the window expires fires while it has its state', async () => {
    const result = await run(pairsInTime, { runner })
    expect([...result.collect<string>('pairs')].sort()).toEqual(['0 1', '2 3', '4 5', '6'])
  })

  it('what steps measure is in the result, as the engine has counted it', async () => {
    const { metrics } = await run(hundredMeasured, { runner })
    expect(Object.fromEntries(metrics.user.map(({ name, value }) => [name, value]))).toEqual(HUNDRED_MEASURED.user)
    expect(Object.fromEntries(metrics.elements)).toMatchObject(HUNDRED_MEASURED.elements)
  }, 60_000)

  it('a failure of user code is the author’s error, with its step', async () => {
    const failing = run(divisionByZero, { runner })
    await expect(failing).rejects.toMatchObject({ name: 'UserCodeError', details: { step: 'divide' } })
    await expect(failing).rejects.toThrow('division by zero')
  })

  it.each(['addInput', 'extractOutput'] as const)(
    'a combiner that fails in %s is the author’s step, whatever the engine calls its parts',
    async (call) => {
      const failing = run(
        (p) =>
          p
            .create('numbers', [1, 2])
            .keyBy('all', () => 'all')
            .combinePerKey('sum', { ...ADDING, [call]: fails })
            .collect('sums'),
        { runner },
      )
      await expect(failing).rejects.toMatchObject({ name: 'UserCodeError', details: { step: 'sum', call } })
    },
  )

  it.each(['a step', 'a combiner'])(
    'what the teardown of %s throws fails the run, and what was started for it is ended all the same',
    async (what) => {
      let closed = 0
      const close = (): Promise<void> => Promise.resolve(void closed++)
      const openEngine = (): Promise<Engine> => Promise.resolve({ address: prism.address, close })
      const ends = engineRunner('prism', { ...distributedCapabilities(), openEngine })
      const stop = { teardown: fails }
      const torn = run(
        (p) =>
          p
            .create('numbers', [1, 2])
            .parDo('same', { output: t.number, process: (n, { emit }) => emit(n), ...(what === 'a step' ? stop : {}) })
            .keyBy('all', () => 'all')
            .combinePerKey('sum', { ...ADDING, ...(what === 'a combiner' ? stop : {}) })
            .collect('sums'),
        { runner: ends },
      )
      await expect(torn).rejects.toMatchObject({ name: 'UserCodeError', details: { call: 'teardown' } })
      expect(closed).toBe(1)
    },
  )

  it('slow work is given away while it is done, and every position of it is done once', async () => {
    let calls = 0
    const result = await run(
      slowSource(() => void calls++),
      { runner },
    )
    const numbers = [...result.collect<number>('numbers')].sort((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: 60 }, (_, n) => n))
    // One, and one for each part that was given away.
    expect(calls).toBeGreaterThan(1)
  })

  it('a job is cancelled', async () => {
    const p = pipeline()
    p.create('numbers', [1]).map('wait', () => new Promise(() => undefined))
    const running = start(p, { runner })
    await expect.poll(() => running.status().elements, { timeout: 20_000 }).toBeGreaterThan(0)
    running.cancel()
    expect((await running.result).state).toBe('CANCELLED')
  })

  it('an address where nobody listens is named', async () => {
    const nobody = engineRunner('prism', distributedCapabilities(), { endpoint: 'localhost:1' })
    const failing = run((p) => p.create('numbers', [1]), { runner: nobody })
    await expect(failing).rejects.toMatchObject({ code: 'MR-6201', message: expect.stringContaining('UNAVAILABLE') })
  })

  it('what Prism lacks is refused by name', () => {
    const p = pipeline()
    p.create('numbers', [1]).collect('all')
    expect(() => start(p, { runner, guarantee: 'exactly-once' })).toThrow(UnsupportedFeature)
    expect(ENGINE_FEATURES.prism.has('delivery')).toBe(false)
  })

  it.each(['create', 'group-by-key', 'flatten', 'state'])(
    'the conformance cases hold or are refused: %s',
    async (module) => {
      const failed: string[] = []
      for (const each of await casesOf(module)) {
        if (each.kind !== 'pipeline' && each.kind !== 'transcript') continue
        const setting = { makeRunner: () => runner, modes: [ENGINE_MODE], inProcess: true }
        const { id, status, why } = await runCase(each, setting, module)
        if (status === 'failed') failed.push(`${id}: ${why}`)
      }
      expect(failed).toEqual([])
    },
    300_000,
  )
})
