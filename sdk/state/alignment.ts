/**
 * Aligned times: the multiples of a period since 1970 UTC, moved by an offset.
 */
import { coded } from '../error-codes.js'
import { addMillis, type Duration, durationMillis } from '../time.js'

/** Times to which the end of a delay is rounded up. */
export interface Alignment {
  readonly periodMillis: number
  readonly offsetMillis: number
}

/**
 * The alignment that an author asks for.
 *
 * @param id - name of the timer, for messages.
 * @throws {RangeError} when the period is 0.
 */
export function alignmentOf(id: string, period: Duration, offset: Duration = 0): Alignment {
  const periodMillis = durationMillis(period, `period of timer "${id}"`)
  if (periodMillis === 0)
    throw coded('MR-2003', new RangeError(`the period that timer "${id}" is aligned to must be longer than 0`))
  return { periodMillis, offsetMillis: durationMillis(offset, `offset of timer "${id}"`) }
}

/** The first aligned time at `from` or after it; the ends of time stay where they are. */
export function nextAligned(from: number, { periodMillis, offsetMillis }: Alignment): number {
  const since = ((from % periodMillis) - (offsetMillis % periodMillis)) % periodMillis
  const past = since < 0 ? since + periodMillis : since
  return past === 0 ? from : addMillis(from, periodMillis - past)
}
