/**
 * What a line of a step's log says beside its message, as engines take it: the stack of an error, and the fields as text.
 */
import { messageOf } from '../../../sdk/errors.js'

/** The stack of the error that a line is about, and its other fields as JSON. */
export function tracedFields(fields: Readonly<Record<string, unknown>>): {
  readonly trace: string
  readonly fields: string
} {
  const { err, ...others } = fields
  const trace = err instanceof Error ? (err.stack ?? err.message) : ''
  try {
    const text = JSON.stringify(others, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    return { trace, fields: text }
  } catch (error) {
    // What user code logs may hold itself, or throw when it is looked at.
    return { trace, fields: JSON.stringify({ unreadable: messageOf(error) }) }
  }
}
