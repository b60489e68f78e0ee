/** Savepoints of queries that write files: what is gathered and not put in place belongs to each of the two. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Env, fixedWindows, pipeline, type Pipeline, run } from 'millrace'
import { writeLines } from 'millrace/io/text'
import { microBatchRunner } from 'millrace/micro-batch'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { slowNumbers } from '../../conformance/support/slow-numbers.js'
import { nodeEnv } from '../direct/node.js'
import { nodeCapabilities } from '../micro-batch/node.js'
import { compiled, leftOvers, start } from './fixtures/command.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-savepoint-'))
beforeAll(compiled, 240_000)
afterAll(() => {
  leftOvers()
  rmSync(root, { recursive: true, force: true })
})

const NUMBERS = 90

function writing(folder: string): Pipeline {
  const p = pipeline()
  p.apply('numbers', slowNumbers(NUMBERS, 10))
    .windowInto('minutes', fixedWindows('1 minute'))
    .map('text', String)
    .apply('write', writeLines(join(folder, 'out', 'x-{window.start|yyyy-MM-dd-HH-mm}.txt'), { shards: 1 }))
  return p
}

class Crash extends Error {}

/** Runs until so many batches are committed, or to the end. */
async function runOn(folder: string, checkpoint: string, commits = Infinity): Promise<void> {
  let left = commits
  const env: Env = {
    ...nodeEnv(),
    crashpoint(name) {
      if (name === 'store.plan.before' && left-- === 0) throw new Crash(name)
    },
  }
  const driver = { own: `driver of ${checkpoint}, ${commits}`, isGone: () => true }
  const runner = microBatchRunner({ batchInterval: '1 milli', batchSize: 10 }, { ...nodeCapabilities(), driver })
  await run(writing(folder), { runner, checkpoint: join(folder, checkpoint), env }).catch((error: unknown) => {
    if (!(error instanceof Crash)) throw error
  })
}

const hiddenOf = (folder: string): readonly string[] =>
  readdirSync(join(folder, 'out')).filter((name) => name.startsWith('.'))

/** The lines that are in place, which are taken away. */
function taken(folder: string): readonly string[] {
  const names = readdirSync(join(folder, 'out')).filter((name) => name.endsWith('.txt'))
  return names.flatMap((name) => {
    const path = join(folder, 'out', name)
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    rmSync(path)
    return lines
  })
}

const sorted = (lines: readonly string[]): readonly string[] => lines.toSorted((a, b) => Number(a) - Number(b))
const all = Array.from({ length: NUMBERS }, (_, n) => String(n))

async function savepoint(folder: string): Promise<{ readonly code: number | null; readonly stderr: string }> {
  return start(['savepoint', join(folder, 'kept'), join(folder, 'copy')]).ended
}

describe('a savepoint of a query that has gathered lines', { timeout: 60_000 }, () => {
  it.each([
    ['goes on when the first query has put its files in place', 'kept', 'copy'],
    ['puts its own in place, and the first query goes on', 'copy', 'kept'],
  ])('%s', async (_, first, second) => {
    const folder = mkdtempSync(join(root, 'both-'))
    await runOn(folder, 'kept', 3)
    expect(hiddenOf(folder).length).toBeGreaterThan(0)
    expect(await savepoint(folder)).toMatchObject({ code: 0 })
    expect(hiddenOf(folder)).toHaveLength(2)
    await runOn(folder, first)
    expect(sorted(taken(folder))).toEqual(all)
    await runOn(folder, second)
    expect(sorted(taken(folder))).toEqual(all)
    expect(hiddenOf(folder)).toEqual([])
  })

  it('goes on from a savepoint of a savepoint', async () => {
    const folder = mkdtempSync(join(root, 'chain-'))
    await runOn(folder, 'kept', 3)
    await savepoint(folder)
    expect(await start(['savepoint', join(folder, 'copy'), join(folder, 'again')]).ended).toMatchObject({ code: 0 })
    for (const each of ['kept', 'copy', 'again']) {
      await runOn(folder, each)
      expect(sorted(taken(folder))).toEqual(all)
    }
  })

  it('is refused by the name of a file that is gone, and leaves nothing', async () => {
    const folder = mkdtempSync(join(root, 'gone-'))
    await runOn(folder, 'kept', 3)
    const [hidden = ''] = hiddenOf(folder)
    // Of the second batch: what it has copied before goes again.
    const gone = readdirSync(join(folder, 'out', hidden)).find((name) => name.startsWith('part-000002-')) ?? ''
    rmSync(join(folder, 'out', hidden, gone))
    const { code, stderr } = await savepoint(folder)
    expect(code).toBe(1)
    expect(stderr).toContain('MR-5004')
    expect(stderr).toContain(gone)
    expect(hiddenOf(folder)).toEqual([hidden])
    expect(readdirSync(folder).sort()).toEqual(['kept', 'out'])
  })
})
