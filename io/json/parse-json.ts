/**
 * From the text of one record to its value.
 *
 * Law: a text becomes the value it says, or is refused; what could be read but not be written again (numbers beyond the
 * range of a double, nesting deeper than a stack) is refused here, where its place is known.
 */
import { messageOf } from '../../sdk/errors.js'
import { BadRecord } from '../text/read-records.js'

/** Deepest nesting of arrays and objects. */
export const DEPTH_MAX = 512

/** Longest name of a field, in UTF-16 units. */
export const NAME_LENGTH_MAX: number = 1024 * 1024

/** A value of a text. @throws {BadRecord} when it is none. */
export function parseJson(text: string): unknown {
  // Shorter texts are too short to be that deep, or to have a name that long.
  if (text.length > 2 * DEPTH_MAX) checkShape(text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new BadRecord('MR-5101', 'is not valid JSON', problemOf(error))
  }
  if (MAYBE_INFINITE.test(text) && !isFinite(value))
    throw new BadRecord('MR-5101', 'has a number that is larger than any double', 'the largest is about 1.8e308')
  return value
}

/** The platform's message quotes the text, which the record's preview does already. */
function problemOf(error: unknown): string {
  return messageOf(error).replace(/,? (\.\.\.)?".*is not valid JSON$/s, '')
}

/** What a number looks like that may be too large. */
const MAYBE_INFINITE = /\d[eE]\+?\d{3}|\d{309}/

function isFinite(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  return typeof value !== 'object' || value === null || Object.values(value).every(isFinite)
}

const QUOTE = 34
const BACKSLASH = 92
const COLON = 58

/** Looks at brackets and names before anything is made of them. */
function checkShape(text: string): void {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 91: // [
      case 123: // {
        if (++depth > DEPTH_MAX) throw new BadRecord('MR-4005', `is nested deeper than ${DEPTH_MAX} arrays and objects`)
        break
      case 93: // ]
      case 125: // }
        depth--
        break
      case QUOTE: {
        const end = stringEnd(text, i + 1)
        if (end - i > NAME_LENGTH_MAX && isColonAt(text, end + 1))
          throw new BadRecord('MR-5101', `has a field whose name is longer than ${NAME_LENGTH_MAX} characters`)
        i = end
      }
    }
  }
}

/** Where the string ends that began before `from`: at its quote, or at the end of a text that is no JSON. */
function stringEnd(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return at
  }
  return text.length
}

function isColonAt(text: string, from: number): boolean {
  let at = from
  while (at < text.length && text.charCodeAt(at) <= 32) at++
  return text.charCodeAt(at) === COLON
}
