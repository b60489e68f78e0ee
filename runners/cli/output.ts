/**
 * A stream of the process as an output: whether a person looks at it, and whether they want colours.
 */
import type { Output } from './display.js'

/** The output behind a standard stream. */
export function outputOn(stream: NodeJS.WriteStream): Output {
  const { env } = process
  const isTerminal = stream.isTTY && env['TERM'] !== 'dumb'
  return {
    isTerminal,
    // https://no-color.org: any value but the empty one.
    hasColour: isTerminal && (env['NO_COLOR'] ?? '') === '',
    columns: () => stream.columns ?? 80,
    write: (text) => void stream.write(text),
  }
}
