/**
 * `millrace run` and `millrace graph`: both load an author's module on a thread of its own. The thread is started
 * first, so that it loads millrace while the bundler works on the module.
 */
import { inspect } from 'node:util'
import { url as debuggerUrl } from 'node:inspector'
import { Worker } from 'node:worker_threads'
import { UnsupportedFeature } from '../runner.js'
import { type Invocation, UsageError } from './command-line.js'
import { laterFormats } from './commands.js'
import { commandHelp } from './help.js'
import { logSettings, metricsPlace } from './observation-settings.js'
import { otherCopy } from './package-root.js'
import type { Action } from './protocol.js'
import { consoleMode, runnerSettings } from './runner-settings.js'
import { sourceFile } from './source-file.js'

type CommandInvocation = Extract<Invocation, { kind: 'command' }>

/** Draining after SIGTERM may take as long as process managers usually wait. */
const GRACE_MILLIS = 10_000

/** Does the command. @returns the exit code. */
export async function pipelineCommand({ command, file, options, rest, wantsHelp }: CommandInvocation): Promise<number> {
  if (command.name === 'graph') checkFormat(options.get('format'))
  const runner = runnerSettings(command.name === 'run' ? options : new Map())
  const place = metricsPlace(options)
  const log = logSettings(options)
  const console = consoleMode(options)
  const source = sourceFile(file)
  const other = otherCopy(source)
  if (other !== undefined) {
    // It reads the same command line.
    await import(other)
    return Number(process.exitCode ?? 0)
  }
  const service = place === undefined || wantsHelp ? undefined : await import('./metrics-service.js')
  const metrics = place === undefined ? undefined : await service?.metricsService(place, testMillis('STALE'))
  const worker = new Worker(new URL('./worker.js', import.meta.url), { stdout: true, stderr: true, name: 'pipeline' })
  // Whatever goes wrong before the supervision listens, it will be told by the thread's end.
  worker.on('error', () => undefined)
  const module = import('./bundle.js').then(({ bundle }) => bundle(source))
  module.catch(() => undefined)
  const [{ supervise }, { Watchdog }, { displayOn, outputOn }] = await Promise.all([
    import('./supervise.js'),
    import('./watchdog.js'),
    import('./output.js'),
  ])
  const observation = { snapshotMillis: service?.SNAPSHOT_MILLIS, log }
  const action: Action = wantsHelp ? 'describe' : command.name
  const out = outputOn(process.stdout)
  const display = displayOn(out, outputOn(process.stderr), {
    json: options.has('json') || log?.format === 'json',
    quiet: options.has('quiet') || action !== 'run',
  })
  if (wantsHelp) out.write(`${commandHelp(command)}\n\n`)
  const code = await supervise({
    metrics,
    worker,
    module,
    display,
    answer: (text) => out.write(`${text}\n`),
    start: { action, args: rest, environment: optionVariables(), runner, observation, console },
    // A halted debugger looks like an endless call.
    watchdog: debuggerUrl() === undefined ? new Watchdog(runner.callTimeoutMillis, testMillis('REPORT')) : undefined,
    graceMillis: testMillis('GRACE') ?? GRACE_MILLIS,
  })
  await metrics?.close()
  return code
}

function checkFormat(format: string | true | undefined): void {
  if (format === undefined || format === 'mermaid') return
  if (laterFormats.includes(String(format)))
    throw new UnsupportedFeature(
      'MR-7006',
      `graph.${String(format)}`,
      `--format ${String(format)} is not part of this version. It has mermaid.`,
    )
  throw new UsageError('MR-7003', `there is no format ${inspect(format)}.`, String(format), [
    'mermaid',
    ...laterFormats,
  ])
}

function optionVariables(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      name.startsWith('MILLRACE_') && value !== undefined ? [[name, value]] : [],
    ),
  )
}

/** Tests of what takes ten seconds set `MILLRACE_TEST_REPORT_MILLIS`, `…_GRACE_…` and `…_STALE_…`; nobody else should. */
function testMillis(name: 'REPORT' | 'GRACE' | 'STALE'): number | undefined {
  const value = Number(process.env[`MILLRACE_TEST_${name}_MILLIS`])
  return value > 0 ? value : undefined
}
