/**
 * What of a splittable step's work is still to be done, as it travels: the restriction, and what its watermark estimator knows.
 */
import type { Coder } from '../../../sdk/coders/index.js'
import type { ByteReader, ByteWriter } from '../../../sdk/coders/index.js'
import { TIMESTAMP_MIN } from '../../../sdk/time.js'

/** URN of its coder; the component is the restriction's. */
export const WORK_CODER = 'millrace:coder:work:v1'

/** Work on its way. */
export interface SentWork {
  readonly restriction: unknown
  readonly watermark: number
  readonly maxTimestamp: number
  /** Time of the clock at which it last gave an element, or was read first; 0 before that. */
  readonly activeAt: number
  /** Not to be read before this time of the clock, in milliseconds, and how long that was when it was said: clocks differ. */
  readonly notBefore: number
  readonly delayMillis: number
}

/** Work that nobody has begun. */
export function newWork(restriction: unknown): SentWork {
  return {
    restriction,
    watermark: TIMESTAMP_MIN,
    maxTimestamp: TIMESTAMP_MIN,
    activeAt: 0,
    notBefore: 0,
    delayMillis: 0,
  }
}

/** Makes the coder. */
export function workCoder(restriction: Coder<unknown>): Coder<unknown> {
  return {
    urn: WORK_CODER,
    components: [restriction],
    canonical: restriction.canonical,
    encode(value: unknown, out: ByteWriter): void {
      const work = value as SentWork
      out.double(work.watermark)
      out.double(work.maxTimestamp)
      out.double(work.activeAt)
      out.double(work.notBefore)
      out.double(work.delayMillis)
      restriction.encode(work.restriction, out, true)
    },
    decode(input: ByteReader): SentWork {
      const watermark = input.double()
      const maxTimestamp = input.double()
      const activeAt = input.double()
      const notBefore = input.double()
      const delayMillis = input.double()
      return { watermark, maxTimestamp, activeAt, notBefore, delayMillis, restriction: restriction.decode(input, true) }
    },
  }
}
