/**
 * Runs in batches: the same results as in one go, whatever the batches, and after a crash at any point.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Env, fixedWindows, pipeline, type Pipeline, run, type RunnerOptions, seededRandom } from 'millrace'
import { microBatchRunner } from 'millrace/micro-batch'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeEnv } from '../direct/node.js'
import { nodeCapabilities } from './node.js'

const folders: string[] = []
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'millrace-batches-'))
  folders.push(made)
  return made
}
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true })
})

function sums(): Pipeline {
  const p = pipeline()
  p.create(
    'numbers',
    Array.from({ length: 500 }, (_, i) => i),
  )
    .withTimestamps('at', (n) => n * 1000)
    .windowInto('in', fixedWindows('10 seconds'))
    .keyBy('by', (n) => n % 3)
    .groupByKey('group')
    .map('sum', ({ key, value }) => `${key}: ${[...value].reduce((a, b) => a + b, 0)}`)
    .collect('sums')
  return p
}

class Crash extends Error {}

/** Drivers that are known to have ended, as those of processes that were killed are. */
let drivers = 0
function crashing(): ReturnType<typeof microBatchRunner> {
  const driver = { own: `driver ${++drivers}`, isGone: () => true }
  return microBatchRunner({ batchInterval: '1 milli', batchSize: 20 }, { ...nodeCapabilities(), driver })
}

/** Starts again and again until a run comes to its end; each crashes at the `n`-th crash point that it passes. */
async function throughCrashes(build: () => Pipeline, checkpoint: string, next: () => number) {
  const real = nodeEnv()
  const points = new Map<string, number>()
  for (let crashes = 0; ; crashes++) {
    let left = next()
    const env: Env = {
      ...real,
      crashpoint(name) {
        if (--left !== 0) return
        points.set(name, (points.get(name) ?? 0) + 1)
        throw new Crash(name)
      },
    }
    try {
      return { result: await run(build(), { runner: crashing(), checkpoint, env }), crashes, points }
    } catch (error) {
      if (!(error instanceof Crash)) throw error
    }
  }
}

describe('batches', () => {
  it.each<RunnerOptions>([
    {},
    { batchSize: 1 },
    { batchSize: 7, bundleSize: 2 },
    { batchInterval: '1 milli' },
    { batchSize: 7, strict: true, seed: 3 },
  ])('give what one go gives: %o', async (options) => {
    const whole = (await run(sums())).collect<string>('sums')
    const inBatches = await run(sums(), { runner: 'micro-batch', ...options })
    expect([...inBatches.collect<string>('sums')].sort()).toEqual([...whole].sort())
  })

  it.each([1, 2, 3, 4])('give the same through crashes, seed %i', async (seed) => {
    const random = seededRandom(seed)
    const whole = [...(await run(sums())).collect<string>('sums')].sort()
    const { result, crashes } = await throughCrashes(sums, folder(), () => 5 + Math.floor(random() * 30))
    expect([...result.collect<string>('sums')].sort()).toEqual(whole)
    expect(crashes).toBeGreaterThan(5)
  })

  it('are over once they are over: a run that is started again gives its result and reads nothing', async () => {
    const checkpoint = folder()
    const first = await run(sums(), { runner: 'micro-batch', checkpoint })
    const again = await run(sums(), { runner: 'micro-batch', checkpoint })
    expect(again.collect('sums')).toEqual(first.collect('sums'))
  })

  it('of another pipeline are refused, with the first difference', async () => {
    const checkpoint = folder()
    await run(sums(), { runner: 'micro-batch', checkpoint })
    const other = (p: Pipeline): unknown => p.create('numbers', [1]).collect('sums')
    await expect(run(other, { runner: 'micro-batch', checkpoint })).rejects.toThrow(
      /keeps the state of pipeline.*another/,
    )
  })
})
