/**
 * The two ways through a codec at the edge of a file: what was read is always in the codec's input form, what is written in
 * its output form.
 *
 * Law: with an io-ts codec, decoding what was encoded gives the value again.
 */
import { coded } from '../../sdk/error-codes.js'
import type { Codec } from '../../sdk/codec.js'
import { codecName, decodeWith, isCodec, isIoTs } from '../../sdk/codec.js'
import { messageOf } from '../../sdk/errors.js'
import { mismatchText } from '../../sdk/mismatch.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import { BadRecord } from './read-records.js'

type Either = { readonly _tag: 'Left'; readonly left: unknown } | { readonly _tag: 'Right'; readonly right: unknown }

/**
 * The value that a value from a file stands for; a promise where a schema validates asynchronously.
 *
 * @throws {BadRecord} when it does not fit.
 */
export function decodeRecord(codec: Codec, value: unknown): unknown {
  const misfit = (detail: string): never => {
    throw new BadRecord('MR-4001', `does not fit the codec ${codecName(codec)}`, detail)
  }
  if (isIoTs(codec)) {
    const result = codec.decode(value) as Either
    return result._tag === 'Right' ? result.right : misfit(mismatchText(codec.name, value, result.left))
  }
  try {
    const decoded = decodeWith(codec, value)
    return decoded instanceof Promise ? decoded.catch((error: unknown) => misfit(messageOf(error))) : decoded
  } catch (error) {
    return misfit(messageOf(error))
  }
}

/** The form in which a value is written. A Standard Schema has none of its own: the value is written as it is. */
export function encodeRecord(codec: Codec | undefined, value: unknown): unknown {
  if (codec === undefined || !isIoTs(codec)) return value
  if (!codec.is(value))
    throw coded('MR-4001', new TypeError(`${preview(value)} is not ${codec.name}, which the codec describes`))
  return codec.encode(value as never)
}

/** Refuses what is no codec. */
export function refuseNoCodec(of: string, codec: unknown): void {
  if (codec === undefined || isCodec(codec)) return
  refuse('MR-1004', `option codec of ${of} must be an io-ts codec or a Standard Schema, but is ${preview(codec)}.`)
}
