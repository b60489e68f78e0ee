/**
 * Parts of files that cannot be read, on their way to the dead letters.
 *
 * Law: what is not read is either an error that fails the run or exactly one letter; nothing is passed over in silence.
 */
import { coded, type ErrorCode } from '../../sdk/error-codes.js'
import * as t from 'io-ts'
import type { PCollection } from '../../sdk/pcollection.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'

/** A part of a file that could not be read: the element of the dead letter. */
export interface UnreadPart {
  readonly file: string
  /** Where it begins, in bytes. */
  readonly offset: number
  /** The kind of mistake, as of every error. */
  readonly code: ErrorCode
  /** What is wrong with it. */
  readonly reason: string
  /** Its first bytes, at most 16, in hexadecimal. */
  readonly beginning: string
}

/** Describes parts that could not be read. */
export const unreadPartCodec: t.Type<UnreadPart> = t.type({
  file: t.string,
  offset: t.number,
  code: t.string as unknown as t.Type<ErrorCode>,
  reason: t.string,
  beginning: t.string,
})

/** What is said of a part that cannot be read. */
export function unreadError({ file, offset, code, reason }: UnreadPart): Error {
  return coded(code, new Error(`file "${file}" cannot be read at byte ${offset}: ${reason.replace(/\.$/, '')}.`))
}

/** Makes a dead letter of each. */
export function lettersOf(step: string, parts: PCollection<UnreadPart>, onError: ErrorHandler): void {
  parts.parDo(step, {
    output: t.never,
    onError,
    process: (part) => {
      throw unreadError(part)
    },
  })
}

/** Bytes as they are shown. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}
