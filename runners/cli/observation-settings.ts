/**
 * How a run is observed, as the command line says it: where its metrics are served, and what its log lines are like.
 */
import type { LogLevel } from '../../sdk/logger.js'
import { type Options, UsageError } from './command-line.js'

/** Where metrics are served. */
export interface MetricsPlace {
  readonly host: string
  readonly port: number
  readonly allowedHosts: readonly string[]
}

/** What log lines are like. */
export interface LogSettings {
  readonly format: 'text' | 'json'
  readonly level: LogLevel | 'silent'
}

const LEVELS: readonly LogSettings['level'][] = ['trace', 'debug', 'info', 'warn', 'error', 'silent']
const FORMATS: readonly LogSettings['format'][] = ['text', 'json']

/** Where to serve metrics; `undefined` when nobody has asked for it. @throws {UsageError} */
export function metricsPlace(options: Options): MetricsPlace | undefined {
  const text = options.get('metrics-port')
  if (text === undefined) {
    for (const name of ['metrics-host', 'metrics-names'])
      if (options.has(name))
        throw new UsageError('MR-7003', `--${name} means something only with --metrics-port. Add --metrics-port 9464.`)
    return undefined
  }
  const port = Number(text)
  if (!/^\d+$/.test(String(text)) || port > 65_535)
    throw new UsageError('MR-7003', `--metrics-port needs a port from 0 to 65535, not "${String(text)}".`)
  const names = String(options.get('metrics-names') ?? '')
  const host = String(options.get('metrics-host') ?? '127.0.0.1')
  return {
    host,
    port,
    allowedHosts: [host, ...names.split(',')].map((name) => name.trim()).filter((name) => name !== ''),
  }
}

/** What log lines are like; `undefined` when nobody has said. @throws {UsageError} */
export function logSettings(options: Options): LogSettings | undefined {
  const [format, level] = [options.get('log-format'), options.get('log-level')]
  if (format === undefined && level === undefined) return undefined
  const isJson = options.get('json') === true
  if (isJson && format === 'text')
    throw new UsageError(
      'MR-7003',
      '--log-format text contradicts --json, where every line is JSON. Leave one of them out.',
    )
  return {
    format: isJson ? 'json' : oneOf('log-format', format ?? 'text', FORMATS),
    level: oneOf('log-level', level ?? 'info', LEVELS),
  }
}

function oneOf<T extends string>(option: string, given: string | boolean, known: readonly T[]): T {
  if ((known as readonly unknown[]).includes(given)) return given as T
  throw new UsageError(
    'MR-7003',
    `--${option} is one of ${known.join(', ')}, not "${String(given)}".`,
    String(given),
    known,
  )
}
