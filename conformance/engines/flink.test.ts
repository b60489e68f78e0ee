/**
 * Pipelines on Flink, embedded in Beam's job server, which is started for these tests.
 */
import * as t from 'io-ts'
import { kv, type Pipeline, pipeline, run, start, state, UnsupportedFeature } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Engine, engineRunner } from '../../runners/distributed/distributed-runner.js'
import { ENGINE_FEATURES } from '../../runners/distributed/engine-features.js'
import { findFlink, findJava, startFlink } from '../../runners/distributed/node/flink.js'
import { distributedCapabilities } from '../../runners/distributed/node/node.js'
import type { Runner } from '../../runners/runner.js'
import { loadCase } from '../cases/index.js'
import { ENGINE_MODE } from '../harness/columns.js'
import { runCase } from '../harness/run-case.js'

const isThere =
  findFlink() !== undefined && findJava() !== undefined && process.env['MILLRACE_WITHOUT_FLINK'] === undefined
if (!isThere) console.log('skipped: Flink is not installed. npm run engines -- install flink')

/** Two cores may be shared, and a first job loads thousands of classes. */
const MILLIS = 180_000

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
      const pairs = Array.from({ length: 300 }, (_, n) => kv(`key ${n % 3}`, n))
      const result = await run(
        (p) => {
          const factor = p.create('two', [2]).asSingleton('factor')
          p.create('pairs', pairs)
            .parDo('largest', {
              output: t.string,
              sides: { factor },
              state: { count: state.value(t.number), seen: state.bag(t.number) },
              process: ({ key, value }, { state: { count, seen }, sides, emit }) => {
                seen.add(value)
                const now = (count.read() ?? 0) + 1
                count.write(now)
                if (now === 100) emit(`${String(key)} ${sides.factor * Math.max(...seen.read())}`)
              },
            })
            .collect('largest')
        },
        { runner },
      )
      expect([...result.collect<string>('largest')].sort()).toEqual(['key 0 594', 'key 1 596', 'key 2 598'])
    },
    MILLIS,
  )

  it(
    'a failure of user code is the author’s error, with its step',
    async () => {
      const failing = run(
        (p) =>
          p.create('numbers', [1, 0]).map('divide', (n) => {
            if (n === 0) throw new RangeError('division by zero')
            return 1 / n
          }),
        { runner },
      )
      await expect(failing).rejects.toMatchObject({ name: 'UserCodeError', details: { step: 'divide' } })
    },
    MILLIS,
  )

  it.each([
    ['group-by-key', 'GBK-09'],
    ['combine', 'CMB-16'],
    ['joins', 'JOIN-02'],
    ['state-kinds', 'STA-20'],
    ['timers', 'TMR-13'],
    ['window-expiration', 'OWE-01'],
    ['window-expiration', 'OWE-06'],
  ])(
    'a conformance case holds: %s %s',
    async (module, id) => {
      const setting = { makeRunner: () => runner, modes: [ENGINE_MODE], inProcess: true }
      const { status, why } = await runCase(await loadCase(module, id), setting, module)
      expect([status, why]).toEqual(['passed', ''])
    },
    MILLIS,
  )

  it('what Flink lacks is refused by name', () => {
    const p = pipeline()
    p.create('numbers', [1]).collect('all')
    expect(() => start(p, { runner, guarantee: 'exactly-once' })).toThrow(UnsupportedFeature)
    expect(ENGINE_FEATURES.flink.has('delivery')).toBe(false)
  })
})
