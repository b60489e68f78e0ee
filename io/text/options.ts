/**
 * What the options of reading and writing have in common: how a wrong one is refused, and what a path may be.
 *
 * Law: a wrong option is an error at the line of the author who gave it.
 */
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'
import { PipelineError } from '../../sdk/errors.js'
import { withSource } from '../../sdk/graph/builder.js'
import { callSite } from '../../sdk/source-position.js'

/** Refuses what an author has given. @throws {PipelineError} always. */
export function refuse(message: string): never {
  const source = callSite()
  throw new PipelineError(withSource(message, source), undefined, source)
}

/** Whether a value can name a file: the platform would cut it short at a zero, and replace a lone surrogate. */
export function isPath(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0') && loneSurrogateAt(value) < 0
}
