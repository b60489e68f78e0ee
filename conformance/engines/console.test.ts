/**
 * What steps write to the console, wherever they run: it reaches the author's terminal, once.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findPrism } from '../../runners/distributed/node/prism.js'
import { startWorkerPool, type WorkerPool } from '../../runners/distributed/node/worker-pool.js'

const isThere = findPrism() !== undefined
if (!isThere) console.log('skipped: Prism is not installed. npm run engines -- install prism')

const DIST = join(import.meta.dirname, '..', '..', 'dist')
const MODULE = join(import.meta.dirname, 'fixtures', 'talks.ts')

interface Said {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function node(...args: readonly string[]): Promise<Said> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
}

/** Lines that hold a text, without order. */
const lines = (text: string, of: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line.includes(of))
    .sort()

describe.skipIf(!isThere)('what steps write to the console, on Prism', () => {
  let pool: WorkerPool
  beforeAll(async () => {
    pool = await startWorkerPool({ say: () => undefined })
  })
  afterAll(() => pool.close())

  const script = (engine: object): Promise<Said> =>
    node(join(DIST, 'conformance/engines/fixtures/talks.js'), JSON.stringify({ runner: 'prism', engine }))
  const all = ['console 1', 'console 2', 'console 3']

  it('in a program of the author’s own is the program’s: it is left as it is', async () => {
    const { code, stdout, stderr } = await script({})
    expect(code).toBe(0)
    expect(stdout.trim().split('\n').sort()).toEqual(all)
    expect(stderr).not.toContain('console')
    expect(lines(stderr, 'log ')).toHaveLength(3)
  })

  it('in workers of a pool comes to the program that has submitted the job', async () => {
    const { code, stdout } = await script({ environment: 'external', environmentConfig: pool.address })
    expect(code).toBe(0)
    expect(lines(stdout, 'console')).toEqual(all)
  })

  it('under millrace run is told with its step, beside the results', async () => {
    const command = join(DIST, 'runners/cli/main.js')
    const { code, stdout, stderr } = await node(command, 'run', '--runner', 'prism', MODULE)
    expect([code, stdout]).toEqual([0, ''])
    expect(lines(stderr, 'console')).toEqual(all.map((line) => `talk | ${line}`))
  })
})
