/**
 * Files written in batches: each is there once, with every line once, through crashes at any point.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Env, fixedWindows, pipeline, type Pipeline, run, seededRandom } from 'millrace'
import { writeLines } from 'millrace/io/text'
import { microBatchRunner } from 'millrace/micro-batch'
import { afterAll, expect, it } from 'vitest'
import { nodeEnv } from '../direct/node.js'
import { nodeCapabilities } from './node.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-batch-files-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const texts = Array.from({ length: 300 }, (_, i) => `line ${i}`)

function written(out: string): Pipeline {
  const p = pipeline()
  p.create('lines', texts)
    .withTimestamps('at', (line) => Number(line.slice(5)) * 1000)
    .windowInto('minutes', fixedWindows('1 minute'))
    .apply('write', writeLines(join(out, 'out.txt'), { shards: 2, overwrite: false, manifest: join(out, 'manifests') }))
  return p
}

let drivers = 0

it.each([1, 2, 3, 4, 5, 6])('are whole, and all that is left in the end, seed %i', async (seed) => {
  const random = seededRandom(seed)
  const [out, checkpoint] = [join(root, `out-${seed}`), join(root, `checkpoint-${seed}`)]
  const real = nodeEnv()
  const crash = new Error('power is gone')
  const points = new Set<string>()
  let crashes = 0
  for (let isOver = false; !isOver;) {
    let left = 3 + Math.floor(random() * 40)
    const env: Env = {
      ...real,
      crashpoint(name) {
        if (--left !== 0) return
        points.add(name)
        throw crash
      },
    }
    const driver = { own: `driver ${++drivers}`, isGone: () => true }
    const runner = microBatchRunner({ batchInterval: '1 milli', batchSize: 20 }, { ...nodeCapabilities(), driver })
    try {
      await run(written(out), { runner, checkpoint, env })
      isOver = true
    } catch (error) {
      let cause: unknown = error
      while (cause !== crash && cause instanceof Error && cause.cause !== undefined) cause = cause.cause
      if (cause !== crash) throw error
      crashes++
    }
  }
  expect(crashes).toBeGreaterThan(3)
  const names = readdirSync(out)
  expect(names.filter((name) => name.startsWith('.'))).toEqual([])
  const files = names.filter((name) => name.endsWith('.txt'))
  expect(files).toHaveLength(10)
  const lines = files.flatMap((name) => readFileSync(join(out, name), 'utf8').split('\n').slice(0, -1))
  expect(lines.sort()).toEqual([...texts].sort())
  const named = readdirSync(join(out, 'manifests')).flatMap((name) => {
    const { files: of } = JSON.parse(readFileSync(join(out, 'manifests', name), 'utf8')) as {
      readonly files: readonly { readonly path: string }[]
    }
    return of.map(({ path }) => path)
  })
  expect(named.sort()).toEqual(files.map((name) => join(out, name)).sort())
})
