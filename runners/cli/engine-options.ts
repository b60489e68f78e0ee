/**
 * Options of an engine as text: `max_bundle_size=100`, one a line, or all of them as a JSON object.
 */
import type { RunnerOptions } from '../runner.js'
import { UsageError } from './command-line.js'

/** Options of an engine, by the names that it has for them. */
export type EngineOptions = NonNullable<RunnerOptions['engineOptions']>

const OPTION = /^\s*([A-Za-z_]\w*)=(.+)$/s

/** The options that a text names. @param named what to call the text in a complaint. @throws {UsageError} */
export function engineOptionsOf(text: string, named: string): EngineOptions {
  const refuse = (wrong: string): never => {
    throw new UsageError(
      'MR-7003',
      `${named} needs name=value, such as max_bundle_size=100, or several as JSON: '{"max_bundle_size":100,"experiments":["a"]}', not "${wrong}".`,
      '',
    )
  }
  if (text.trimStart().startsWith('{')) {
    const options = parsed(text)
    return isOptions(options) ? options : refuse(text)
  }
  return Object.fromEntries(
    text.split('\n').map((line) => {
      const [, name, value] = OPTION.exec(line) ?? []
      return name === undefined || value === undefined ? refuse(line) : [name, valueOf(value)]
    }),
  )
}

/** A number or truth value, where the text is how JSON writes it; else the text. */
function valueOf(text: string): string | number | boolean {
  const value = parsed(text)
  // What is no number of this language, such as an id of 20 digits, stays as it was written.
  return typeof value === 'boolean' || (typeof value === 'number' && String(value) === text) ? value : text
}

function isOptions(value: unknown): value is EngineOptions {
  return typeof value === 'object' && value !== null && Object.values(value).every(isValue)
}

function isValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((each) => typeof each === 'string')
  return ['string', 'number', 'boolean'].includes(typeof value)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
