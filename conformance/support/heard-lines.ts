/**
 * A logger that keeps what is said, for tests that ask for it.
 */
import type { Logger } from 'millrace'

/** A logger, and the messages that it has heard, of any level. */
export function heardLines(): { readonly logger: Logger; readonly lines: readonly string[] } {
  const lines: string[] = []
  const line = (_: object | string, message?: string): void => void lines.push(message ?? '')
  return { logger: { trace: line, debug: line, info: line, warn: line, error: line }, lines }
}
