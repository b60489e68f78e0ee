/**
 * The examples on engines: what comes out is what the direct runner gives.
 */
import type { Runner } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Engine, engineRunner } from '../../runners/distributed/distributed-runner.js'
import { startFlink } from '../../runners/distributed/node/flink.js'
import { distributedCapabilities } from '../../runners/distributed/node/node.js'
import { findPrism, startPrism } from '../../runners/distributed/node/prism.js'
import { delaysBy, KINDS, wordsBy } from './example-runs.js'
import { isFlinkTried } from './installed.js'

const MILLIS = 240_000

const hasFlink = isFlinkTried()
const ENGINES = [
  // In a stream Prism closes sessions that go on: it refuses them.
  { name: 'prism', isThere: findPrism() !== undefined, begin: startPrism, kinds: ['day', 'week'] },
  { name: 'flink', isThere: hasFlink, begin: startFlink, kinds: KINDS },
] as const

describe.each(ENGINES)('examples on $name', ({ name, isThere, begin, kinds }) => {
  if (!isThere) console.log(`skipped: ${name} is not installed. npm run engines -- install ${name}`)
  let engine: Engine | undefined
  let runner: Runner
  beforeAll(async () => {
    if (!isThere) return
    engine = await begin(() => undefined)
    runner = engineRunner(name, distributedCapabilities(), { endpoint: engine.address })
  }, MILLIS)
  afterAll(() => engine?.close(), MILLIS)

  it.skipIf(!isThere)(
    'the words of a book are counted as by the direct runner',
    async () => {
      const onEngine = await wordsBy(runner)
      expect(onEngine).toEqual(await wordsBy('direct'))
      expect(onEngine.length).toBeGreaterThan(10)
    },
    MILLIS,
  )

  it.skipIf(!isThere)(
    `flights have the totals that the direct runner gives: ${kinds.join(', ')}`,
    async () => {
      const onEngine = await delaysBy(runner, kinds)
      const direct = await delaysBy('direct', kinds)
      for (const kind of kinds) expect(onEngine.get(kind), kind).toEqual(direct.get(kind))
      expect(direct.get('week')?.length).toBeGreaterThan(1000)
    },
    MILLIS,
  )

  it.skipIf(!isThere || kinds.length === KINDS.length)(
    'flights in sessions are refused by name, since sessions of a stream would be wrong',
    async () => {
      const refused = { name: 'UnsupportedFeature', feature: 'windows.merging' }
      await expect(delaysBy(runner, ['session'])).rejects.toMatchObject(refused)
    },
    MILLIS,
  )
})
