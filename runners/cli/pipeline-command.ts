/**
 * `millrace run` and `millrace graph`: both load an author's module on a thread of its own. The thread is started
 * first, so that it loads millrace while the bundler works on the module.
 */
import { writeFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { url as debuggerUrl } from 'node:inspector'
import { Worker } from 'node:worker_threads'
import { UnsupportedFeature } from '../runner.js'
import { type CommandInvocation, type Options, UsageError } from './command-line.js'
import { type GraphFormat, graphFormats } from './commands.js'
import type { ConfigFile } from './config-file.js'
import { EXIT } from './exit-codes.js'
import { findConfig } from './find-config.js'
import { commandHelp } from './help.js'
import { laterFormats } from './later-versions.js'
import { logSettings, metricsPlace } from './observation-settings.js'
import { otherCopy } from '../author-module/package-root.js'
import type { Question } from './protocol.js'
import { changeSettings } from './change-settings.js'
import { codeLine } from './code-line.js'
import { detachSettings } from './detached.js'
import { isRefusal, showRefusal } from './refusal.js'
import {
  consoleMode,
  graceMillis,
  runnerSettings,
  type Settings,
  settingsFrom,
  whySettings,
} from './runner-settings.js'
import { sourceFile } from './source-file.js'
import type { WatchedRun } from './watch-runs.js'

/** Panes that are kept for those who look. */
const PANES = 10

/** Commands whose flags are settings, which a configuration may say, too. */
const RUNS: ReadonlySet<string> = new Set(['run', 'why', 'graph', 'config'])

/** Makes of a module's answer what goes to stdout. */
export type Present = (answer: string, settings: Settings, config: ConfigFile | undefined) => string

/** Does the command. @param shown makes of what is told what people are to read. @returns the exit code. */
export async function pipelineCommand(
  invocation: CommandInvocation,
  present: Present = (answer) => `${answer}\n`,
  asked?: Question,
  shown?: (text: string) => string,
): Promise<number> {
  const { command, options, wantsHelp, file = '' } = invocation
  const question = asked ?? questionOf(invocation)
  const isWatched = command.name === 'run' && options.get('watch') === true && !wantsHelp
  // Before anything is loaded: a typing error costs nothing.
  metricsPlace(options)
  logSettings(options)
  changeSettings(options)
  if (command.name === 'why' && !wantsHelp) whySettings(options)
  if (findConfig(process.cwd()) === undefined && RUNS.has(command.name))
    runnerSettings(settingsFrom({ flags: flagsOf(invocation), environment: process.env, file: undefined }))
  const other = otherCopy(sourceFile(file))
  if (other !== undefined) {
    // It reads the same command line.
    await import(other)
    return Number(process.exitCode ?? 0)
  }
  if (!isWatched) return once(invocation, question, present, undefined, shown)
  const isJson = options.get('json') === true
  const isQuiet = options.get('quiet') === true
  const { watchRuns } = await import('./watch-runs.js')
  return watchRuns(
    async (watched) => {
      try {
        return await once(invocation, question, present, watched)
      } catch (error) {
        if (!isRefusal(error)) throw error
        showRefusal(error, isJson)
        return EXIT.refused
      }
    },
    {
      clear: () => process.stderr.isTTY && !isJson && process.stderr.write('\u001b[2J\u001b[3J\u001b[H'),
      note: (text) =>
        (isJson || !isQuiet) &&
        process.stderr.write(isJson ? `${JSON.stringify({ type: 'note', text })}\n` : `· ${text}\n`),
    },
  )
}

/** What is asked of the module, unless it runs. @throws {UsageError} or {@link UnsupportedFeature}. */
function questionOf({ command, options, wantsHelp }: CommandInvocation): Question | undefined {
  if (wantsHelp) return { kind: 'describe' }
  if (command.name === 'config') return { kind: 'config' }
  if (command.name !== 'graph') return undefined
  const isPhysical = options.get('physical') === true
  if (options.get('guarantees') === true) {
    const other = ['physical', 'format', 'depth'].find((name) => options.has(name))
    if (other === undefined) return { kind: 'guarantees', json: options.get('json') === true }
    throw new UsageError(
      'MR-1016',
      `--${other} is for the picture of a graph, and --guarantees shows none. Leave one of them out.`,
      '',
    )
  }
  if (options.has('runner') && !isPhysical)
    throw new UsageError(
      'MR-1016',
      '--runner says whose stages --physical shows. Add --physical, or leave --runner out.',
      '',
    )
  return {
    kind: 'graph',
    format: formatOf(
      options.get('format') ?? (options.get('json') === true ? 'json' : formatOfName(options.get('out'))),
    ),
    isPhysical,
    depth: depthOf(options.get('depth'), isPhysical),
  }
}

/** Loads the module and runs it, or asks it. */
async function once(
  invocation: CommandInvocation,
  question: Question | undefined,
  present: Present,
  watched?: WatchedRun,
  shown?: (text: string) => string,
): Promise<number> {
  const { command, file = '', options, rest, wantsHelp } = invocation
  // Also what cannot be loaded is waited for.
  watched?.madeOf([file], false)
  const source = sourceFile(file)
  watched?.madeOf([source], false)
  const configPath = findConfig(process.cwd())
  if (configPath !== undefined) watched?.madeOf([source, configPath], false)
  const config = configPath === undefined ? undefined : await (await import('./config-file.js')).readConfig(configPath)
  const hasSettings = RUNS.has(command.name)
  const settings = settingsFrom({
    flags: flagsOf(invocation),
    environment: hasSettings ? process.env : {},
    file: hasSettings ? config : undefined,
  })
  const chosen = runnerSettings(settings)
  const runner = { ...chosen, ...changeSettings(options), ...detachSettings(options, chosen) }
  const console = consoleMode(settings)
  const place = metricsPlace(options)
  const log = logSettings(options)
  if (question === undefined && !(await isWellTyped(source, settings, options.get('json') === true))) {
    watched?.madeOf([source, ...(config?.files ?? [])], false)
    return EXIT.refused
  }
  const service = place === undefined || wantsHelp ? undefined : await import('./metrics-service.js')
  const metrics = place === undefined ? undefined : await service?.metricsService(place, testMillis('STALE'))
  const worker = new Worker(new URL('./worker.js', import.meta.url), { stdout: true, stderr: true, name: 'pipeline' })
  // Whatever goes wrong before the supervision listens, it will be told by the thread's end.
  worker.on('error', () => undefined)
  const module = import('../author-module/bundle.js').then(({ bundle }) => bundle(source))
  module.then(
    ({ files }) => watched?.madeOf([...files, ...(config?.files ?? [])], true),
    (error: unknown) => {
      const { files = [] } = error as { readonly files?: readonly string[] }
      watched?.madeOf([...files, ...(config?.files ?? [])], false)
    },
  )
  const [{ supervise }, { Watchdog }, { displayOn, outputOn }] = await Promise.all([
    import('./supervise.js'),
    import('./watchdog.js'),
    import('./output.js'),
  ])
  const out = outputOn(process.stdout)
  const err = outputOn(process.stderr)
  const isJson = options.get('json') === true || log?.format === 'json'
  const why = command.name === 'why' && !wantsHelp ? whySettings(options) : undefined
  const isShown = question === undefined && why === undefined && options.get('quiet') !== true
  const plain = displayOn(out, err, { json: isJson, quiet: !isShown })
  const display = shown === undefined ? plain : (await import('./retold-display.js')).retold(plain, shown)
  if (wantsHelp) out.write(`${commandHelp(command)}\n\n`)
  const path = command.name === 'graph' && !wantsHelp ? options.get('out') : undefined
  let kept: string | undefined
  const code = await supervise({
    metrics,
    worker,
    module,
    display,
    answer: (text) => {
      if (path === undefined) out.write(present(text, settings, config))
      else kept = text
    },
    start: {
      question,
      args: rest,
      environment: optionVariables(),
      configured: config && {
        path: config.path,
        pipelines: new Map(Object.entries(config.config.pipelines ?? {})),
      },
      runner,
      observation: { snapshotMillis: service?.SNAPSHOT_MILLIS, log },
      console,
      why,
      panes: isShown ? PANES : 0,
      ...(command.name === 'query' ? { mustEnd: true } : {}),
    },
    listens: isShown && err.isTerminal && !isJson,
    // A halted debugger looks like an endless call.
    watchdog: debuggerUrl() === undefined ? new Watchdog(runner.callTimeoutMillis, testMillis('REPORT')) : undefined,
    graceMillis: graceMillis(settings),
    ...(watched === undefined ? {} : { changed: watched.changed }),
  })
  await metrics?.close()
  if (kept !== undefined) write(String(path), `${kept}\n`)
  return code
}

/** Settings among the flags; a graph has none, its `--runner` is a question. */
function flagsOf({ command, options }: CommandInvocation): Options {
  if (!RUNS.has(command.name)) return new Map()
  return command.name === 'graph' ? new Map([...options].filter(([name]) => name === 'runner')) : options
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw new UsageError('MR-7003', `--out ${path} cannot be written: ${(error as Error).message}`, '')
  }
}

/** Whether the file passes `--check`, where that was asked for; else its faults are shown. */
async function isWellTyped(file: string, settings: Settings, asJson: boolean): Promise<boolean> {
  if (settings.get('check')?.value !== true) return true
  const [{ typeCheck }, { outputOn }] = await Promise.all([import('./type-check.js'), import('./output.js')])
  const err = outputOn(process.stderr)
  const { faults, text } = typeCheck(file, err.hasColour && !asJson)
  if (faults.length === 0) return true
  const message = `${faults.length === 1 ? 'one type error' : `${faults.length} type errors`}; nothing has run.`
  err.write(
    asJson
      ? `${JSON.stringify({ type: 'failed', error: { name: 'TypeCheckError', message, frames: [], code: 'MR-7022' }, faults })}\n`
      : `${text}\nerror: ${message}\n${codeLine('MR-7022')}\n`,
  )
  return false
}

/** What a file's name says that it holds: `flights.svg`. */
function formatOfName(out: string | boolean | undefined): GraphFormat {
  const extension = typeof out === 'string' ? /\.(\w+)$/.exec(out)?.[1] : undefined
  return graphFormats.find((format) => format === extension) ?? 'mermaid'
}

function formatOf(given: string | boolean): GraphFormat {
  const format = String(given)
  const known = graphFormats.find((each) => each === format)
  if (known !== undefined) return known
  if (laterFormats.includes(format))
    throw new UnsupportedFeature(
      'MR-7006',
      `graph.${format}`,
      `--format ${format} is not part of this version. It has ${graphFormats.join(', ')}.`,
    )
  throw new UsageError('MR-7003', `there is no format ${inspect(format)}.`, format, [...graphFormats, ...laterFormats])
}

function depthOf(given: string | boolean | undefined, isPhysical: boolean): number | undefined {
  if (given === undefined) return undefined
  if (isPhysical)
    throw new UsageError(
      'MR-1016',
      '--depth folds composites, and stages have none. Leave --depth or --physical out.',
      '',
    )
  const depth = Number(given)
  if (given !== '' && Number.isSafeInteger(depth) && depth >= 0) return depth
  throw new UsageError('MR-7003', `--depth needs a whole number from 0, not "${String(given)}".`)
}

function optionVariables(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      name.startsWith('MILLRACE_') && value !== undefined ? [[name, value]] : [],
    ),
  )
}

/** Tests of what takes ten seconds set `MILLRACE_TEST_REPORT_MILLIS` and `…_STALE_…`; nobody else should. */
function testMillis(name: 'REPORT' | 'STALE'): number | undefined {
  const value = Number(process.env[`MILLRACE_TEST_${name}_MILLIS`])
  return value > 0 ? value : undefined
}
