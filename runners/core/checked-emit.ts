/**
 * `emit` of an output that a codec describes: what does not fit is refused where it is emitted, in the call that can say
 * why, and not where it is read.
 */
import { coded } from '../../sdk/error-codes.js'
import { type Codec, codecName, decodeWith, isTypeOnly } from '../../sdk/codec.js'
import type { Instant } from '../../sdk/time.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { isThenable } from './prepare-step.js'

/** Emits a value; outside of elements, with its timestamp and window. */
export type Emit = (value: unknown, at?: Instant, window?: BoundedWindow) => void

/** An emit that checks; one without a codec, or with a type only, stays itself. */
export function checkedEmit(emit: Emit, codec: Codec | undefined, step: string): Emit {
  if (codec === undefined || isTypeOnly(codec)) return emit
  return (value, at, window) => {
    const checked = decodeWith(codec, value, step)
    if (isThenable(checked)) {
      // Nobody will wait for it.
      void Promise.resolve(checked).catch(() => undefined)
      throw coded(
        'MR-4006',
        new TypeError(
          `the ${codecName(codec)} of an output of step "${step}" checks asynchronously, and emit cannot wait. Check with a map that has the codec.`,
        ),
      )
    }
    emit(checked, at, window)
  }
}
