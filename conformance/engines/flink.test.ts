/**
 * Pipelines on Flink, embedded in Beam's job server, which is started for these tests.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as t from 'io-ts'
import {
  fixedWindows,
  type OffsetRange,
  offsetRangeCodec,
  OffsetRangeTracker,
  type Pipeline,
  pipeline,
  resume,
  run,
  splittableParDo,
  start,
  UnsupportedFeature,
  watermarks,
} from 'millrace'
import { generateSequence } from 'millrace/io/generate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Engine, engineRunner } from '../../runners/distributed/distributed-runner.js'
import { ENGINE_FEATURES } from '../../runners/distributed/engine-features.js'
import { startFlink } from '../../runners/distributed/node/flink.js'
import { distributedCapabilities } from '../../runners/distributed/node/node.js'
import type { Runner } from '../../runners/runner.js'
import { loadCase } from '../cases/index.js'
import { FLINK_MODE } from '../harness/columns.js'
import { runCase } from '../harness/run-case.js'
import { isFlinkTried } from './installed.js'
import { divisionByZero, HUNDRED_MEASURED, hundredMeasured, largestOfKeys, pairsInTime } from './pipelines.js'

const isThere = isFlinkTried()
if (!isThere) console.log('skipped: Flink is not installed. npm run engines -- install flink')

/** Two cores may be shared, and a first job loads thousands of classes. */
const MILLIS = 180_000

/** Numbers that come in for ever; each is told again when it is committed. */
function calledBack(read: number[], told: number[]): Pipeline {
  const p = pipeline()
  p.apply('numbers', generateSequence({ rate: { elements: 50, per: '1 second' } })).parDo('tell', {
    output: t.number,
    bundleFinalizer: true,
    process: (n, { afterCommit }) => {
      read.push(n)
      afterCommit(() => void told.push(n))
    },
  })
  return p
}

describe.skipIf(!isThere)('on Flink', () => {
  let flink: Engine
  let runner: Runner
  beforeAll(async () => {
    flink = await startFlink(() => undefined)
    runner = engineRunner('flink', distributedCapabilities(), { endpoint: flink.address })
  }, MILLIS)
  afterAll(() => flink.close(), MILLIS)

  it(
    'words are counted, by an engine that is started for the run, as the direct runner counts them',
    async () => {
      const words = (p: Pipeline): void => {
        p.create('lines', ['to be or not to be', 'that is the question', 'to be'])
          .flatMap('split', (line) => line.split(' '))
          .countPerElement('count')
          .map('say', ({ key, value }) => `${key} ${value}`)
          .collect('counts')
      }
      const result = await run(words, { runner: 'flink' })
      const direct = await run(words, { runner: 'direct' })
      expect(result.state).toBe('DONE')
      expect([...result.collect<string>('counts')].sort()).toEqual([...direct.collect<string>('counts')].sort())
      expect(result.collect('counts')).toHaveLength(8)
    },
    MILLIS,
  )

  it(
    'state is read and written, over many bundles, and a view is read',
    async () => {
      const result = await run(largestOfKeys, { runner })
      expect([...result.collect<string>('largest')].sort()).toEqual(['key 0 594', 'key 1 596', 'key 2 598'])
    },
    MILLIS,
  )

  it(
    'a timer that another sets before the window expires fires while it has its state',
    async () => {
      const result = await run(pairsInTime, { runner })
      expect([...result.collect<string>('pairs')].sort()).toEqual(['0 1', '2 3', '4 5', '6'])
    },
    MILLIS,
  )

  it(
    'what steps measure is in the result, as the engine has counted it',
    async () => {
      const { metrics } = await run(hundredMeasured, { runner })
      expect(Object.fromEntries(metrics.user.map(({ name, value }) => [name, value]))).toEqual(HUNDRED_MEASURED.user)
      expect(Object.fromEntries(metrics.elements)).toMatchObject(HUNDRED_MEASURED.elements)
    },
    MILLIS,
  )

  it(
    'a failure of user code is the author’s error, with its step',
    async () => {
      const failing = run(divisionByZero, { runner })
      await expect(failing).rejects.toMatchObject({ name: 'UserCodeError', details: { step: 'divide' } })
    },
    MILLIS,
  )

  it.each([
    ['group-by-key', 'GBK-09'],
    ['combine', 'CMB-16'],
    ['joins', 'JOIN-02'],
    ['state-kinds', 'STA-20'],
    ['state-lifetime', 'STA-25'],
    ['timers', 'TMR-13'],
    ['watermarks', 'WMK-14'],
    ['window-expiration', 'OWE-01'],
    ['window-expiration', 'OWE-06'],
    ['boundedness', 'BND-02/sessions-early-and-late'],
    ['windows', 'WIN-21'],
  ])(
    'a conformance case holds: %s %s',
    async (module, id) => {
      const setting = { makeRunner: () => runner, modes: [FLINK_MODE], inProcess: true }
      const { status, why } = await runCase(await loadCase(module, id), setting, module)
      expect([status, why]).toEqual(['passed', ''])
    },
    MILLIS,
  )

  it(
    'a stream that never ends has its panes while it runs, with checkpoints in a folder',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-checkpoints-'))
      const p = pipeline()
      let panes = 0
      p.apply('numbers', generateSequence({ rate: { elements: 2000, per: '1 second' } }))
        .windowInto('tenths', fixedWindows(100))
        .keyBy('rest', (n) => n % 3)
        .countPerKey('count')
        .map('see', ({ value }) => {
          panes++
          return value
        })
        .collect('counts')
      const running = start(p, { runner, checkpoint: folder, engineOptions: { checkpointing_interval: 500 } })
      const hasCheckpoint = (): boolean =>
        readdirSync(folder, { recursive: true }).some((name) => /chk-[3-9].*_metadata/.test(String(name)))
      await expect.poll(hasCheckpoint, { timeout: MILLIS / 2 }).toBe(true)
      await expect.poll(() => panes, { timeout: MILLIS / 2 }).toBeGreaterThan(30)
      running.cancel()
      const result = await running.result
      expect(result.state).toBe('CANCELLED')
      // 200 numbers in a window, of which each rest has a third; the first window had begun.
      expect(new Set([...result.collect<number>('counts')].slice(3))).toEqual(new Set([66, 67]))
      rmSync(folder, { recursive: true })
    },
    MILLIS,
  )

  it(
    'a source is asked again when it wants to be, and not all the time until then',
    async () => {
      const calls: number[] = []
      const p = pipeline()
      p.create('once', [4]).apply(
        'wait',
        splittableParDo({
          output: t.number,
          bounded: false,
          replayable: true,
          // Its watermark goes on sooner than it wants to be asked.
          watermark: watermarks.monotonic({ idleAfter: 100 }),
          restriction: (to) => ({ from: 0, to }),
          restrictionCodec: offsetRangeCodec,
          tracker: (range: OffsetRange) => new OffsetRangeTracker(range),
          process(_, tracker, { emit }) {
            calls.push(performance.now())
            const at = tracker.currentRestriction().from
            if (!tracker.tryClaim(at)) return undefined
            emit(at)
            return resume({ after: 400 })
          },
        }),
      )
      const { state } = await run(p, { runner })
      expect(state).toBe('DONE')
      expect(calls).toHaveLength(4)
      for (const [i, at] of calls.slice(1).entries()) expect(at - (calls[i] ?? 0)).toBeGreaterThanOrEqual(390)
    },
    MILLIS,
  )

  it(
    'a stream that is kept in checkpoints ends with the failure of user code, instead of beginning again',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-checkpoints-'))
      const p = pipeline()
      p.apply('numbers', generateSequence({ rate: { elements: 100, per: '1 second' } })).map('divide', (n) => {
        if (n === 50) throw new RangeError('fifty')
        return n
      })
      const failing = run(p, { runner, checkpoint: folder })
      await expect(failing).rejects.toMatchObject({ name: 'UserCodeError', details: { step: 'divide' } })
      rmSync(folder, { recursive: true })
    },
    MILLIS,
  )

  it(
    'callbacks after a commit are called when Flink has made a checkpoint',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-checkpoint-'))
      const [read, told]: [number[], number[]] = [[], []]
      try {
        const running = start(calledBack(read, told), {
          runner,
          checkpoint: folder,
          engineOptions: { checkpointing_interval: 1000 },
        })
        await expect.poll(() => told.length, { timeout: 60_000 }).toBeGreaterThan(0)
        running.cancel()
        await running.result
        // Each once, and none that was not read.
        expect(new Set(told).size).toBe(told.length)
        expect(read).toEqual(expect.arrayContaining(told))
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
    MILLIS,
  )

  it('what Flink lacks is refused by name', () => {
    const p = pipeline()
    p.create('numbers', [1]).collect('all')
    expect(() => start(calledBack([], []), { runner })).toThrow(/calls back after a commit, .* Run with checkpoint/)
    expect(() => start(p, { runner, guarantee: 'exactly-once' })).toThrow(UnsupportedFeature)
    expect(ENGINE_FEATURES.flink.has('delivery')).toBe(false)
  })
})
