/**
 * The four classical joins, per key and window: every value of the left with every one of the right.
 */
import { reservedName } from '../../graph/builder.js'
import type { KV } from '../../kv.js'
import type { PCollection } from '../../pcollection.js'
import type { JoinKind } from '../../schema/group-and-join.js'
import { addCoGroup } from '../co-group-by-key.js'
import { addFlatMap } from '../element-wise.js'
import { type Joined, type JoinInputs, keepsOf } from './joined.js'

/**
 * Pairs the values of a key that both collections have, per window.
 *
 * @throws {PipelineError} when the inputs' windows or triggers differ.
 * @example
 * ```ts
 * import { innerJoin, kv, pipeline, run } from 'millrace'
 * const p = pipeline()
 * const left = p.create('names', [kv(1, 'ann'), kv(2, 'bob')])
 * const right = p.create('cents', [kv(1, 10), kv(3, 30)])
 * innerJoin('with cents', { left, right }).collect('out')
 * const result = await run(p)
 * result.collect('out') // => [{ key: 1, value: { left: 'ann', right: 10 } }]
 * ```
 */
export function innerJoin<K, L, R>(name: string, inputs: JoinInputs<K, L, R>): PCollection<KV<K, Joined<L, R>>> {
  return join(name, inputs, 'inner')
}

/**
 * As {@link innerJoin}, and values of the left without a partner, with `undefined` on the right.
 *
 * @throws {PipelineError} when the inputs' windows or triggers differ.
 * @example
 * ```ts
 * import { kv, leftJoin, pipeline } from 'millrace'
 * const p = pipeline()
 * const left = p.create('names', [kv(2, 'bob')])
 * leftJoin('with cents', { left, right: p.create('cents', [kv(3, 30)]) }) // key 2: { left: 'bob', right: undefined }
 * ```
 */
export function leftJoin<K, L, R>(name: string, inputs: JoinInputs<K, L, R>): PCollection<KV<K, Joined<L, R, 'left'>>> {
  return join(name, inputs, 'left')
}

/**
 * As {@link innerJoin}, and values of the right without a partner, with `undefined` on the left.
 *
 * @throws {PipelineError} when the inputs' windows or triggers differ.
 * @example
 * ```ts
 * import { kv, pipeline, rightJoin } from 'millrace'
 * const p = pipeline()
 * const left = p.create('names', [kv(2, 'bob')])
 * rightJoin('with cents', { left, right: p.create('cents', [kv(3, 30)]) }) // key 3: { left: undefined, right: 30 }
 * ```
 */
export function rightJoin<K, L, R>(
  name: string,
  inputs: JoinInputs<K, L, R>,
): PCollection<KV<K, Joined<L, R, 'right'>>> {
  return join(name, inputs, 'right')
}

/**
 * As {@link innerJoin}, and values of both sides without a partner, with `undefined` on the other.
 *
 * @throws {PipelineError} when the inputs' windows or triggers differ.
 * @example
 * ```ts
 * import { fullJoin, kv, pipeline } from 'millrace'
 * const p = pipeline()
 * const left = p.create('names', [kv(2, 'bob')])
 * fullJoin('with cents', { left, right: p.create('cents', [kv(3, 30)]) }) // one row for key 2, one for key 3
 * ```
 */
export function fullJoin<K, L, R>(name: string, inputs: JoinInputs<K, L, R>): PCollection<KV<K, Joined<L, R, 'full'>>> {
  return join(name, inputs, 'full')
}

function join<K, L, R, Kind extends JoinKind>(
  name: string,
  { left, right }: JoinInputs<K, L, R>,
  kind: Kind,
): PCollection<KV<K, Joined<L, R, Kind>>> {
  const { builder } = left
  const [keepsLeft, keepsRight] = keepsOf(kind, `${kind}Join`, builder.pathOf(name))
  const rows = function* ({
    key,
    value,
  }: KV<K, { readonly left: Iterable<L>; readonly right: Iterable<R> }>): Generator<unknown> {
    const [lefts, rights]: [unknown[], unknown[]] = [[...value.left], [...value.right]]
    if (rights.length === 0 && keepsLeft) rights.push(undefined)
    if (lefts.length === 0 && keepsRight) lefts.push(undefined)
    for (const l of lefts) for (const r of rights) yield { key, value: { left: l, right: r } }
  }
  const inputs: {
    readonly left: PCollection<KV<unknown, unknown>>
    readonly right: PCollection<KV<unknown, unknown>>
  } = {
    left,
    right,
  }
  return builder.scoped(
    name,
    [left, right],
    () => left.derive(addFlatMap(addCoGroup(reservedName('sides'), inputs), reservedName('rows'), rows)),
    (out) => [out],
  )
}
