/**
 * What workers tell their client, encrypted: certificates of an authority that openssl makes for the test.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type EngineSettings, type PipelineResult, run } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { grpcTransport } from '../../runners/distributed/node/grpc-transport.js'
import { loadGrpc } from '../../runners/distributed/node/packages.js'
import { findPrism } from '../../runners/distributed/node/prism.js'
import { proofs } from '../../runners/distributed/node/proofs.js'
import { startWorkerPool, type WorkerPool } from '../../runners/distributed/node/worker-pool.js'
import { LinkClient } from '../../runners/distributed/wire/link-client.js'
import { LinkServer } from '../../runners/distributed/wire/link-server.js'
import type { ConnectOptions, TransportFailure } from '../../runners/distributed/transport/transport.js'
import remote from './fixtures/remote.js'

const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'])
    return true
  } catch {
    return false
  }
})()
const isThere = findPrism() !== undefined && hasOpenssl
if (!isThere) console.log('skipped: Prism or openssl is not installed. npm run engines -- install prism')

const COMMAND = join(import.meta.dirname, '..', '..', 'dist', 'runners', 'cli', 'main.js')
const MODULE = join(import.meta.dirname, 'fixtures', 'remote.ts')
type Tls = NonNullable<EngineSettings['tls']>

describe.skipIf(!isThere)('what workers tell, encrypted, on Prism', () => {
  let folder: string
  let pool: WorkerPool
  const at = (name: string): string => join(folder, name)
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' })
  const authority = (name: string): void =>
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)) // prettier-ignore
  /** A certificate that an authority has signed. */
  const certificate = (name: string, by: string, host: string): void => {
    writeFileSync(at(`${name}.ext`), `subjectAltName=DNS:${host}\n`)
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', `/CN=${host}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`)) // prettier-ignore
    openssl('x509', '-req', '-in', at(`${name}.csr`), '-CA', at(`${by}.pem`), '-CAkey', at(`${by}.key`), '-CAcreateserial', '-days', '2', '-extfile', at(`${name}.ext`), '-out', at(`${name}.pem`)) // prettier-ignore
  }
  const files = (name: string, by: string, key = name): Tls => ({ certificate: at(`${name}.pem`), key: at(`${key}.key`), authority: at(`${by}.pem`) }) // prettier-ignore

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-tls-'))
    authority('ours')
    authority('others')
    certificate('client', 'ours', 'localhost')
    certificate('elsewhere', 'ours', 'elsewhere.example')
    pool = await startWorkerPool({ say: () => undefined })
  })
  afterAll(async () => {
    await pool.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const on = (tls: Tls): Promise<PipelineResult> =>
    run(remote, {
      runner: 'prism',
      module: MODULE,
      options: { mode: 'counts', keys: 2 },
      engine: { environment: 'external', environmentConfig: pool.address, tls },
    })

  it('a client with a certificate hears its workers', async () => {
    const result = await on(files('client', 'ours'))
    expect(result.collect('counts')).toHaveLength(8)
    expect(result.collect('sums')).toHaveLength(2)
  })

  it('the command takes the files by flags', async () => {
    const { certificate, key, authority } = files('client', 'ours')
    const place = ['--runner', 'prism', '--environment', 'external', '--environment-config', pool.address]
    const tls = ['--tls-certificate', certificate, '--tls-key', key, '--tls-authority', authority]
    const command = [COMMAND, 'run', ...place, ...tls, MODULE, '--mode', 'counts', '--keys', '2']
    // Where no worker is heard a run fails.
    const { stderr } = await promisify(execFile)(process.execPath, command)
    expect(stderr).toMatch(/remote: done in .*, 203 elements read/)
    const broken = command.with(command.indexOf(authority), at('others.pem'))
    await expect(promisify(execFile)(process.execPath, broken)).rejects.toMatchObject({
      stderr: expect.stringContaining('MR-6207') as string,
    })
  })

  it.each([
    ['that another authority has signed', 'client', 'others', 'client', /unable to verify|self-signed|issuer/],
    ['for another host', 'elsewhere', 'ours', 'elsewhere', /elsewhere\.example/],
    ['with the key of another one', 'client', 'ours', 'elsewhere', /key values mismatch/],
    ['that is not there', 'nowhere', 'ours', 'client', /certificate of tls cannot be read: .*nowhere\.pem/],
  ])('a certificate %s is refused before anything is submitted, with why', async (_, name, by, key, why) => {
    const began = performance.now()
    const refused = on(files(name, by, key))
    await expect(refused).rejects.toMatchObject({ code: 'MR-6207' })
    await expect(refused).rejects.toThrow(why)
    expect(performance.now() - began).toBeLessThan(5000)
  })

  describe('a worker', () => {
    let server: LinkServer
    let address: string
    const came: string[] = []
    beforeAll(async () => {
      const transport = grpcTransport(await loadGrpc())
      const later = (millis: number, of: () => void): void => void setTimeout(of, millis).unref()
      const isProof = (proof: string, worker: string): boolean => proofs.matches('secret', worker, proof)
      server = new LinkServer({
        transport,
        later,
        isProof,
        tell: (told) => told.kind === 'linked' && came.push(told.worker),
      })
      const { certificate: cert, key } = files('client', 'ours')
      address = await server.open({ tls: { certificate: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') } })
    })
    afterAll(() => server.close())

    /** Comes as a worker, and stays for a moment. @returns why it could not. */
    const come = async (worker: string, connect: ConnectOptions): Promise<TransportFailure | undefined> => {
      const transport = grpcTransport(await loadGrpc())
      return new Promise((resolve) => {
        const parts = { transport, address, connect, worker, later: () => undefined, behind: () => undefined }
        const link = new LinkClient({ ...parts, proof: proofs.of('secret', worker), ended: resolve })
        void link.close()
      })
    }
    const trusting = (name: string): ConnectOptions => ({ authority: readFileSync(at(`${name}.pem`), 'utf8') })

    it('that trusts who has signed for the client is heard', async () => {
      expect(await come('ours', trusting('ours'))).toBeUndefined()
      expect(came).toEqual(['ours'])
    })

    it('that trusts another authority, or does not encrypt, does not speak to it, though it knows the secret', async () => {
      const other = await come('others', trusting('others'))
      expect(other).toMatchObject({ status: 'UNAVAILABLE' })
      expect(other?.message).toMatch(/certificate/)
      expect(await come('plain', {})).toMatchObject({ status: 'UNAVAILABLE' })
      expect(came).toEqual(['ours'])
    })
  })
})
