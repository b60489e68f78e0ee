import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { errorCode, type RunningPipeline, start } from 'millrace'
import { type MetricsServer, serveMetrics, type ServeMetricsOptions } from 'millrace/metrics'
import { isLoopback } from './hosts.js'
import { ThreadObserver } from './thread-reading.js'

const open: { server: MetricsServer; running: RunningPipeline }[] = []
afterEach(async () => {
  for (const { server, running } of open.splice(0)) {
    running.cancel()
    await server.close()
  }
})

/** A run that waits for a call, and its server. */
async function served(
  options: ServeMetricsOptions = {},
): Promise<{ server: MetricsServer; running: RunningPipeline; goOn: () => void }> {
  // prettier-ignore
  let goOn = (): void => undefined
  const gate = new Promise<void>((resolve) => (goOn = resolve))
  const running = start((p) => p.create('numbers', [1]).map('wait', () => gate))
  const server = await serveMetrics(running, { port: 0, ...options })
  open.push({ server, running })
  return { server, running, goOn }
}

const text = async (server: MetricsServer, path: string): Promise<string> =>
  (await fetch(`${server.url}${path}`)).text()

describe('a server of metrics', () => {
  it('listens on a free port of this machine only, and serves the three pages', async () => {
    const { server } = await served()
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
    expect(await text(server, '/healthz')).toBe('ok\n')
    expect(JSON.parse(await text(server, '/readyz'))).toEqual({ ready: true, state: 'running', reasons: [] })
    expect(await text(server, '/metrics')).toContain('millrace_run_state{pipeline="pipeline",state="running"} 1')
  })

  it('looks at the run once a second at most, and once more when it has ended', async () => {
    const { server, running, goOn } = await served()
    const look = vi.spyOn(running, 'status')
    for (let i = 0; i < 5; i++) await text(server, '/metrics')
    expect(look).toHaveBeenCalledTimes(1)
    goOn()
    await running.result
    expect(await text(server, '/metrics')).toContain('state="done"} 1')
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503)
    expect(look).toHaveBeenCalledTimes(2)
  })

  it('says that a run is not ready while a call takes longer than the limit', async () => {
    const { server } = await served({ callLimit: 1 })
    await new Promise((resolve) => setTimeout(resolve, 50))
    const response = await fetch(`${server.url}/readyz`)
    expect(response.status).toBe(503)
    expect(await response.json()).toEqual({
      ready: false,
      state: 'running',
      reasons: ['step "wait" has waited 0 s for its call of process'],
    })
  })

  it('answers HEAD with the headers of GET and no body', async () => {
    const { server } = await served()
    const response = await fetch(`${server.url}/healthz`, { method: 'HEAD' })
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '3', ''])
  })

  it('refuses names that point here without being asked, and answers those that were allowed', async () => {
    const { server } = await served({ allowedHosts: ['app'] })
    const statusFor = (host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request({ port: server.port, host: '127.0.0.1', path: '/metrics', headers: { host } }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
          .on('error', reject)
          .end()
      })
    expect(await statusFor('evil.example')).toBe(403)
    expect(await statusFor('app:9464')).toBe(200)
  })

  it('answers what is no HTTP, or has no host, with an error, and goes on', async () => {
    const { server } = await served()
    const said = (sent: string): Promise<string> =>
      new Promise((resolve) => {
        let all = ''
        const socket = connect(server.port, '127.0.0.1', () => socket.end(sent))
        socket.on('data', (chunk) => (all += chunk.toString())).on('close', () => resolve(all))
      })
    expect(await said('nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
    expect(await said('GET /metrics HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /)
    expect(await said(`GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /) // prettier-ignore
    expect(await text(server, '/healthz')).toBe('ok\n')
  })

  it('says when its port is taken, and ends at once when it is closed', async () => {
    const { server, running } = await served()
    const taken = await serveMetrics(running, { port: server.port }).catch((error: unknown) => error)
    expect(errorCode(taken)).toBe('MR-6011')
    expect(String(taken)).toContain(`127.0.0.1:${server.port}: somebody else listens there. Choose another port, or 0`)
    await server.close()
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow()
  })

  it.each<[ServeMetricsOptions, string]>([
    [{ port: -1 }, 'port of serveMetrics must be a whole number from 0 to 65535, but is -1.'],
    [{ port: 1.5 }, 'port of serveMetrics must be a whole number'],
    [{ host: '' }, 'host of serveMetrics must be an address'],
    [{ allowedHosts: 'app' as never }, 'allowedHosts of serveMetrics must be a list of names'],
    [{ prot: 1 } as never, 'there is no option "prot" of serveMetrics.'],
    [{ callLimit: 'soon' as never }, 'soon'],
  ])('refuses %j', async (options, message) => {
    const running = start((p) => p.create('numbers', [1]).collect('all'))
    await expect(serveMetrics(running, options)).rejects.toThrow(message)
    await running.result
  })

  it('warns before it listens where others can come', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    await served({ host: '0.0.0.0' })
    expect((await warned).message).toContain('metrics are served on 0.0.0.0, where other machines can read them')
    expect(['127.0.0.1', '127.8.0.1', '::1', 'localhost', '0.0.0.0', '::', '10.0.0.1'].map(isLoopback)).toEqual(
      [true, true, true, true, false, false, false], // prettier-ignore
    )
  })
})

describe('a thread that is observed', () => {
  it('shows how long its event loop was blocked', async () => {
    const observer = new ThreadObserver()
    await new Promise((resolve) => setTimeout(resolve, 100))
    observer.read()
    await new Promise((resolve) => setTimeout(resolve, 60))
    for (const end = performance.now() + 300; performance.now() < end;);
    await new Promise((resolve) => setTimeout(resolve, 60))
    const { delaySecondsMax, delaySecondsSum, delays, utilization } = observer.read()
    observer.close()
    expect(delaySecondsMax).toBeGreaterThan(0.2)
    expect(delaySecondsSum).toBeGreaterThanOrEqual(delaySecondsMax * 0.9)
    expect(delays).toBeGreaterThan(3)
    expect(utilization).toBeGreaterThan(0.3)
  })
})
