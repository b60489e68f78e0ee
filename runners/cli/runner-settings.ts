/**
 * The command's options as what a runner takes. Checked before anything is loaded, so that a typing error costs nothing.
 */
import { textMillis } from '../../sdk/duration-text.js'
import { type Guarantee, type RunnerOptions, UnsupportedFeature } from '../runner.js'
import { UsageError } from './command-line.js'
import { laterRunners } from './commands.js'
import { CONSOLE_MODES, type ConsoleMode } from './console-limit.js'

/** Options for the runner that can be sent to a thread. */
export type RunnerSettings = Pick<
  RunnerOptions,
  'strict' | 'seed' | 'reexecute' | 'bundleSize' | 'guarantee' | 'callTimeoutMillis' | 'requireCodecs' | 'stageCompiler'
>

const compilers = ['auto', 'generated', 'closures'] as const
const guarantees: readonly Guarantee[] = ['gap', 'at-most-once', 'at-least-once', 'exactly-once']

/** Reads the options of `millrace run`. @throws {UsageError} or {@link UnsupportedFeature}. */
export function runnerSettings(options: ReadonlyMap<string, string | true>): RunnerSettings {
  const text = (name: string): string | undefined => options.get(name) as string | undefined
  checkRunner(text('runner') ?? 'direct')
  const timeout = text('call-timeout')
  const seed = text('seed')
  const bundleSize = text('bundle-size')
  return {
    strict: options.has('strict'),
    requireCodecs: options.has('require-codecs'),
    stageCompiler: oneOf('stage-compiler', text('stage-compiler') ?? 'auto', compilers),
    ...(seed === undefined ? {} : { seed: seedOf(seed, options.has('strict')) }),
    ...(options.has('reexecute') ? { reexecute: needsStrict(options) } : {}),
    ...(bundleSize === undefined ? {} : { bundleSize: wholeNumber('bundle-size', bundleSize, 1) }),
    ...(timeout === undefined ? {} : { callTimeoutMillis: millisOf('call-timeout', timeout) }),
    ...(options.has('guarantee') ? { guarantee: oneOf('guarantee', text('guarantee') ?? '', guarantees) } : {}),
  }
}

/** How much of the author's console is shown. */
export function consoleMode(options: ReadonlyMap<string, string | true>): ConsoleMode {
  const given = options.get('console')
  return given === undefined ? 'limited' : oneOf('console', String(given), CONSOLE_MODES)
}

function checkRunner(name: string): void {
  if (name === 'direct') return
  if (laterRunners.includes(name))
    throw new UnsupportedFeature(
      'MR-6002',
      `runner.${name}`,
      `the ${name} runner is not part of this version. Use --runner direct, or leave --runner out.`,
    )
  throw new UsageError('MR-6003', `there is no runner "${name}".`, name, ['direct', ...laterRunners])
}

function oneOf<T extends string>(option: string, given: string, known: readonly T[]): T {
  if ((known as readonly string[]).includes(given)) return given as T
  throw new UsageError('MR-7003', `--${option} is one of ${known.join(', ')}, not "${given}".`, given, known)
}

function seedOf(given: string, isStrict: boolean): number {
  const seed = wholeNumber('seed', given, Number.MIN_SAFE_INTEGER)
  if (isStrict) return seed
  throw new UsageError(
    'MR-1016',
    '--seed is the seed of strict mode, so without --strict it changes nothing. Add --strict, or leave --seed out.',
  )
}

function needsStrict(options: ReadonlyMap<string, string | true>): true {
  if (options.has('strict')) return true
  throw new UsageError('MR-1016', '--reexecute is a part of strict mode. Add --strict, or leave --reexecute out.')
}

function wholeNumber(option: string, given: string, least: number): number {
  const number = Number(given)
  if (given.trim() !== '' && Number.isSafeInteger(number) && number >= least) return number
  throw new UsageError('MR-7003', `--${option} needs a whole number${least === 1 ? ' from 1' : ''}, not "${given}".`)
}

/** Milliseconds of a duration, in the texts that the API takes. A number alone could mean anything and is refused. */
function millisOf(option: string, given: string): number {
  const millis = Math.round(textMillis(given) ?? 0)
  if (millis > 0 && Number.isFinite(millis)) return millis
  throw new UsageError(
    'MR-7003',
    `--${option} needs a duration with its unit, such as 500ms, 30s or 2m, not "${given}".`,
  )
}
