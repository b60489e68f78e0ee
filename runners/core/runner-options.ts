/**
 * The options of a run, checked before anything runs. The compiler checks them for TypeScript; a program in JavaScript, and
 * one that casts, is told here.
 *
 * Law: every option that is given has the form the runner expects and has an effect; a runner decides afterwards only what
 * it can do.
 */
import { PipelineError } from '../../sdk/errors.js'
import { LOG_LEVELS } from '../../sdk/logger.js'
import { preview } from '../../sdk/preview.js'
import { suggestion } from '../../sdk/suggestion.js'
import type { Guarantee, Isolation, RunnerOptions } from '../runner.js'

const guarantees: readonly Guarantee[] = ['gap', 'at-most-once', 'at-least-once', 'exactly-once']
const isolations: readonly Isolation[] = ['thread', 'process', 'memory']
const compilers: readonly NonNullable<RunnerOptions['stageCompiler']>[] = ['auto', 'generated', 'closures']

interface Rule {
  /** Completes "must be …". */
  readonly allowed: string
  readonly holds: (value: unknown) => boolean
}

const flag: Rule = { allowed: 'true or false', holds: (value) => typeof value === 'boolean' }

/** One rule for each option; the compiler sees to it that none is missing. */
const rules: Readonly<Record<keyof RunnerOptions, Rule>> = {
  strict: flag,
  seed: { allowed: 'a whole number', holds: Number.isSafeInteger },
  reexecute: flag,
  bundleSize: wholeFrom(1),
  signal: { allowed: 'the signal of an AbortController', holds: hasMethod('addEventListener') },
  guarantee: oneOf(guarantees),
  workers: wholeFrom(0),
  isolation: oneOf(isolations),
  speculation: flag,
  module: {
    allowed: 'the path of a file, or import.meta.url of the module that exports the pipeline',
    holds: (value) => (typeof value === 'string' && value !== '') || (typeof value === 'object' && value !== null),
  },
  engine: {
    allowed: "an object such as { environment: 'external', environmentConfig: 'localhost:50000' }",
    holds: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
  callTimeoutMillis: {
    allowed: 'a number of milliseconds above 0',
    holds: (value) => typeof value === 'number' && value > 0,
  },
  requireCodecs: flag,
  stageCompiler: oneOf(compilers),
  logger: {
    allowed: 'a logger with functions trace, debug, info, warn and error, such as pino()',
    holds: (value) => LOG_LEVELS.every((level) => hasMethod(level)(value)),
  },
  telemetry: { allowed: 'what openTelemetry() of millrace/opentelemetry gives', holds: hasMethod('begin') },
  checkpoint: { allowed: 'the path of a folder', holds: (value) => typeof value === 'string' && value !== '' },
  batchInterval: { allowed: "a time such as '500 ms'", holds: (value) => value !== null },
  batchSize: wholeFrom(1),
  standby: oneOf(['cold', 'warm', 'hot']),
  onChange: oneOf(['refuse', 'migrate']),
  renameSteps: {
    allowed: "new names of steps by their old ones, such as { sum: 'total' }",
    holds: (value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value) && areNames(Object.values(value)),
  },
  dropState: {
    allowed: "a list of steps or of parts of them, such as ['sum', 'over limit#total']",
    holds: (value) => Array.isArray(value) && areNames(value),
  },
  partitions: {
    allowed: 'a whole number from 1 to 256',
    holds: (value) => Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= 256,
  },
  latencyObjective: { allowed: "a time such as '2 s'", holds: (value) => value !== null },
  sourceLimits: {
    allowed: "an object such as { 'read orders': { perSecond: 1000 } }",
    holds: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
  engineOptions: {
    allowed: 'an object of numbers, texts, truth values and lists of texts, such as { max_bundle_size: 100 }',
    holds: (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.entries(value).every(isEngineOption),
  },
  env: { allowed: 'an Env, such as systemEnv() gives', holds: hasMethod('monotonic') },
}

/** Options of `run` itself, which no runner sees; a slip of the pen may have meant them. */
const optionsOfRun: readonly string[] = ['runner', 'options', 'observe']

/** @throws {PipelineError} naming the first option that is unknown, has a wrong form or would have no effect. */
export function checkRunnerOptions(options: RunnerOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new PipelineError(
      'MR-1004',
      `options of a run must be an object such as { strict: true }, but are ${preview(options)}.`,
    )
  for (const [name, value] of Object.entries(options)) {
    if (!isOption(name)) {
      const known = [...Object.keys(rules), ...optionsOfRun].filter((each) => each !== name)
      throw new PipelineError('MR-1001', `there is no option "${name}" of a run.${suggestion(name, known)}`)
    }
    if (value === undefined || rules[name].holds(value)) continue
    throw new PipelineError('MR-1002', `${name} must be ${rules[name].allowed}, but is ${preview(value)}.`)
  }
  if (options.seed !== undefined && options.strict !== true)
    throw new PipelineError(
      'MR-1016',
      'seed is the seed of strict mode, which is off, so it would change nothing. Add strict: true, or leave seed out.',
    )
  if (options.reexecute === true && options.strict !== true)
    throw new PipelineError(
      'MR-1016',
      'reexecute is a part of strict mode, which is off. Add strict: true, or leave reexecute out.',
    )
  if (options.speculation !== undefined && (options.workers ?? 0) === 0)
    throw new PipelineError(
      'MR-1016',
      'speculation is about workers, and there are none. Add workers: 2, or leave speculation out.',
    )
  if (options.isolation !== undefined && options.workers === undefined)
    throw new PipelineError(
      'MR-1016',
      'isolation says where workers live, and there are none. Add workers: 2, or leave isolation out.',
    )
}

function isEngineOption([name, value]: readonly [string, unknown]): boolean {
  if (Array.isArray(value)) return areNames(value)
  return name !== '' && (['string', 'boolean'].includes(typeof value) || Number.isFinite(value))
}

function areNames(values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string' && value !== '')
}

function isOption(name: string): name is keyof RunnerOptions {
  return Object.hasOwn(rules, name)
}

function wholeFrom(least: number): Rule {
  return {
    allowed: `a whole number from ${least}`,
    holds: (value) => Number.isSafeInteger(value) && (value as number) >= least,
  }
}

function oneOf(values: readonly string[]): Rule {
  return {
    allowed: `one of ${values.map((value) => `'${value}'`).join(', ')}`,
    holds: (value) => values.includes(value as string),
  }
}

function hasMethod(method: string): (value: unknown) => boolean {
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Readonly<Record<string, unknown>>)[method] === 'function'
}
