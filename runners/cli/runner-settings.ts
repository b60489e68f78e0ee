/**
 * The settings of a run: flags before the environment, that before the configuration file, that before what is usual.
 * Checked before anything is loaded, so that a typing error costs nothing.
 *
 * Law: each value knows where it comes from, and every complaint says so.
 */
import { textMillis } from '../../sdk/duration-text.js'
import type { MillraceConfig } from '../config.js'
import type { EngineSettings } from '../engine-settings.js'
import type { Guarantee, RunnerOptions } from '../runner.js'
import { type Options, UsageError } from './command-line.js'
import { type OptionRow, type RunnerName, runners, settingRows } from './setting-rows.js'
import { CONSOLE_MODES, type ConsoleMode } from './console-limit.js'
import type { WhySettings } from './protocol.js'
import { engineOptionsOf } from './engine-options.js'
import { rateLimits } from './rate-limits.js'

/** Options for the runner that can be sent to a thread. */
export interface RunnerSettings extends Pick<
  RunnerOptions,
  | 'strict'
  | 'seed'
  | 'reexecute'
  | 'bundleSize'
  | 'guarantee'
  | 'callTimeoutMillis'
  | 'requireCodecs'
  | 'stageCompiler'
  | 'checkpoint'
  | 'batchInterval'
  | 'batchSize'
  | 'standby'
  | 'onChange'
  | 'renameSteps'
  | 'dropState'
  | 'partitions'
  | 'sourceLimits'
  | 'latencyObjective'
  | 'workers'
  | 'isolation'
  | 'engine'
  | 'engineOptions'
> {
  readonly runner: RunnerName
}

/** So long a pipeline runs before `millrace why` answers. */
const WHY_MILLIS = 5000

/** Where a value comes from, strongest first. */
export type Origin =
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string; readonly path: string }
  | { readonly kind: 'default' }

/** A value and where it comes from. */
export interface Sourced<T> {
  readonly value: T
  readonly origin: Origin
}

/** Values of settings by their names in kebab case. Text of a flag is still text. */
export type Settings = ReadonlyMap<string, Sourced<string | number | boolean | undefined>>

/** Where settings are looked for. */
export interface SettingSources {
  readonly flags: Options
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly file: { readonly path: string; readonly config: MillraceConfig } | undefined
}

const STRENGTH = { flag: 3, environment: 2, file: 1, default: 0 } as const
const compilers = ['auto', 'generated', 'closures'] as const
const isolations = ['thread', 'process'] as const
const guarantees: readonly Guarantee[] = ['gap', 'at-most-once', 'at-least-once', 'exactly-once']

/** The name of a setting, or of an option, in the environment. */
export function variableOf(kebabName: string): string {
  return `MILLRACE_${kebabName.replaceAll('-', '_').toUpperCase()}`
}

/** The value of each setting, and its origin. @throws {UsageError} when a variable is no truth value and should be. */
export function settingsFrom({ flags, environment, file }: SettingSources): Settings {
  return new Map(
    settingRows.map((row): [string, Sourced<string | number | boolean | undefined>] => {
      const flag = flags.get(row.name)
      if (flag !== undefined) {
        const name = flag === false ? `--no-${row.name}` : `--${row.name}`
        return [row.name, { value: flag, origin: { kind: 'flag', name } }]
      }
      const variable = variableOf(row.name)
      const text = environment[variable]
      if (text !== undefined && text !== '')
        return [row.name, { value: ofText(row, variable, text), origin: { kind: 'environment', name: variable } }]
      const key = row.key ?? (camel(row.name) as Exclude<keyof MillraceConfig, 'pipelines'>)
      const said = file?.config[key]
      if (file !== undefined && said !== undefined) {
        const value = typeof said === 'object' ? JSON.stringify(said) : said
        return [row.name, { value, origin: { kind: 'file', name: key, path: file.path } }]
      }
      return [row.name, { value: row.setting?.default, origin: { kind: 'default' } }]
    }),
  )
}

/** Settings as what a runner takes. @throws {UsageError} */
export function runnerSettings(settings: Settings): RunnerSettings {
  const given = (name: string): Given => new Given(settings, name)
  const runner = runnerOf(given('runner'))
  const strict = given('strict')
  const seed = given('seed')
  const reexecute = given('reexecute')
  const bundleSize = given('bundle-size')
  const timeout = given('call-timeout')
  const guarantee = given('guarantee')
  const isStrict = strict.value === true
  const batches = batchSettings(given)
  const engine = engineSettings(given)
  // Checked also where it is switched off: a typing error stays one.
  graceMillis(settings)
  const seedNumber = seed.isSaid ? wholeNumber(seed, Number.MIN_SAFE_INTEGER) : 0
  if (seed.isSaid && !isStrict) refuseWithoutStrict(seed, strict, 'is the seed of strict mode')
  if (reexecute.value === true && !isStrict) refuseWithoutStrict(reexecute, strict, 'is a part of strict mode')
  return {
    runner,
    ...batches,
    ...engine,
    strict: isStrict,
    requireCodecs: given('require-codecs').value === true,
    stageCompiler: oneOf(given('stage-compiler'), compilers),
    ...(seed.isSaid && isStrict ? { seed: seedNumber } : {}),
    ...(reexecute.value === true && isStrict ? { reexecute: true } : {}),
    ...(bundleSize.isSaid ? { bundleSize: wholeNumber(bundleSize, 1) } : {}),
    ...(timeout.isSaid ? { callTimeoutMillis: millisOf(timeout) } : {}),
    ...(guarantee.isSaid ? { guarantee: oneOf(guarantee, guarantees) } : {}),
  }
}

/** Whether a run goes on when it is started again; one on an engine is begun anew, whatever the engine keeps. */
export function isKept({ runner, checkpoint }: RunnerSettings): boolean {
  return runner === 'micro-batch' && checkpoint !== undefined
}

/** How much of the author's console is shown. */
export function consoleMode(settings: Settings): ConsoleMode {
  return oneOf(new Given(settings, 'console'), CONSOLE_MODES)
}

/** A setting, and what to call it in a complaint. */
class Given {
  readonly value: string | number | boolean | undefined
  readonly origin: Origin

  constructor(settings: Settings, name: string) {
    const found = settings.get(name)
    this.value = found?.value
    this.origin = found?.origin ?? { kind: 'default' }
  }

  get isSaid(): boolean {
    return this.value !== undefined && this.value !== false
  }

  /** `--seed`, `MILLRACE_SEED`, `seed of …/millrace.config.ts`. */
  get named(): string {
    const { origin } = this
    if (origin.kind === 'default') return 'the default'
    return origin.kind === 'file' ? `${origin.name} of ${origin.path}` : origin.name
  }
}

function ofText({ name, value }: OptionRow, variable: string, text: string): string | boolean {
  if (value !== undefined) return text
  if (text === 'true' || text === '1') return true
  if (text === 'false' || text === '0') return false
  throw new UsageError('MR-7003', `${variable} is true or false, as --${name} and --no-${name} are, not "${text}".`, '')
}

function camel(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function runnerOf(given: Given): RunnerName {
  const name = String(given.value)
  const found = runners.find((runner) => runner === name)
  if (found !== undefined) return found
  throw new UsageError('MR-6003', `there is no runner "${name}".`, name, runners)
}

/** What runs in batches have; of that some is also an engine's. */
function batchSettings(
  given: (name: string) => Given,
): Pick<
  RunnerSettings,
  | 'checkpoint'
  | 'batchInterval'
  | 'batchSize'
  | 'standby'
  | 'sourceLimits'
  | 'latencyObjective'
  | 'workers'
  | 'isolation'
> {
  const runner = given('runner')
  const [checkpoint, interval, size] = [given('checkpoint'), given('batch-interval'), given('batch-size')]
  const [workers, isolation] = [given('workers'), given('isolation')]
  const [rate, objective] = [given('rate'), given('latency-objective')]
  const standby = given('standby')
  // Checked also where another runner was chosen.
  const path = checkpoint.isSaid ? folderOf(checkpoint) : undefined
  const millis = interval.isSaid ? millisOf(interval) : undefined
  const elements = size.isSaid ? wholeNumber(size, 1) : undefined
  const wait = standby.isSaid ? oneOf(standby, ['cold', 'warm', 'hot'] as const) : undefined
  const latency = objective.isSaid ? millisOf(objective) : undefined
  const limits = rate.isSaid ? rateLimits(String(rate.value), rate.named) : undefined
  const count = workers.isSaid ? wholeNumber(workers, 0) : undefined
  const kind = isolation.isSaid ? oneOf(isolation, isolations) : undefined
  if (runner.value !== 'micro-batch') {
    const isEngine = ENGINES.has(String(runner.value))
    const ofBatches = [interval, size, rate, objective, isolation, standby]
    for (const each of isEngine ? ofBatches : [...ofBatches, checkpoint, workers])
      if (each.isSaid) refuseWithoutBatches(each, runner)
    // Prism takes neither, and says why.
    const isLeftOut = (each: Given): boolean =>
      !isEngine || (runner.value === 'prism' && isWeaker(each, runner)) || !each.isSaid
    return {
      ...(path === undefined || isLeftOut(checkpoint) ? {} : { checkpoint: path }),
      ...(count === undefined || count === 0 || isLeftOut(workers) ? {} : { workers: count }),
    }
  }
  if (kind !== undefined && count === undefined)
    throw new UsageError(
      'MR-1016',
      `${isolation.named} says what workers are, and there are none. Add --workers 2, or leave ${isolation.named} out.`,
      '',
    )
  return {
    ...(path === undefined ? {} : { checkpoint: path }),
    ...(millis === undefined ? {} : { batchInterval: millis }),
    ...(elements === undefined ? {} : { batchSize: elements }),
    ...(wait === undefined ? {} : { standby: wait }),
    ...(limits === undefined ? {} : { sourceLimits: limits }),
    ...(latency === undefined ? {} : { latencyObjective: latency }),
    ...(count === undefined ? {} : { workers: count }),
    ...(kind === undefined || count === undefined ? {} : { isolation: kind }),
  }
}

/** Runners on other engines. */
const ENGINES: ReadonlySet<string> = new Set(['flink', 'prism', 'flink-cluster'])
const environments = ['loopback', 'external', 'process'] as const

/** What only runs on other engines have. */
function engineSettings(given: (name: string) => Given): Pick<RunnerSettings, 'engine' | 'engineOptions'> {
  const runner = given('runner')
  const settings: { -readonly [K in keyof EngineSettings]: EngineSettings[K] } = {}
  const environment = given('environment')
  const native = given('native-packages')
  const option = given('engine-option')
  const texts = [
    ['jobEndpoint', given('job-endpoint')],
    ['flinkMaster', given('flink-master')],
    ['environmentConfig', given('environment-config')],
    ['linkHost', given('link-host')],
    ['tokenFile', given('token-file')],
  ] as const
  const files = [given('tls-certificate'), given('tls-key'), given('tls-authority')] as const
  // Checked also where another runner was chosen.
  if (environment.isSaid) settings.environment = oneOf(environment, environments)
  const engineOptions = option.isSaid ? engineOptionsOf(String(option.value), option.named) : undefined
  if (native.isSaid) settings.nativePackages = String(native.value).split(',')
  for (const [name, each] of texts) if (each.isSaid) settings[name] = String(each.value)
  if (!ENGINES.has(String(runner.value))) {
    for (const each of [environment, native, option, ...files, ...texts.map(([, text]) => text)])
      if (each.isSaid) refuseWithoutEngine(each, runner)
    return {}
  }
  const tls = tlsOf(files)
  if (tls !== undefined) settings.tls = tls
  return {
    ...(Object.keys(settings).length === 0 ? {} : { engine: settings }),
    ...(engineOptions === undefined ? {} : { engineOptions }),
  }
}

/** @throws {UsageError} when only some of the files are named. */
function tlsOf([certificate, key, authority]: readonly [Given, Given, Given]): EngineSettings['tls'] {
  const files = [certificate, key, authority]
  const said = files.find(({ isSaid }) => isSaid)
  if (said === undefined) return undefined
  if (!files.every(({ isSaid }) => isSaid))
    throw new UsageError(
      'MR-1016',
      `${said.named} needs the others: --tls-certificate, --tls-key and --tls-authority are given together. Name all three files, or leave ${said.named} out.`,
    )
  return { certificate: String(certificate.value), key: String(key.value), authority: String(authority.value) }
}

/** Whether a stronger source has chosen the runner: what a weaker one says may be meant for another. */
function isWeaker(given: Given, runner: Given): boolean {
  return STRENGTH[runner.origin.kind] > STRENGTH[given.origin.kind]
}

/** As {@link refuseWithoutBatches}. */
function refuseWithoutEngine(given: Given, runner: Given): void {
  if (isWeaker(given, runner)) return
  throw new UsageError(
    'MR-1016',
    `${given.named} is for runners on other engines; with the ${String(runner.value)} runner it changes nothing. Add --runner flink, or leave ${given.named} out.`,
  )
}

/** What a stronger source has chosen another runner for is passed over; else it was meant and would do nothing. */
function refuseWithoutBatches(given: Given, runner: Given): void {
  if (isWeaker(given, runner)) return
  throw new UsageError(
    'MR-1016',
    `${given.named} is for the micro-batch runner; with the ${String(runner.value)} runner it changes nothing. Add --runner micro-batch, or leave ${given.named} out.`,
  )
}

function folderOf(given: Given): string {
  const path = String(given.value)
  if (path.trim() !== '') return path
  throw new UsageError('MR-7003', `${given.named} needs the path of a folder, not "${path}".`, '')
}

/** How long a run may take to end after SIGTERM. */
export function graceMillis(settings: Settings): number {
  return millisOf(new Given(settings, 'grace'))
}

function oneOf<T extends string>(given: Given, known: readonly T[]): T {
  const text = String(given.value)
  if ((known as readonly string[]).includes(text)) return text as T
  throw new UsageError('MR-7003', `${given.named} is one of ${known.join(', ')}, not "${text}".`, text, known)
}

/** What a stronger source has switched off with strict mode is off, too; else it was meant and would do nothing. */
function refuseWithoutStrict(given: Given, strict: Given, what: string): void {
  if (STRENGTH[strict.origin.kind] > STRENGTH[given.origin.kind]) return
  throw new UsageError(
    'MR-1016',
    `${given.named} ${what}, so without --strict it changes nothing. Add --strict, or leave ${given.named} out.`,
  )
}

function wholeNumber(given: Given, least: number): number {
  const text = String(given.value)
  const number = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(number) && number >= least) return number
  throw new UsageError(
    'MR-7003',
    `${given.named} needs a whole number${least >= 0 ? ` from ${least}` : ''}, not "${text}".`,
  )
}

/** How `millrace why` answers. */
export function whySettings(flags: Options): WhySettings {
  const given = flags.get('for')
  const step = flags.get('step')
  const said = new Given(new Map([['for', { value: given, origin: { kind: 'flag', name: '--for' } }]]), 'for')
  return {
    forMillis: given === undefined ? WHY_MILLIS : millisOf(said),
    json: flags.get('json') === true,
    step: typeof step === 'string' ? step : undefined,
  }
}

/** Milliseconds of a duration, in the texts that the API takes. A number alone could mean anything and is refused. */
function millisOf(given: Given): number {
  const text = String(given.value)
  const millis = Math.round(textMillis(text) ?? 0)
  if (millis > 0 && Number.isFinite(millis)) return millis
  throw new UsageError(
    'MR-7003',
    `${given.named} needs a duration with its unit, such as 500ms, 30s or 2m, not "${text}".`,
  )
}
