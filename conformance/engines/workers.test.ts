/**
 * Workers in processes of their own: a pool's and an engine's, on Prism.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { create } from '@bufbuild/protobuf'
import { type EngineSettings, type PipelineResult, pipeline, run, type RunOptions, start } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeEnv } from '../../runners/direct/node.js'
import { packageVersion } from '../../runners/author-module/package-root.js'
import { grpcTransport } from '../../runners/distributed/node/grpc-transport.js'
import { loadGrpc } from '../../runners/distributed/node/packages.js'
import { findPrism } from '../../runners/distributed/node/prism.js'
import { builtOfProgram, remoteProgram } from '../../runners/distributed/node/remote-program.js'
import { workerEntry } from '../../runners/distributed/node/worker-entry.js'
import { startWorkerPool, type WorkerPool } from '../../runners/distributed/node/worker-pool.js'
import {
  BeamFnExternalWorkerPool,
  StartWorkerRequestSchema,
} from '../../runners/distributed/proto/generated/beam/fn_execution_pb.js'
import { TICKET_PARAMETER } from '../../runners/distributed/wire/ticket.js'
import remote from './fixtures/remote.js'

const isThere = findPrism() !== undefined
if (!isThere) console.log('skipped: Prism is not installed. npm run engines -- install prism')

const MODULE = join(import.meta.dirname, 'fixtures', 'remote.ts')
type Mode = 'counts' | 'division' | 'poisoned' | 'other' | 'generated' | 'exit'

interface Sum {
  readonly key: string
  readonly sum: number
  readonly process: number
  readonly flags: readonly string[]
}

const COUNTS = ['be 3', 'is 1', 'not 1', 'or 1', 'question 1', 'that 1', 'the 1', 'to 3']

describe.skipIf(!isThere)('workers in processes of their own, on Prism', () => {
  const said: string[] = []
  let pool: WorkerPool
  let folder: string
  beforeAll(async () => {
    pool = await startWorkerPool({ say: (line) => void said.push(line) })
    folder = mkdtempSync(join(tmpdir(), 'millrace-workers-'))
  })
  afterAll(async () => {
    await pool.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const on = (mode: Mode, engine: EngineSettings, more: RunOptions<unknown> = {}): Promise<PipelineResult> =>
    run(remote, { runner: 'prism', module: MODULE, options: { mode, keys: 2 }, engine, ...more } as never)
  const external = (): EngineSettings => ({ environment: 'external', environmentConfig: pool.address })

  it('a pool starts a process that has the program by the engine, and the client gets what is collected and counted', async () => {
    const result = await on('counts', external())
    const direct = await run(remote, { options: { mode: 'counts', keys: 2 } })
    expect([...result.collect<string>('counts')].sort()).toEqual(COUNTS)
    const sums = result.collect<Sum>('sums')
    expect(sums.map(({ key, sum }) => `${key} ${sum}`).sort()).toEqual(['key 0 9900', 'key 1 10000'])
    expect(sums.every((each) => each.process !== process.pid)).toBe(true)
    expect(sums[0]?.flags).toContain('--disallow-code-generation-from-strings')
    const counted = ({ metrics: { elements } }: PipelineResult): unknown => elements.get('split.out')
    expect(counted(result)).toEqual(counted(direct))
  })

  it('an engine starts processes by itself', async () => {
    const sums = (await on('counts', { environment: 'process' })).collect<Sum>('sums')
    expect(sums.map(({ key, sum }) => `${key} ${sum}`).sort()).toEqual(['key 0 9900', 'key 1 10000'])
    expect(sums.every((each) => each.process !== process.pid)).toBe(true)
  })

  it('a failure of user code is the author’s error, with its step', async () => {
    const failing = on('division', external())
    await expect(failing).rejects.toMatchObject({ name: 'UserCodeError', details: { step: 'sum of the client' } })
    await expect(failing).rejects.toThrow('division by seven')
  })

  it('user code that ends its thread fails the run within seconds, and is told what to do instead', async () => {
    const began = performance.now()
    await expect(on('exit', external())).rejects.toThrow(/ended its thread with code 3: it must not call process\.exit/)
    expect(performance.now() - began).toBeLessThan(20_000)
  })

  it('user code cannot make code of texts', async () => {
    await expect(on('generated', external())).rejects.toThrow('Code generation from strings disallowed')
  })

  it('a module that does not load says why, within seconds', async () => {
    const began = performance.now()
    await expect(on('poisoned', external())).rejects.toThrow('this module is poisoned')
    expect(performance.now() - began).toBeLessThan(20_000)
  })

  it('a worker that builds another graph than its client refuses to work, and names both', async () => {
    await expect(on('other', external())).rejects.toThrow(
      /another one in this worker \(\w{12}\) than in its client \(\w{12}\)/,
    )
  })

  it('a pool that nobody serves is named within seconds', async () => {
    const began = performance.now()
    await expect(on('counts', { environment: 'external', environmentConfig: 'localhost:9' })).rejects.toThrow(
      /localhost:9|:9\b/,
    )
    expect(performance.now() - began).toBeLessThan(20_000)
  })

  it('a program that is not there is named before an engine is started, and one that cannot be found for it is warned of', async () => {
    const missing = join(folder, 'no-such-program')
    for (const environmentConfig of [missing, folder, './no-such-program']) {
      const failing = on('counts', { environment: 'process', environmentConfig })
      await expect(failing).rejects.toMatchObject({ code: 'MR-6206' })
      await expect(failing).rejects.toThrow(`environmentConfig (--environment-config) names ${environmentConfig}`)
    }
    const warnings: string[] = []
    const env = { ...nodeEnv(), print: (line: string) => void warnings.push(line) }
    const options = { mode: 'counts', keys: 2 } as const
    const engine = { environment: 'process', environmentConfig: 'no-such-program' } as const
    const running = start(remote, { runner: 'prism', module: MODULE, options, engine, env })
    // Prism waits for it, or ends the job at once.
    running.result.catch((error: unknown) => warnings.push(String(error)))
    await expect
      .poll(() => warnings.join('\n'), { timeout: 60_000 })
      .toContain('The engine was to start no-such-program')
    running.cancel()
    await running.result.catch(() => undefined)
  })

  it('an inline pipeline is refused, with what it lacks', async () => {
    const p = pipeline()
    p.create('numbers', [1]).collect('all')
    const engine = external()
    await expect(run(p, { runner: 'prism', engine })).rejects.toMatchObject({ code: 'MR-6040' })
    await expect(run(p, { runner: 'flink', workers: 2 })).rejects.toMatchObject({ code: 'MR-6206' })
  })

  it('a number of workers is refused before anything is started, since Prism would not heed it', () => {
    const begin = (): unknown =>
      start(remote, {
        runner: 'prism',
        module: MODULE,
        options: { mode: 'counts', keys: 2 },
        workers: 2,
        engine: external(),
      })
    expect(begin).toThrow(expect.objectContaining({ code: 'MR-1016' }))
    expect(begin).toThrow(/^workers: 2 would change nothing on prism.*Leave workers out/)
  })

  describe('with a token', () => {
    let guarded: WorkerPool
    let tokenFile: string
    let other: string
    beforeAll(async () => {
      tokenFile = join(folder, 'token')
      other = join(folder, 'other')
      for (const file of [tokenFile, other]) writeFileSync(file, randomBytes(32).toString('hex'))
      process.env['MILLRACE_TOKEN_FILE'] = tokenFile
      const { readToken } = await import('../../runners/distributed/node/token.js')
      guarded = await startWorkerPool({ token: readToken(), say: () => undefined })
    })
    afterAll(async () => {
      delete process.env['MILLRACE_TOKEN_FILE']
      await guarded.close()
    })

    it('a client that has it gets workers, and hears them', async () => {
      const engine = { environment: 'external', environmentConfig: guarded.address, tokenFile } as const
      expect((await on('counts', engine)).collect('counts')).toHaveLength(8)
    })

    describe('and no variable that names it', () => {
      beforeAll(() => void delete process.env['MILLRACE_TOKEN_FILE'])
      afterAll(() => void (process.env['MILLRACE_TOKEN_FILE'] = tokenFile))

      it('processes that the engine starts here know it by the option, from whatever folder', async () => {
        const engine = { environment: 'process', tokenFile: relative(process.cwd(), tokenFile) } as const
        expect((await on('counts', engine)).collect('counts')).toHaveLength(8)
      })

      it('a program of the author’s must say it, and is told so', async () => {
        const boot = join(folder, 'boot.sh')
        const start = `exec '${process.execPath}' '${fileURLToPath(workerEntry('worker-main'))}' "$@"\n`
        writeFileSync(boot, `#!/bin/sh\n${start}`, { mode: 0o755 })
        const engine = { environment: 'process', environmentConfig: boot, tokenFile } as const
        await expect(on('counts', engine)).rejects.toThrow(`Set MILLRACE_TOKEN_FILE in ${boot}`)
        writeFileSync(boot, `#!/bin/sh\nexport MILLRACE_TOKEN_FILE='${tokenFile}'\n${start}`, { mode: 0o755 })
        expect((await on('counts', engine)).collect('counts')).toHaveLength(8)
      })
    })

    it('a client with another one gets none', async () => {
      const engine = { environment: 'external', environmentConfig: guarded.address, tokenFile: other } as const
      await expect(on('counts', engine)).rejects.toThrow('does not know the token')
    })

    it('a worker of a pool with another token is not heard, and does not work', async () => {
      const engine = { ...external(), tokenFile: other }
      await expect(on('counts', engine)).rejects.toThrow('does not let this worker in')
    })
  })

  it('a pool refuses a job of another version before it starts anything, and names both', async () => {
    const channel = grpcTransport(await loadGrpc()).connect(pool.address)
    const ticket = { version: '0.0.1', moduleHash: 'm', graph: 'g', link: 'localhost:1', key: 'k' }
    const asked = (params: Record<string, string>) =>
      channel.call(
        BeamFnExternalWorkerPool.method.startWorker,
        create(StartWorkerRequestSchema, { workerId: 'w', params }),
      )
    const { error } = await asked({ [TICKET_PARAMETER]: JSON.stringify(ticket) })
    expect(error).toContain('millrace 0.0.1')
    expect(error).toContain(packageVersion())
    expect((await asked({})).error).toContain('submitted by another SDK')
    channel.close()
  })

  describe('with another version of millrace', () => {
    const root = join(import.meta.dirname, '..', '..')
    let copy: string
    let others: ChildProcess
    let address: string
    beforeAll(async () => {
      // Beside the repository's own packages, which it imports.
      mkdirSync(join(root, '.cache'), { recursive: true })
      copy = mkdtempSync(join(root, '.cache', 'other-version-'))
      for (const part of ['runners', 'sdk', 'io']) cpSync(join(root, 'dist', part), join(copy, 'dist', part), { recursive: true }) // prettier-ignore
      const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as object
      writeFileSync(join(copy, 'package.json'), JSON.stringify({ ...own, version: '9.9.9' }))
      others = spawn(process.execPath, [join(copy, 'dist/runners/cli/main.js'), 'worker-pool', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] }) // prettier-ignore
      address = await new Promise<string>((resolve, reject) => {
        others.stdout?.once('data', (line: Buffer) => resolve(line.toString().trim().split(' ').at(-1) ?? ''))
        others.once('exit', () => reject(new Error('the pool has ended')))
      })
    })
    afterAll(async () => {
      const gone = new Promise((resolve) => others.once('exit', resolve))
      others.kill('SIGTERM')
      await gone
      rmSync(copy, { recursive: true, force: true })
    })

    const both = `the job was submitted by millrace ${packageVersion()}, and this worker is millrace 9.9.9`

    it('a pool gives no worker, and the run says within seconds which versions they are', async () => {
      const began = performance.now()
      await expect(on('counts', { environment: 'external', environmentConfig: address })).rejects.toThrow(both)
      expect(performance.now() - began).toBeLessThan(20_000)
    })

    it('a worker that the engine starts refuses to work, and the run says so within seconds', async () => {
      const boot = join(copy, 'boot.sh')
      const main = join(copy, 'dist/runners/distributed/node/worker-main.js')
      writeFileSync(boot, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 })
      const began = performance.now()
      await expect(on('counts', { environment: 'process', environmentConfig: boot })).rejects.toThrow(both)
      expect(performance.now() - began).toBeLessThan(20_000)
    })
  })

  it('a worker that has fetched another program than its client has sent builds nothing, and names both', async () => {
    const sent = await remoteProgram({ file: MODULE }, { mode: 'counts', keys: 2 }, [])
    const other = await remoteProgram({ file: MODULE }, { mode: 'counts', keys: 3 }, [])
    const ticket = { version: packageVersion(), moduleHash: sent.moduleHash, graph: 'g', link: 'l', key: 'k' }
    const built = builtOfProgram(other.bytes, ticket)
    await expect(built).rejects.toMatchObject({ code: 'MR-6041' })
    await expect(built).rejects.toThrow(
      `has fetched is ${other.moduleHash.slice(0, 12)}, and its client’s is ${sent.moduleHash.slice(0, 12)}`,
    )
  })

  it('a secret option is not sent', async () => {
    const { Secret } = await import('millrace')
    await expect(remoteProgram({ file: MODULE }, { password: new Secret('x') }, [])).rejects.toMatchObject({
      code: 'MR-6042',
    })
  })
})
