/**
 * The examples on engines: what comes out is what the direct runner gives.
 */
import { type Pipeline, run, type Runner } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Delays, totals } from '../../examples/flights.js'
import wordCount from '../../examples/word-count.js'
import { nodeEnv } from '../../runners/direct/node.js'
import { type Engine, engineRunner } from '../../runners/distributed/distributed-runner.js'
import { startFlink } from '../../runners/distributed/node/flink.js'
import { distributedCapabilities } from '../../runners/distributed/node/node.js'
import { findPrism, startPrism } from '../../runners/distributed/node/prism.js'
import { isFlinkTried } from './installed.js'

const MILLIS = 240_000

const hasFlink = isFlinkTried()
const ENGINES = [
  // In a stream Prism closes sessions that go on: it gives 8,589 of them where there are 8,469.
  { name: 'prism', isThere: findPrism() !== undefined, begin: startPrism, kinds: ['days', 'weeks'] },
  { name: 'flink', isThere: hasFlink, begin: startFlink, kinds: ['days', 'weeks', 'sessions'] },
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
      const onEngine = await linesOf(runner)
      expect(onEngine).toEqual(await linesOf('direct'))
      expect(onEngine.length).toBeGreaterThan(10)
    },
    MILLIS,
  )

  it.skipIf(!isThere)(
    `flights have the totals that the direct runner gives: ${kinds.join(', ')}`,
    async () => {
      const onEngine = await delaysBy(runner)
      const direct = await delaysBy('direct')
      for (const kind of kinds) {
        expect(onEngine.get(kind)?.length, kind).toBe(direct.get(kind)?.length)
        expect(onEngine.get(kind), kind).toEqual(direct.get(kind))
      }
      expect(direct.get('weeks')?.length).toBeGreaterThan(1000)
    },
    MILLIS,
  )
})

/** What word count prints. */
async function linesOf(runner: Runner | 'direct'): Promise<readonly string[]> {
  const lines: string[] = []
  const env = { ...nodeEnv(), print: (line: string) => void lines.push(line) }
  await run(wordCount, { runner, env, options: { top: 20 } })
  return lines
}

/** Totals as text, by kind of window. */
async function delaysBy(runner: Runner | 'direct'): Promise<ReadonlyMap<string, readonly string[]>> {
  const env = { ...nodeEnv(), print: () => undefined }
  const result = await run((p: Pipeline) => totals(p), { runner, env })
  const textOf = ({ origin, start, end, flights, delay }: Delays): string => `${origin} ${start}-${end}: ${flights}, ${delay}` // prettier-ignore
  return new Map(
    ['days', 'weeks', 'sessions'].map((windows) => [windows, [...result.collect<Delays>(windows)].map(textOf).sort()]),
  )
}
