/**
 * `state` as a DoFn sees it: one cell for each declaration, bound to the key and window of the call.
 */
import { type Codec, decodeWith, isIoTs, isTypeOnly } from '../../sdk/codec.js'
import type { Coder } from '../../sdk/coders/index.js'
import { InputGuard } from './prepare-step.js'
import { type StateRecord, UNSET } from './state-internals.js'

/**
 * The cells of a call.
 *
 * @param specs - by name, in the order of the record's cells.
 * @param coders - by cell.
 * @param copies - whether what goes in and out is copied, so that nothing is shared with the author's code.
 * @param recordOf - the record of the call; throws when the call has ended.
 */
export function stateCells(
  specs: Readonly<Record<string, { readonly initial: unknown; readonly codec: Codec }>>,
  coders: readonly Coder<unknown>[],
  copies: boolean,
  recordOf: () => StateRecord,
): object {
  return Object.fromEntries(
    Object.entries(specs).map(([id, { initial, codec }], cell) => {
      const guard = new InputGuard(coders[cell] as Coder<unknown>)
      const copied = (value: unknown): unknown =>
        copies && typeof value === 'object' && value !== null ? guard.copyOf(value).copy : value
      const checked = (value: unknown): unknown =>
        isIoTs(codec) && !isTypeOnly(codec) ? decodeWith(codec, value) : value
      // An initial array that one key fills must not be there for the next.
      const isShared = typeof initial === 'object' && initial !== null
      return [
        id,
        {
          read: () => {
            const value = recordOf().read(cell)
            if (value !== UNSET) return copied(value)
            return isShared ? guard.copyOf(initial).copy : initial
          },
          write: (value: unknown) => recordOf().write(cell, copied(checked(value))),
          clear: () => recordOf().write(cell, UNSET),
        },
      ]
    }),
  )
}
