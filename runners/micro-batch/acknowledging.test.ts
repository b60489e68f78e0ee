/** What a source takes away once it was read is there for as long as the batch that read it may be done again. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Env, pipeline, type Pipeline, type RunningPipeline, start } from 'millrace'
import { readLines, spool } from 'millrace/io/text'
import { microBatchRunner } from 'millrace/micro-batch'
import { afterAll, expect, it } from 'vitest'
import { nodeEnv } from '../direct/node.js'
import { nodeCapabilities } from './node.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-batch-spool-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let drivers = 0

function begun(build: () => Pipeline, checkpoint: string, env: Env): RunningPipeline {
  const driver = { own: `driver ${++drivers}`, isGone: () => true }
  const runner = microBatchRunner({ batchInterval: '10ms' }, { ...nodeCapabilities(), driver })
  return start(build(), { runner, checkpoint, env })
}

it.each(['batch.commit', 'batch.committed'])(
  'a file that a source deletes is there for the batch that is done again: a crash at %s',
  async (point) => {
    const [incoming, checkpoint] = [
      mkdtempSync(join(root, 'in-')),
      join(mkdtempSync(join(root, 'kept-')), 'checkpoint'),
    ]
    const file = join(incoming, 'a.txt')
    writeFileSync(file, 'one\ntwo\n')
    let isRead = false
    const build = (): Pipeline => {
      const p = pipeline()
      isRead = false
      p.apply('read', readLines(spool(incoming, { interval: 5, settle: 5, after: 'delete' })))
        .map('look', (line) => {
          isRead = true
          return line
        })
        .collect('lines')
      return p
    }
    const seen: boolean[] = []
    for (let crashes = 0; crashes < (point === 'batch.commit' ? 3 : 1); crashes++) {
      const env: Env = {
        ...nodeEnv(),
        crashpoint(name) {
          if (name !== point || !isRead) return
          seen.push(existsSync(file))
          throw new Error('power is gone')
        },
      }
      await expect(begun(build, checkpoint, env).result).rejects.toThrow('power is gone')
    }
    const last = begun(build, checkpoint, nodeEnv())
    const linesOf = (): number | undefined =>
      last.status().steps.find(({ step }) => step === 'collect lines')?.elementsIn
    while (linesOf() !== 2) await new Promise((resolve) => setTimeout(resolve, 5))
    last.drain()
    const result = await last.result
    expect([...result.collect<string>('lines')].sort()).toEqual(['one', 'two'])
    // A batch that is done again leaves the file; it is not read a second time.
    expect(seen).toEqual(point === 'batch.commit' ? [true, true, true] : [true])
  },
)
