/**
 * The streams of the process as outputs: whether a person looks at them, whether they want colours, and which display
 * that makes.
 */
import type { Display, Output } from './display.js'
import { JsonDisplay } from './json-display.js'
import { TextDisplay } from './text-display.js'

/** The output behind a standard stream. */
export function outputOn(stream: NodeJS.WriteStream): Output {
  const { env } = process
  // What runs in CI may have a terminal, but nobody sits at it.
  const isTerminal = stream.isTTY && env['TERM'] !== 'dumb' && (env['CI'] ?? '') === ''
  return {
    isTerminal,
    // https://no-color.org: any value but the empty one.
    hasColour: isTerminal && (env['NO_COLOR'] ?? '') === '',
    size: () => ({ columns: stream.columns || 80, rows: stream.rows || 24 }),
    write: (text) => void stream.write(text),
  }
}

/** The display for two outputs. */
export function displayOn(
  out: Output,
  err: Output,
  { json, quiet }: { readonly json: boolean; readonly quiet: boolean },
): Display {
  if (json) return new JsonDisplay(out, err)
  return new TextDisplay(out, err, quiet ? 'none' : err.isTerminal ? 'block' : 'lines')
}
