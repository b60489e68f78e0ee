/**
 * Files that change between the plan of the first batch and its commit: what was planned is read again from the files that it was
 * planned of.
 */
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type PCollection, pipeline, type Pipeline, type RunnerOptions, seededRandom, start } from 'millrace'
import { readNdjson } from 'millrace/io/json'
import { readLines, tailLines } from 'millrace/io/text'
import { expect, it } from 'vitest'
import { testFolders } from '../../conformance/support/test-folders.js'
import { restartingRunner } from '../../runners/testing/restarting-runner.js'

const folder = testFolders('begun-again')
const WAYS: readonly RunnerOptions[] = [{}, { workers: 2, partitions: 3, isolation: 'memory' }]

const upTo = (end: number, from = 0): number[] => Array.from({ length: end - from }, (_, i) => from + i)
const text = (from: number, end: number): string => upTo(end, from).map((n) => `${n}\n`).join('') // prettier-ignore

/**
 * The numbers that a run reads whose process ends when a batch is planned; meanwhile something happens to its files.
 *
 * @param last after which a run that would go on for ever is drained.
 */
async function readThroughEnd(
  options: RunnerOptions,
  read: (p: Pipeline) => PCollection<number>,
  meanwhile: () => void,
  last?: number,
): Promise<readonly number[]> {
  let commits = 0
  const runner = restartingRunner(
    { batchInterval: 20, batchSize: 4, ...options },
    {
      random: seededRandom(1),
      planOf: () => ({
        crashAt(point) {
          if (point !== 'batch.commit' || commits++ > 0) return undefined
          meanwhile()
          return 'process'
        },
      }),
    },
  )
  const p = pipeline()
  let isRead = (): void => undefined
  const hasRead = new Promise<void>((resolve) => (isRead = resolve))
  read(p).map('look', (n) => (n === last ? (isRead(), n) : n)).collect('all') // prettier-ignore
  const running = start(p, { runner })
  if (last !== undefined) await Promise.race([hasRead.then(running.drain), running.result])
  const result = await running.result
  expect(commits).toBeGreaterThan(1)
  return result.collect<number>('all')
}

it.each(WAYS)('a file that comes before the others changes nothing of what was planned: %j', async (options) => {
  const at = join(folder(), 'in')
  mkdirSync(at)
  writeFileSync(join(at, 'b.txt'), text(0, 10))
  writeFileSync(join(at, 'c.txt'), text(10, 20))
  const read = (p: Pipeline): PCollection<number> => p.apply('read', readLines(join(at, '*.txt'))).map('number', Number)
  const all = await readThroughEnd(options, read, () => writeFileSync(join(at, 'a.txt'), text(20, 30)))
  // It has come after the files were looked for.
  expect(all.toSorted((a, b) => a - b)).toEqual(upTo(20))
})

it.each(WAYS)(
  'a file that comes for a pattern that had none changes nothing of what was planned: %j',
  async (options) => {
    const at = join(folder(), 'in')
    mkdirSync(at)
    writeFileSync(join(at, 'b.ndjson'), text(0, 10))
    const read = (p: Pipeline): PCollection<number> =>
      p.apply('read', readNdjson([join(at, 'a*'), join(at, 'b*')], { emptyMatch: 'allow' })).map('number', Number)
    const all = await readThroughEnd(options, read, () => writeFileSync(join(at, 'a.ndjson'), text(10, 20)))
    expect(all.toSorted((a, b) => a - b)).toEqual(upTo(10))
  },
)

it.each(WAYS)('a followed file that is rotated gives each line once, and so does the next: %j', async (options) => {
  const path = join(folder(), 'app.log')
  writeFileSync(path, text(0, 10))
  const read = (p: Pipeline): PCollection<number> =>
    p.apply('tail', tailLines(path, { pollEvery: 5 })).map('number', Number)
  const rotate = (): void => {
    renameSync(path, `${path}.1`)
    writeFileSync(path, text(10, 20))
  }
  expect(await readThroughEnd(options, read, rotate, 19)).toEqual(upTo(20))
})

it.each(WAYS)('a file that is followed from its end is followed from the end that it had: %j', async (options) => {
  const path = join(folder(), 'app.log')
  writeFileSync(path, text(0, 10))
  const read = (p: Pipeline): PCollection<number> =>
    p.apply('tail', tailLines(path, { pollEvery: 5, startAt: 'end' })).map('number', Number)
  expect(await readThroughEnd(options, read, () => appendFileSync(path, text(10, 20)), 19)).toEqual(upTo(20, 10))
})
