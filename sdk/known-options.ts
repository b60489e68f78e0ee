/**
 * Options that nobody knows are refused, not passed over: a name misspelt is a wish that is not met, and where files run
 * without a type check only this notices it.
 */
import { preview } from './preview.js'
import { refuse } from './refuse.js'
import { suggestion } from './suggestion.js'

/** The names of a type's options; the compiler sees to it that none is missing. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>

/**
 * Refuses an option that there is not, at the author's line.
 *
 * @param of what they are options of, for the message: `writeLines`, `step "read"`.
 * @param step path of the step, where there is one.
 * @throws {PipelineError} with the nearest name.
 */
export function refuseUnknownOptions(of: string, given: object, names: object, step?: string): void {
  if (typeof given !== 'object' || given === null)
    refuse('MR-1004', `the options of ${of} are an object, but it got ${preview(given)}.`, step)
  const known = Object.keys(names)
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown !== undefined)
    refuse('MR-1001', `there is no option "${unknown}" of ${of}.${suggestion(unknown, known)}`, step)
}

/** Refuses arguments where there are no options at all: they would be passed over. */
export function refuseMoreArguments(of: string, more: readonly unknown[]): void {
  if (more.length > 0) refuse('MR-1001', `${of} has no options, but it got ${preview(more[0])}. Leave that out.`)
}

/**
 * Refuses a value that an option does not have.
 *
 * @param option what it is called, for the message: `keep of top`.
 */
export function refuseUnknownValue(option: string, given: unknown, values: readonly string[]): void {
  if (values.includes(given as string)) return
  const quoted = values.map((value) => `'${value}'`)
  const last = quoted.pop()
  const either = quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`
  refuse('MR-1002', `${option} must be ${either}, but is ${preview(given)}.`)
}
