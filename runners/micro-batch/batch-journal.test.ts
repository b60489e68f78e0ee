/**
 * Plans of batches: small where rounds are alike, and by them the same rounds come again.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Env, pipeline, type Pipeline, run } from 'millrace'
import { generateSequence } from 'millrace/io/generate'
import { microBatchRunner } from 'millrace/micro-batch'
import * as t from 'io-ts'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeEnv } from '../direct/node.js'
import { nodeCapabilities } from './node.js'
import { openSqliteStore } from './store/sqlite-store.js'

const folders: string[] = []
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'millrace-plans-'))
  folders.push(made)
  return made
}
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true })
})

/** Two streams, one twice as long as the other; tells of each bundle and element, with the instant and a random number. */
function told(elements: number, tell: (what: string) => void): Pipeline {
  const p = pipeline()
  const stream = (name: string, to: number): void =>
    void p
      .apply(name, generateSequence({ to, start: 0, rate: { elements: 100, per: '1 second' } }))
      .parDo(`of ${name}`, {
        output: t.null,
        startBundle: () => tell(`a bundle of ${name}`),
        process: (n, { now, random }) => tell(`${n} of ${name} at ${now} with ${random()}`),
      })
  stream('short', elements)
  stream('long', 2 * elements)
  return p
}

/** Runs until the batch is about to be committed. @returns what was told until then. */
async function untilCommit(checkpoint: string, elements: number): Promise<readonly string[]> {
  const seen: string[] = []
  const env: Env = {
    ...nodeEnv(),
    crashpoint(name) {
      if (name === 'batch.commit') throw new Error('crash')
    },
  }
  const options = { runner: runner(), checkpoint, bundleSize: 10, env }
  await expect(
    run(
      told(elements, (what) => void seen.push(what)),
      options,
    ),
  ).rejects.toThrow('crash')
  return seen
}

function runner(): ReturnType<typeof microBatchRunner> {
  const driver = { own: `driver ${Math.random()}`, isGone: () => true }
  return microBatchRunner({ batchInterval: '1 minute' }, { ...nodeCapabilities(), driver })
}

describe('the plan of a batch', () => {
  it('gives the same bundles again, in the same order, at the same instant, with the same random numbers', async () => {
    const checkpoint = folder()
    const before = await untilCommit(checkpoint, 300)
    const again: string[] = []
    await run(
      told(300, (what) => void again.push(what)),
      { runner: runner(), checkpoint, bundleSize: 7 },
    )
    expect(again).toEqual(before)
    expect(before.filter((what) => what === 'a bundle of short')).toHaveLength(30)
    expect(before.filter((what) => what === 'a bundle of long')).toHaveLength(60)
  })

  it('has the rounds that follow the last reading, whose random numbers come again', async () => {
    const checkpoint = folder()
    const drawing = (tell: (text: string) => void): Pipeline => {
      const p = pipeline()
      p.create('numbers', [1, 2, 3])
        .keyBy('key', (n) => n)
        .groupByKey('group')
        .parDo('draw', { output: t.null, process: ({ key }, { random }) => tell(`${key} with ${random()}`) })
      return p
    }
    const before: string[] = []
    const env: Env = {
      ...nodeEnv(),
      crashpoint(name) {
        if (name === 'batch.commit') throw new Error('crash')
      },
    }
    const first = run(
      drawing((text) => void before.push(text)),
      { runner: runner(), checkpoint, env },
    )
    await expect(first).rejects.toThrow('crash')
    const again: string[] = []
    await run(
      drawing((text) => void again.push(text)),
      { runner: runner(), checkpoint },
    )
    expect(before).toHaveLength(3)
    expect(again).toEqual(before)
  })

  it('is as long for many bundles that are alike as for a few', async () => {
    const size = async (elements: number): Promise<number> => {
      const checkpoint = folder()
      await untilCommit(checkpoint, elements)
      const store = await openSqliteStore(checkpoint, nodeEnv())
      const plan = await store.planned()
      await store.close()
      return plan?.content.length ?? 0
    }
    const few = await size(100)
    expect(few).toBeGreaterThan(0)
    expect(await size(5000)).toBeLessThan(few + 20)
  })
})
