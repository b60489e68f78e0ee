/**
 * How a CSV file is written down, and the way from the text of a row to its fields.
 *
 * Law: `parseRow(formatRow(fields))` are the fields, for all strings; a text that is no row is refused, never guessed at.
 */
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { BadRecord } from '../text/read-records.js'

/** What separates fields, and what encloses them. */
export interface Dialect {
  readonly delimiter: string
  /** `undefined`: nothing does. */
  readonly quote: string | undefined
}

/** Checks the options. @throws {PipelineError} at the author's line. */
export function dialectOf(of: string, delimiter: unknown = ',', quote: unknown = '"'): Dialect {
  if (typeof delimiter !== 'string' || delimiter === '' || /[\n\r\uFEFF]/.test(delimiter)) {
    refuse('MR-1002', `option delimiter of ${of} must be a text without line ends, but is ${preview(delimiter)}.`)
  }
  if (quote === false) return { delimiter, quote: undefined }
  if (typeof quote !== 'string' || quote.length !== 1 || /[\n\r\uFEFF]/.test(quote)) {
    refuse('MR-1002', `option quote of ${of} must be one character, or false, but is ${preview(quote)}.`)
  }
  if (delimiter.includes(quote))
    refuse('MR-1002', `delimiter and quote of ${of} must differ, but both have ${preview(quote)}.`)
  return { delimiter, quote }
}

/** The fields of a row. @throws {BadRecord} when its quotes are wrong. */
export function parseRow(text: string, { delimiter, quote }: Dialect): string[] {
  if (quote === undefined || !text.includes(quote)) {
    const plain = text.split(delimiter)
    if (text.includes('\r')) refuseReturn(plain)
    return plain
  }
  const fields: string[] = []
  for (let at = 0; ;) {
    if (text.startsWith(quote, at)) {
      let value = ''
      for (let from = at + 1; ;) {
        const found = text.indexOf(quote, from)
        if (found < 0) throw new BadRecord('MR-5101', `has a quote in field ${fields.length + 1} that is never closed`)
        value += text.slice(from, found)
        if (!text.startsWith(quote, found + 1)) {
          at = found + 1
          break
        }
        value += quote
        from = found + 2
      }
      fields.push(value)
      if (at === text.length) return fields
      if (!text.startsWith(delimiter, at))
        throw new BadRecord('MR-5101', `has text after the closing quote of field ${fields.length}`)
    } else {
      const found = text.indexOf(delimiter, at)
      const field = text.slice(at, found < 0 ? text.length : found)
      if (field.includes(quote))
        throw new BadRecord(
          'MR-5101',
          `has a quote inside of field ${fields.length + 1}, which does not begin with one`,
        )
      fields.push(field)
      if (field.includes('\r')) refuseReturn(fields)
      if (found < 0) return fields
      at = found
    }
    at += delimiter.length
  }
}

/** Many rows would be taken for one: such a file may come from where lines end with a carriage return. */
function refuseReturn(fields: readonly string[]): never {
  const at = fields.findIndex((field) => field.includes('\r')) + 1
  throw new BadRecord(
    'MR-5101',
    `has a carriage return (CR) outside of quotes in field ${at}. If the lines of the file end with CR alone, convert it to LF; else quote the field`,
  )
}

/** Whether a row goes on after the end of a line; `isOpen`: whether the line itself begins between quotes. */
export function isOpenAfter(line: string, isOpen: boolean, { delimiter, quote = '' }: Dialect): boolean {
  let open = isOpen
  for (let at = line.indexOf(quote); at >= 0; at = line.indexOf(quote, at)) {
    if (open) {
      const isEscaped = line.startsWith(quote, at + 1)
      open = isEscaped
      at += isEscaped ? 2 : 1
    } else {
      // Only a quote at the beginning of a field opens one.
      open = at === 0 || (at >= delimiter.length && line.startsWith(delimiter, at - delimiter.length))
      at++
    }
  }
  return open
}

/** The text of a row. Empty texts are quoted, so that they differ from nothing, which is `undefined`. */
export function formatRow(fields: readonly (string | undefined)[], { delimiter, quote = '"' }: Dialect): string {
  let row = ''
  for (let i = 0; i < fields.length; i++) {
    if (i > 0) row += delimiter
    const field = fields[i]
    if (field !== undefined) row += needsQuotes(field, delimiter, quote) ? quoted(field, quote) : field
  }
  // An empty line would be no row.
  return row === '' ? quote + quote : row
}

function needsQuotes(field: string, delimiter: string, quote: string): boolean {
  return (
    field === '' ||
    // At the beginning of a file it would be taken for its mark.
    field.charCodeAt(0) === 0xfeff ||
    field.includes(delimiter) ||
    field.includes(quote) ||
    field.includes('\n') ||
    field.includes('\r') ||
    // Together with the next delimiter its end would be one that comes earlier.
    (delimiter.length > 1 && delimiter.includes(field.charAt(field.length - 1)))
  )
}

function quoted(field: string, quote: string): string {
  return quote + (field.includes(quote) ? field.replaceAll(quote, quote + quote) : field) + quote
}
