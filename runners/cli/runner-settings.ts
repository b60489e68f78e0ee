/**
 * The command's options as what a runner takes. Checked before anything is loaded, so that a typing error costs nothing.
 */
import { type Guarantee, type RunnerOptions, UnsupportedFeature } from '../runner.js'
import { UsageError } from './command-line.js'
import { laterRunners } from './commands.js'

/** Options for the runner that can be sent to a thread. */
export type RunnerSettings = Pick<
  RunnerOptions,
  'strict' | 'seed' | 'bundleSize' | 'guarantee' | 'callTimeoutMillis' | 'requireCodecs' | 'stageCompiler'
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
    ...(seed === undefined ? {} : { seed: wholeNumber('seed', seed, Number.MIN_SAFE_INTEGER) }),
    ...(bundleSize === undefined ? {} : { bundleSize: wholeNumber('bundle-size', bundleSize, 1) }),
    ...(timeout === undefined ? {} : { callTimeoutMillis: millisOf('call-timeout', timeout) }),
    ...(options.has('guarantee') ? { guarantee: oneOf('guarantee', text('guarantee') ?? '', guarantees) } : {}),
  }
}

function checkRunner(name: string): void {
  if (name === 'direct') return
  if (laterRunners.includes(name))
    throw new UnsupportedFeature(
      `runner.${name}`,
      `the ${name} runner is not part of this version. Use --runner direct, or leave --runner out.`,
    )
  throw new UsageError(`there is no runner "${name}".`, name, ['direct', ...laterRunners])
}

function oneOf<T extends string>(option: string, given: string, known: readonly T[]): T {
  if ((known as readonly string[]).includes(given)) return given as T
  throw new UsageError(`--${option} is one of ${known.join(', ')}, not "${given}".`, given, known)
}

function wholeNumber(option: string, given: string, least: number): number {
  const number = Number(given)
  if (given.trim() !== '' && Number.isSafeInteger(number) && number >= least) return number
  throw new UsageError(`--${option} needs a whole number${least === 1 ? ' from 1' : ''}, not "${given}".`)
}

const units: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['millis', 1],
  ['milliseconds', 1],
  ['s', 1000],
  ['second', 1000],
  ['seconds', 1000],
  ['m', 60_000],
  ['minute', 60_000],
  ['minutes', 60_000],
  ['h', 3_600_000],
  ['hour', 3_600_000],
  ['hours', 3_600_000],
])

/** Milliseconds of `30s`, `500ms` or `2 minutes`. A number alone could mean anything and is refused. */
function millisOf(option: string, given: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(given.trim())
  const unit = units.get(match?.[2] ?? '')
  const millis = Math.round(Number(match?.[1]) * (unit ?? Number.NaN))
  if (millis > 0) return millis
  throw new UsageError(`--${option} needs a duration with its unit, such as 500ms, 30s or 2m, not "${given}".`)
}
