/**
 * What may name a file.
 */
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'

/** Whether a value can name a file: the platform would cut it short at a zero, and replace a lone surrogate. */
export function isPath(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0') && loneSurrogateAt(value) < 0
}
