/**
 * Names of tables and columns, as they stand in SQL.
 *
 * Law: a name is quoted or refused. Whatever characters it has, it is one name and never a piece of SQL; values are always
 * bound and never written into the text.
 */
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'

/** Longest name, in characters. SQLite has no limit of its own but that of its statements. */
export const NAME_LENGTH_MAX = 255

/** Names that begin so are SQLite's own, or millrace's. */
const RESERVED = /^(sqlite_|millrace_)/i

/** What is wrong with a name; `undefined` when nothing is. */
export function nameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'is no text'
  if (name === '') return 'is empty'
  if (name.length > NAME_LENGTH_MAX) return `is longer than ${NAME_LENGTH_MAX} characters`
  if (name.includes('\0')) return 'has a zero character, where SQLite would cut it off'
  return loneSurrogateAt(name) < 0
    ? undefined
    : 'has half of a character (a lone surrogate), which no database can hold'
}

/** @throws {PipelineError} when it cannot name anything. */
export function checkName(what: string, name: unknown): string {
  const problem = nameProblem(name)
  if (problem !== undefined) refuse('MR-5302', `${what} ${problem}: ${preview(name)}. Give another name.`)
  return name as string
}

/** @throws {PipelineError} when it cannot name a table that is written to. */
export function checkOwnName(what: string, name: unknown): string {
  const checked = checkName(what, name)
  if (RESERVED.test(checked))
    refuse(
      'MR-5302',
      `${what} is ${preview(checked)}: names that begin with sqlite_ or millrace_ are taken. Give another.`,
    )
  return checked
}

/** A name as it stands in SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Names as they stand in SQL, behind each other. */
export function quotedList(names: readonly string[], table?: string): string {
  return names.map((name) => (table === undefined ? quoted(name) : `${table}.${quoted(name)}`)).join(', ')
}

/** Whether SQLite takes two names for one: it tells no capitals from small letters of the Latin alphabet. */
export function isSameName(a: string, b: string): boolean {
  return folded(a) === folded(b)
}

/** A name without the difference that SQLite does not see. */
export function folded(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
