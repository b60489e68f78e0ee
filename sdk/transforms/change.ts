/**
 * Changes: what a result that is refined says to the steps behind it. Where a pane repeats everything, a sum of panes counts
 * twice; a change says instead what is new and what no longer holds.
 *
 * Law: a retraction takes back a value that was inserted before and has not been taken back since, of the same key and in the
 * same window. The values inserted and not taken back are those that hold now.
 */
import * as t from 'io-ts'
import type { IoTsCodec, TypeOf } from '../codec.js'
import { refuse } from '../refuse.js'

/** A value that holds from now on. */
export interface Insert<T> {
  readonly kind: 'insert'
  readonly value: T
}

/** A value that was inserted before and holds no longer. */
export interface Retract<T> {
  readonly kind: 'retract'
  readonly value: T
}

/** A value that comes or goes. */
export type Change<T> = Insert<T> | Retract<T>

/**
 * A value comes.
 *
 * @example
 * ```ts
 * import { insert } from 'millrace'
 * insert(7) // => { kind: 'insert', value: 7 }
 * ```
 */
export function insert<T>(value: T): Insert<T> {
  return { kind: 'insert', value }
}

/**
 * A value goes that was inserted before.
 *
 * @example
 * ```ts
 * import { retract } from 'millrace'
 * retract(7) // => { kind: 'retract', value: 7 }
 * ```
 */
export function retract<T>(value: T): Retract<T> {
  return { kind: 'retract', value }
}

/** Whether a value is a change. */
export function isChange(value: unknown): value is Change<unknown> {
  if (typeof value !== 'object' || value === null || !('value' in value)) return false
  const { kind } = value as { readonly kind?: unknown }
  return kind === 'insert' || kind === 'retract'
}

/**
 * Describes changes of values that `codec` describes: for a step that makes or reads changes of its own, and for their state.
 *
 * @throws {PipelineError} when `codec` is no io-ts codec.
 * @example
 * ```ts
 * import * as t from 'io-ts'
 * import { changeCodec, insert } from 'millrace'
 * changeCodec(t.number).is(insert(7)) // => true
 * ```
 */
export function changeCodec<C extends IoTsCodec>(codec: C): IoTsCodec<Change<TypeOf<C>>> {
  if (typeof (codec as Partial<IoTsCodec> | undefined)?.decode !== 'function')
    refuse('MR-1004', 'changeCodec needs an io-ts codec of the values, for example changeCodec(t.number).')
  return new t.Type<Change<TypeOf<C>>, Change<unknown>>(
    `Change<${codec.name}>`,
    (u): u is Change<TypeOf<C>> => isChange(u) && codec.is(u.value),
    (u, context) => {
      if (!isChange(u)) return t.failure(u, context, 'expected { kind: "insert" or "retract", value }')
      const inner = codec.decode(u.value) as t.Validation<TypeOf<C>>
      return inner._tag === 'Left' ? inner : t.success({ kind: u.kind, value: inner.right })
    },
    ({ kind, value }) => ({ kind, value: codec.encode(value as never) }),
  )
}
