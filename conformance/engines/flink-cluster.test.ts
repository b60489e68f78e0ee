/**
 * Pipelines on a cluster of Flink: one JobManager and two TaskManagers, each a process of its own, started for these tests.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attach, run, start } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findFlink, findJava, startFlink } from '../../runners/distributed/node/flink.js'
import { type FlinkCluster, startFlinkCluster } from '../../runners/distributed/node/flink-cluster.js'
import { nameOnFlink } from '../../runners/distributed/node/flink-jobs.js'
import { type WorkerPool, startWorkerPool } from '../../runners/distributed/node/worker-pool.js'
import { type Engine, engineRunner } from '../../runners/distributed/distributed-runner.js'
import { distributedCapabilities } from '../../runners/distributed/node/node.js'
import { delaysBy, wordsBy } from './example-runs.js'
import remote from './fixtures/remote.js'
import ticks from './fixtures/ticks.js'
import { isFlinkTried } from './installed.js'

const jars = findFlink()
const java = findJava()
const isThere = isFlinkTried()
if (!isThere) console.log('skipped: Flink is not installed. npm run engines -- install flink-cluster')

const MODULE = join(import.meta.dirname, 'fixtures', 'remote.ts')
const TICKS = join(import.meta.dirname, 'fixtures', 'ticks.ts')
/** Two cores may be shared, and three Java processes load thousands of classes. */
const MILLIS = 240_000

interface Sum {
  readonly key: string
  readonly sum: number
  readonly process: number
}

describe.skipIf(!isThere)('on a cluster of Flink', () => {
  let cluster: FlinkCluster
  let server: Engine
  let pool: WorkerPool
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-cluster-'))
    cluster = await startFlinkCluster({ java: java ?? '', jars: jars ?? '', folder, stays: false })
    server = await startFlink(() => undefined, cluster.address)
    pool = await startWorkerPool({ say: () => undefined })
  }, MILLIS)
  afterAll(async () => {
    await pool.close()
    await server.close()
    await cluster.close()
  }, MILLIS)

  it('two TaskManagers are there', async () => expect(await cluster.registered()).toBe(2))

  it(
    'words are counted as the direct runner counts them, by several workers of a pool at once',
    async () => {
      const options = { mode: 'counts', keys: 8 } as const
      const result = await run(remote, {
        runner: 'flink-cluster',
        module: MODULE,
        options,
        workers: 4,
        engine: { jobEndpoint: server.address, environment: 'external', environmentConfig: pool.address },
      })
      const direct = await run(remote, { options })
      const sums = (of: typeof result): readonly string[] =>
        of
          .collect<Sum>('sums')
          .map(({ key, sum }) => `${key} ${sum}`)
          .sort()
      expect([...result.collect<string>('counts')].sort()).toEqual([...direct.collect<string>('counts')].sort())
      expect(sums(result)).toHaveLength(8)
      expect(new Set(result.collect<Sum>('sums').map((each) => each.process)).size).toBeGreaterThan(1)
    },
    MILLIS,
  )

  it(
    'word count and the final totals of flights are those of the direct runner',
    async () => {
      const runner = engineRunner('flink-cluster', distributedCapabilities(), { endpoint: server.address })
      const words = await wordsBy(runner)
      expect(words).toEqual(await wordsBy('direct'))
      expect(words.length).toBeGreaterThan(10)
      const totals = await delaysBy(runner)
      expect(totals).toEqual(await delaysBy('direct'))
      expect([...totals.values()].map(({ length }) => length)).toEqual([expect.any(Number), expect.any(Number), 8469])
    },
    MILLIS,
  )

  it(
    'a job that is cancelled has ended on the cluster, too, also for who has come to it',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-cancelled-'))
      const engine = { jobEndpoint: server.address, flinkMaster: cluster.address }
      const jobs = async (): Promise<readonly { readonly name: string; readonly state: string }[]> => {
        const answer = await fetch(`http://${cluster.address}/jobs/overview`)
        return ((await answer.json()) as { readonly jobs: Awaited<ReturnType<typeof jobs>> }).jobs
      }
      const ended = new Set((await jobs()).map(({ name }) => name))
      const states = async (): Promise<readonly string[]> =>
        (await jobs()).filter(({ name }) => !ended.has(name)).map(({ state }) => state)
      const seen = async (): Promise<void> =>
        expect.poll(states, { timeout: MILLIS / 2, interval: 200 }).toEqual(['RUNNING'])
      const options = { file: join(folder, 'numbers'), to: 1_000_000, perSecond: 20 }
      const workers = { environment: 'external', environmentConfig: pool.address } as const
      try {
        const running = start(ticks, { runner: 'flink-cluster', module: TICKS, options, engine: { ...engine, ...workers } }) // prettier-ignore
        await seen()
        running.cancel()
        expect((await running.result).state).toBe('CANCELLED')
        expect(await states()).toEqual(['CANCELED'])
        ended.add(nameOnFlink(running.status().jobId ?? ''))
        const left = start(ticks, { runner: 'flink-cluster', module: TICKS, options, engine: { ...engine, ...workers, detach: true } }) // prettier-ignore
        await left.result
        await seen()
        const job = attach(left.status().jobId ?? '', { runner: 'flink-cluster', engine })
        job.cancel()
        expect((await job.result).state).toBe('CANCELLED')
        expect(await states()).toEqual(['CANCELED'])
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
    MILLIS,
  )

  it(
    'a failure of user code, in processes that the cluster starts by itself, is the author’s error',
    async () => {
      const failing = run(remote, {
        runner: 'flink-cluster',
        module: MODULE,
        options: { mode: 'division', keys: 2 },
        engine: { jobEndpoint: server.address, environment: 'process' },
      })
      await expect(failing).rejects.toMatchObject({ name: 'UserCodeError', details: { step: 'sum of the client' } })
    },
    MILLIS,
  )
})
