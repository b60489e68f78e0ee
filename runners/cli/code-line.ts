/**
 * The last line of every error that the command shows: its code, in words, and where to read more.
 */
import { type ErrorCode, errorCodes } from '../../sdk/error-codes.js'

/** `  MR-1005: two steps have one name. More: millrace explain MR-1005`. */
export function codeLine(code: ErrorCode): string {
  return `  ${code}: ${errorCodes[code]}. More: millrace explain ${code}`
}
