/** What production asks of a run: metrics on a port, health, and log lines. */
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Options, parseCommandLine, UsageError } from './command-line.js'
import { compiled, fixture, leftOvers, root, type Running, start } from './fixtures/command.js'
import { logSettings, metricsPlace } from './observation-settings.js'

beforeAll(compiled, 120_000)
afterAll(leftOvers)

const observed = fixture('observed.ts')

function optionsOf(...args: string[]): Options {
  const invocation = parseCommandLine(['run', 'file.ts', ...args])
  if (invocation.kind !== 'command') throw new Error(`${args.join(' ')} asks for ${invocation.kind}`)
  return invocation.options
}

/** Where a run serves its metrics, once it says so. */
async function serving(run: Running): Promise<string> {
  await run.said('/metrics, and /healthz, /readyz')
  return /metrics: (http:\S+)\/metrics/.exec(run.output())?.[1] ?? ''
}

const page = async (url: string, path: string): Promise<string> => (await fetch(`${url}${path}`)).text()

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 100))
}

describe('metrics of a command', { timeout: 30_000 }, () => {
  it('are served on a free port that it names, while it runs and no longer', async () => {
    const run = start(['run', observed, '--metrics-port', '0'])
    const url = await serving(run)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await page(url, '/healthz')).toBe('ok\n')
    await until(async () => (await fetch(`${url}/readyz`)).status === 200)
    await until(async () => /_dead_letters_total\{[^}]*step="look"\} [1-9]/.test(await page(url, '/metrics')))
    const text = await page(url, '/metrics')
    const value = (series: string): number =>
      Number(text.split('\n').find((line) => line.startsWith(`${series} `))?.split(' ')[1]) // prettier-ignore
    const look = '{pipeline="observed",step="look"}'
    expect(value('millrace_run_state{pipeline="observed",state="running"}')).toBe(1)
    expect(value(`millrace_step_elements_in_total${look}`)).toBe(value(`millrace_step_elements_out_total${look}`))
    // Each failure is tried once more, and every attempt is counted.
    expect(value(`millrace_user_seen_ticks_total${look}`)).toBe(
      value(`millrace_step_elements_in_total${look}`) + value(`millrace_step_retries_total${look}`),
    )
    expect(value(`millrace_user_kinds_strings${look}`)).toBe(2)
    expect(value('millrace_run_status_age_seconds{pipeline="observed"}')).toBeLessThan(2)
    expect(value('millrace_event_loop_delay_seconds_count')).toBeGreaterThan(0)
    run.signal('SIGINT')
    const { code, left } = await run.ended
    expect([code, left]).toEqual([0, { processes: [], files: [] }])
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })

  it('go on while a call blocks the pipeline, tell their age, and say that the run is not ready', async () => {
    const run = start(['run', observed, '--metrics-port', '0', '--blocks'], { env: { MILLRACE_TEST_STALE_MILLIS: '1500' } }) // prettier-ignore
    const url = await serving(run)
    const age = async (): Promise<number> =>
      Number(/^millrace_run_status_age_seconds\{[^}]*\} (\S+)$/m.exec(await page(url, '/metrics'))?.[1] ?? 0)
    await until(async () => (await age()) > 2)
    expect(await page(url, '/healthz')).toBe('ok\n')
    const ready = await fetch(`${url}/readyz`)
    expect(ready.status).toBe(503)
    expect(await ready.json()).toMatchObject({
      ready: false,
      state: 'running',
      reasons: [expect.stringMatching(/^the pipeline's thread has not answered for \d+ s$/)],
    })
    run.signal('SIGINT')
    await run.said('draining')
    run.signal('SIGINT')
    expect((await run.ended).code).toBe(130)
  })

  it('are refused before anything runs when their port is taken', async () => {
    const other = createServer()
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { readonly port: number }).port))
    })
    const { code, stdout, stderr } = await start(['run', observed, '--metrics-port', String(port)]).ended
    other.close()
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(`the metrics cannot be served on 127.0.0.1:${port}: somebody else listens there.`)
  })

  it('are served elsewhere only with a warning', async () => {
    const run = start(['run', observed, '--metrics-port', '0', '--metrics-host', '0.0.0.0', '--metrics-names', 'app,b'])
    const url = await serving(run)
    await run.said('warning: metrics are served on 0.0.0.0, where other machines can read them')
    expect(await page(url, '/healthz')).toBe('ok\n')
    run.signal('SIGINT')
    expect((await run.ended).code).toBe(0)
  })

  it('cost nothing that can be seen when nobody asks: nothing listens', async () => {
    const run = start(['run', observed])
    await run.said('counted:')
    expect(run.output()).not.toContain('metrics:')
    run.signal('SIGINT')
    expect((await run.ended).code).toBe(0)
  })
})

describe('log lines of a command', { timeout: 30_000 }, () => {
  it('are JSON among the other objects, with a type that no field replaces', async () => {
    const run = start(['run', observed, '--log-format', 'json'])
    await run.said('"msg":"seen"')
    await run.said('"msg":"dead letter"')
    run.signal('SIGINT')
    const { stderr } = await run.ended
    const objects = stderr.trimEnd().split('\n').map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>) // prettier-ignore
    const withMessage = (msg: string) => objects.find((each) => each['msg'] === msg)
    expect(objects[0]).toMatchObject({ type: 'started' })
    expect(withMessage('seen')).toMatchObject({ type: 'log', level: 30, pipeline: 'observed', step: 'look' })
    expect(withMessage('dead letter')).toMatchObject({
      type: 'log',
      level: 40,
      step: 'look',
      error: 'unlucky',
      code: 'E_UNLUCKY',
      pipeline: 'observed',
    })
    expect(withMessage('run ended')).toMatchObject({ level: 30, state: 'DRAINED' })
    expect(withMessage('call failed, and is tried again')).toBeUndefined()
    expect(Number(withMessage('seen')?.['time'])).toBeGreaterThan(1.7e12)
  })

  it('are text, from the level that was asked for on', async () => {
    const run = start(['run', observed, '--log-level', 'debug', '--quiet'])
    await run.said('info look: seen')
    await run.said('warn look: dead letter')
    run.signal('SIGINT')
    const { stderr } = await run.ended
    expect(stderr).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z debug look: call failed, and is tried again error=unlucky /m)
    expect(stderr).toMatch(/^\S+ warn look: dead letter error=unlucky errorName=Error code=E_UNLUCKY$/m)
    expect(stderr).toMatch(/^\S+ info observed: run ended state=DRAINED millis=\d+$/m)
  })

  it('are none where silence was asked for', async () => {
    const run = start(['run', observed, '--log-level', 'silent', '--quiet'])
    await run.said('counted:')
    run.signal('SIGINT')
    const { stderr } = await run.ended
    expect(stderr).not.toMatch(/seen|dead letter|run ended/)
  })
})

describe('options about observation', () => {
  it.each<[string[], string]>([
    [['--metrics-port', '70000'], '--metrics-port needs a port from 0 to 65535, not "70000".'],
    [['--metrics-port', '9464x'], '--metrics-port needs a port from 0 to 65535, not "9464x".'],
    [
      ['--metrics-host', '0.0.0.0'],
      '--metrics-host means something only with --metrics-port. Add --metrics-port 9464.',
    ],
    [['--metrics-names', 'app'], '--metrics-names means something only with --metrics-port.'],
    [['--log-format', 'xml'], '--log-format is one of text, json, not "xml".'],
    [['--log-level', 'loud'], '--log-level is one of trace, debug, info, warn, error, silent, not "loud".'],
    [['--json', '--log-format', 'text'], '--log-format text contradicts --json'],
  ])('%j is refused', (args, message) => {
    const read = (): unknown => [metricsPlace(optionsOf(...args)), logSettings(optionsOf(...args))]
    expect(read).toThrow(UsageError)
    expect(read).toThrow(message)
  })

  it('are read as what they mean', () => {
    expect(metricsPlace(optionsOf())).toBeUndefined()
    expect(metricsPlace(optionsOf('--metrics-port', '0', '--metrics-names', 'app, b'))).toEqual({
      host: '127.0.0.1',
      port: 0,
      allowedHosts: ['127.0.0.1', 'app', 'b'],
    })
    expect(logSettings(optionsOf())).toBeUndefined()
    expect(logSettings(optionsOf('--json', '--log-level', 'warn'))).toEqual({ format: 'json', level: 'warn' })
  })

  it('stand in the help', () => {
    const help = execFileSync(process.execPath, [`${root}/dist/runners/cli/main.js`, 'run', '--help']).toString()
    for (const name of ['metrics-port', 'metrics-host', 'metrics-names', 'log-format', 'log-level'])
      expect(help).toContain(`--${name} <`)
  })
})
