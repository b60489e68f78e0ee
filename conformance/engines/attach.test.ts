/**
 * Clients that come and go while their job lives: workers are a pool's, the engine runs already, and the client is a process that can be
 * killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer as createWebServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attach, type AttachedJob, run, start } from 'millrace'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../runners/distributed/distributed-runner.js'
import { startFlink } from '../../runners/distributed/node/flink.js'
import { findPrism, startPrism } from '../../runners/distributed/node/prism.js'
import { startWorkerPool, type WorkerPool } from '../../runners/distributed/node/worker-pool.js'
import ticks from './fixtures/ticks.js'
import { isFlinkTried } from './installed.js'

const hasFlink = isFlinkTried()
const ENGINES = [
  ['prism', findPrism() !== undefined, startPrism],
  ['flink', hasFlink, startFlink],
] as const
for (const [name, isThere] of ENGINES)
  if (!isThere) console.log(`skipped: ${name} is not installed. npm run engines -- install ${name}`)

const COMMAND = join(import.meta.dirname, '..', '..', 'dist', 'runners', 'cli', 'main.js')
const MODULE = join(import.meta.dirname, 'fixtures', 'ticks.ts')
/** The first job of a job server loads Flink, on cores that may be shared. */
const MILLIS = 120_000
/** More numbers than any test waits for. */
const ENDLESS = 1_000_000

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

async function until(what: string, isSo: () => boolean, said = (): string => ''): Promise<void> {
  for (const end = Date.now() + 40_000; !isSo(); await pause(50))
    if (Date.now() > end) throw new Error(`waited for ${what}. ${said()}`)
}

interface Command {
  readonly child: ChildProcess
  readonly said: () => string
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>
}

const children = new Set<ChildProcess>()

function millrace(args: readonly string[]): Command {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const ended = new Promise<Awaited<Command['ended']>>((resolve) =>
    child.once('close', (code) => {
      children.delete(child)
      resolve({ code, stdout, stderr })
    }),
  )
  return { child, said: () => stderr, ended }
}

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
})

describe.each(ENGINES)('on %s', (runner, isThere, startEngine) => {
  describe.skipIf(!isThere)('a job whose client is another process', () => {
    let engine: Engine
    let pool: WorkerPool
    let folder: string
    let file: string
    let files = 0
    const jobs: AttachedJob[] = []
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'millrace-attach-'))
      engine = await startEngine(() => undefined)
      pool = await startWorkerPool({ say: () => undefined })
    }, MILLIS)
    afterEach(async () => {
      for (const job of jobs.splice(0)) {
        job.cancel()
        await job.result.catch(() => undefined)
      }
    })
    afterAll(async () => {
      await engine.close()
      await pool.close()
      rmSync(folder, { recursive: true, force: true })
    }, MILLIS)

    const numbers = (): readonly number[] =>
      existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []
    const place = (): readonly string[] => ['--runner', runner, '--job-endpoint', engine.address]
    const come = (jobId: string): AttachedJob => {
      const job = attach(jobId, { runner, engine: { jobEndpoint: engine.address } })
      jobs.push(job)
      return job
    }

    /** Submits a job in a process of its own. */
    function client(to: number, ...more: readonly string[]): Command {
      file = join(folder, `numbers-${++files}`)
      const workers = ['--environment', 'external', '--environment-config', pool.address]
      const options = ['--file', file, '--to', String(to), '--per-second', '20']
      return millrace(['run', ...place(), ...workers, ...more, MODULE, ...options])
    }

    async function submitted(command: Command): Promise<string> {
      await until('a job id', () => /^job \S+ is submitted/m.test(command.said()), command.said)
      return /^job (\S+) is submitted; to come to it: millrace attach \1 /m.exec(command.said())?.[1] ?? ''
    }

    it(
      'goes on when the client is killed, and who comes to it sees it end and what it has counted',
      async () => {
        const command = client(300)
        const jobId = await submitted(command)
        await until('the first numbers', () => numbers().length > 5)
        command.child.kill('SIGKILL')
        await command.ended
        const before = numbers().length
        const states: string[] = []
        const job = attach(jobId, {
          runner,
          engine: { jobEndpoint: engine.address },
          heard: (news) => news.kind === 'state' && states.push(news.state),
        })
        await until('the state', () => states.includes('RUNNING'))
        expect(job.status()).toMatchObject({ state: 'running', runner, jobId })
        await until('more numbers', () => numbers().length > before + 20)
        const result = await job.result
        expect(result.state).toBe('DONE')
        expect(states.at(-1)).toBe('DONE')
        expect([...numbers()].sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, n) => n))
        expect(result.metrics.get('write', 'written')).toBe(300)
        expect(job.status().state).toBe('done')
        expect(() => result.collect('numbers')).toThrow('the client that has submitted the job')
      },
      MILLIS,
    )

    it(
      'is left alone by Ctrl-C, and cancelled by who asks for that',
      async () => {
        const command = client(ENDLESS)
        const jobId = await submitted(command)
        await until('the first numbers', () => numbers().length > 5)
        command.child.kill('SIGKILL')
        const follower = millrace(['attach', jobId, ...place()])
        await until('the state', () => follower.said().includes(`${jobId} is RUNNING`))
        follower.child.kill('SIGINT')
        expect(await follower.ended).toMatchObject({ code: 130, stdout: '' })
        const before = numbers().length
        await until('more numbers', () => numbers().length > before + 20)

        const cancelled = await millrace(['attach', jobId, ...place(), '--cancel', '--json']).ended
        expect(cancelled.code).toBe(0)
        expect(JSON.parse(cancelled.stdout)).toMatchObject({ job: jobId, state: 'CANCELLED' })
        // A job server of Flink forgets the job that it calls cancelled, and Flink works on until the server ends.
        if (runner === 'flink') return
        await pause(1000)
        const after = numbers().length
        await pause(1000)
        expect(numbers()).toHaveLength(after)
      },
      MILLIS,
    )

    it(
      'is left with the engine by --detach, before it has done anything',
      async () => {
        const command = client(ENDLESS, '--detach')
        const { code, stderr } = await command.ended
        expect(code).toBe(0)
        expect(stderr).toMatch(/^ticks: detached in /m)
        const job = come(await submitted(command))
        await until('the first numbers', () => numbers().length > 5)
        job.detach()
        expect((await job.result).state).toBe('DETACHED')
        const before = numbers().length
        await until('more numbers', () => numbers().length > before + 5)
        const again = come(job.jobId)
        again.cancel()
        expect((await again.result).state).toBe('CANCELLED')
      },
      MILLIS,
    )

    it(
      'keeps checkpoints, at the times that its options say, where the engine has any',
      async () => {
        const kept = join(folder, 'kept')
        const command = client(ENDLESS, '--checkpoint', kept, '--engine-option', 'checkpointing_interval=500')
        if (runner === 'prism') {
          const { code, stderr } = await command.ended
          expect([code, stderr]).toEqual([2, expect.stringContaining('Leave checkpoint out')])
          return
        }
        const job = come(await submitted(command))
        const has = (): boolean => existsSync(kept) && readdirSync(kept, { recursive: true }).some((name) => /chk-[3-9].*_metadata/.test(String(name))) // prettier-ignore
        await until('checkpoints', has, command.said)
        command.child.kill('SIGTERM')
        // What an engine keeps makes no run that goes on when it is started again.
        await until('the drain', () => command.said().includes('SIGTERM: draining'), command.said)
        command.child.kill('SIGKILL')
        job.cancel()
        expect((await job.result).state).toBe('CANCELLED')
      },
      MILLIS,
    )

    it('that the engine does not know is named within seconds', async () => {
      const began = performance.now()
      const unknown = attach('no-such-job', { runner, engine: { jobEndpoint: engine.address } }).result
      await expect(unknown).rejects.toMatchObject({ code: 'MR-6201' })
      await expect(unknown).rejects.toThrow(`the engine at ${engine.address} has no job no-such-job`)
      expect(performance.now() - began).toBeLessThan(10_000)
    })
  })
})

describe('without an engine', () => {
  const file = 'never-written'

  it('an address where nobody listens is named within seconds', async () => {
    const began = performance.now()
    const { code, stdout, stderr } = await millrace(['attach', 'job', '--runner', 'flink', '--job-endpoint', 'localhost:1']).ended // prettier-ignore
    expect(stderr).toContain('error: the engine at localhost:1 does not answer')
    expect(stderr).toContain('MR-6201')
    expect([code, stdout]).toEqual([1, ''])
    expect(performance.now() - began).toBeLessThan(15_000)
  })

  describe('something else at the address', () => {
    const servers = [
      ['says nothing', createServer(() => undefined), /the engine at localhost:\d+ does not answer in time/],
      ['hangs up', createServer((socket) => void socket.destroy()), /the engine at localhost:\d+ does not answer/],
      ['is a web server', createWebServer((_, answer) => void answer.end('{}')), /what listens at localhost:\d+ does not speak Beam’s Job API.*flinkMaster/], // prettier-ignore
      ['is another web server', createHttp2Server((_, answer) => void answer.end('{}')), /what listens at localhost:\d+ does not speak Beam’s Job API/], // prettier-ignore
    ] as const
    afterAll(() => servers.forEach(([, server]) => server.close()))

    it.each(servers)('that %s is named within seconds, with what to do', async (_, server, text) => {
      const sockets = new Set<Socket>()
      server.on('connection', (socket: Socket) => void sockets.add(socket))
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
      const engine = { jobEndpoint: `localhost:${(server.address() as AddressInfo).port}` }
      const began = performance.now()
      const failures = await Promise.all(
        [
          run((p) => p.create('numbers', [1]), { runner: 'prism', engine }),
          attach('job', { runner: 'prism', engine }).result,
        ].map((result) => result.catch((error: unknown) => error as Error)),
      )
      for (const failure of failures)
        expect(failure).toMatchObject({ code: 'MR-6201', message: expect.stringMatching(text) as string })
      expect((failures[0] as Error).message).toMatch(/^prism does not take the job \(\w+\): /)
      expect(performance.now() - began).toBeLessThan(10_000)
      for (const socket of sockets) socket.destroy()
    })
  })

  it('a cluster that is not there is named before a job server is started for it', async () => {
    const began = performance.now()
    const failing = run((p) => p.create('numbers', [1]), { runner: 'flink', engine: { flinkMaster: 'localhost:1' } })
    await expect(failing).rejects.toMatchObject({ code: 'MR-6204' })
    await expect(failing).rejects.toThrow(
      /^no cluster of Flink answers at localhost:1 \(.*ECONNREFUSED.*--flink-master/,
    )
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  it('a job is not looked for on an engine that a run would start', () => {
    expect(() => attach('job', { runner: 'prism' })).toThrow(/ends with it.*jobEndpoint/)
  })

  it('a job whose steps run in the client is not left, and none is on an engine that ends with the run', async () => {
    const options = { file, to: 1, perSecond: 1 }
    const engine = { detach: true } as const
    const here = run(ticks, { runner: 'prism', options, engine: { ...engine, jobEndpoint: 'localhost:1' } })
    await expect(here).rejects.toMatchObject({
      code: 'MR-6206',
      message: expect.stringContaining('loopback') as string,
    })
    const remote = { ...engine, environment: 'external', environmentConfig: 'localhost:1' } as const
    expect(() => start(ticks, { runner: 'flink', options, module: MODULE, engine: remote })).toThrow('ends with it')
  })

  it('--detach without an engine, or with its steps in the client, runs nothing', async () => {
    const args = ['--file', file, '--to', '1', '--per-second', '1']
    const direct = await millrace(['run', '--detach', MODULE, ...args]).ended
    expect([direct.code, direct.stderr]).toEqual([2, expect.stringContaining('--runner flink')])
    const loopback = ['run', '--detach', '--runner', 'prism', '--job-endpoint', 'localhost:1', MODULE]
    const { code, stderr } = await millrace([...loopback, ...args]).ended
    expect([code, stderr]).toEqual([2, expect.stringContaining("environment 'loopback'")])
  })
})
