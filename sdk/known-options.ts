/**
 * Options that nobody knows are refused, not passed over: a name misspelt is a wish that is not met, and where files run
 * without a type check only this notices it.
 */
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
  const known = Object.keys(names)
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown !== undefined) refuse(`there is no option "${unknown}" of ${of}.${suggestion(unknown, known)}`, step)
}
