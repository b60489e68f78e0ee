/**
 * The author's line that a message is about, with a mark below the place.
 */
import { readFileSync, statSync } from 'node:fs'

/** A line of a file of the author's. Line and column count from 1. */
export interface Excerpt {
  readonly file: string
  readonly line: number
  readonly column: number
  /** The line without what it is indented by; a part of it, where it is very long. */
  readonly text: string
  /** Where in `text` the mark stands, from 0. */
  readonly mark: number
}

interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** More of a line helps nobody. */
const TEXT_MAX = 100
/** Files above this size nobody has written. */
const FILE_BYTES_MAX = 4_000_000

/** The line at a place; `undefined` when it is not there to be read. */
export function excerptOf(place: Place | undefined): Excerpt | undefined {
  const line = place === undefined ? undefined : lineAt(place)
  if (place === undefined || line === undefined || line.trim() === '') return undefined
  const indent = line.length - line.trimStart().length
  const at = Math.max(indent, Math.min(place.column - 1, line.length))
  // The place stays in sight, with what stands before it.
  const from = Math.max(indent, at - Math.floor(TEXT_MAX * 0.7))
  const { file, line: number, column } = place
  const text = line
    .slice(from, from + TEXT_MAX)
    .trimEnd()
    .replaceAll('\t', ' ')
  return { file, line: number, column, text, mark: at - from }
}

function lineAt({ file, line }: Place): string | undefined {
  try {
    if (statSync(file).size > FILE_BYTES_MAX) return undefined
    return readFileSync(file, 'utf8').split(/\r?\n/)[line - 1]
  } catch {
    return undefined
  }
}

/** The excerpt as it is shown: the line with its number, and the mark. */
export function excerptLines({ line, text, mark }: Excerpt): readonly string[] {
  const number = String(line).padStart(4)
  return [`${number} | ${text}`, `${' '.repeat(number.length)} | ${' '.repeat(mark)}^`]
}
