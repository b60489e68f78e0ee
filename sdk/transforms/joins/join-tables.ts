/**
 * Joins two tables that change, and says what changes in the joined one.
 *
 * Law: the rows inserted and not retracted are the join of the two tables as they are: of each key the newest version by
 * timestamp on either side. A row is retracted exactly as it was inserted, before another takes its place.
 */
import { refuseUnknownOptions } from '../../known-options.js'
import { canonicalKey, dynamicCoder } from '../../coders/index.js'
import { typed } from '../../codec.js'
import { reservedName } from '../../graph/builder.js'
import type { KV } from '../../kv.js'
import type { PCollection } from '../../pcollection.js'
import type { JoinKind } from '../../schema/group-and-join.js'
import type { ValueState } from '../../state/state-cell.js'
import { state } from '../../state/state-spec.js'
import { type Change, insert, isChange, retract } from '../change.js'
import { addMap } from '../element-wise.js'
import { type Joined, type Keeps, keepsOf } from './joined.js'
import { addTwoInputs, type FromInput, type JoinCoders, type JoinStep, stepPath } from './two-inputs.js'

/** A table: versions of the rows of keys, or changes of them. */
export type TableOf<K, V> = PCollection<KV<K, V>> | PCollection<Change<KV<K, V>>>

/** Two tables with the same keys. */
export interface TableInputs<K, L, R> {
  readonly left: TableOf<K, L>
  readonly right: TableOf<K, R>
}

/** Options of {@link joinTables}. */
export interface JoinTablesOptions<Kind extends JoinKind> {
  /** Which rows stand in the joined table though the other side has none. Default `'inner'`: none. */
  readonly kind?: Kind
}

/** The newest that is known of a side's row. */
interface Version {
  readonly timestamp: number
  /** `false` when the row was deleted: older versions may still come. */
  readonly exists: boolean
  readonly value: unknown
}

interface Call {
  readonly timestamp: number
  readonly emit: (row: KV<unknown, Change<unknown>>) => void
  readonly state: { readonly left: ValueState<Version>; readonly right: ValueState<Version> }
}

/**
 * Joins two tables, key by key, and emits changes of the joined table: a row that changes is retracted as it was, then inserted
 * as it is. A table comes as versions of its rows (`{ key, value }`; `undefined` deletes the row) or as changes of such rows.
 * The newest version by timestamp counts, of the same timestamp the one that comes later; an older one changes nothing, nor
 * does one that is equal. A retraction deletes the row only if it is the one that stands.
 *
 * Changes are emitted at once, without waiting for a watermark. The newest version of every key is kept, as long as its window:
 * in the global window for ever. Windows must be the same and not merge.
 *
 * @throws {PipelineError} when windows differ or merge, or an option is wrong.
 * @example
 * ```ts
 * import { joinTables, kv, pipeline, run } from 'millrace'
 * const p = pipeline()
 * const left = p.create('names', [kv(1, 'ann')])
 * const right = p.create('towns', [kv(1, 'Ulm')])
 * joinTables('people', { left, right }).collect('out')
 * const result = await run(p)
 * result.collect('out') // => [{ kind: 'insert', value: { key: 1, value: { left: 'ann', right: 'Ulm' } } }]
 * ```
 */
export function joinTables<K, L, R, const Kind extends JoinKind = 'inner'>(
  name: string,
  inputs: TableInputs<K, L, R>,
  options: JoinTablesOptions<Kind> = {},
): PCollection<Change<KV<K, Joined<Exclude<L, undefined>, Exclude<R, undefined>, Kind>>>> {
  const { left, right } = inputs
  const { builder } = left
  const path = stepPath(left, name)
  refuseUnknownOptions(`joinTables "${path}"`, options, { kind: true }, path)
  const keeps = keepsOf(options.kind ?? 'inner', 'joinTables', path)
  return builder.scoped(
    name,
    [left, right],
    () => {
      const changes = [left, right].map((table, i) => addMap(table, reservedName(`changes ${i}`), changeOf))
      const [lefts, rights] = changes as [(typeof changes)[0], (typeof changes)[0]]
      const joined = addTwoInputs('changes', 'joinTables', [lefts, rights], (coders) => joinStep(coders, keeps))
      return left.derive(addMap(joined, reservedName('rows'), ({ value }: KV<unknown, unknown>) => value))
    },
    (out) => [out],
  )
}

/** A version of a row, or a change of one, as a change by key. */
function changeOf(element: KV<unknown, unknown> | Change<KV<unknown, unknown>>): KV<unknown, Change<unknown>> {
  if (isChange(element)) {
    const { kind, value: row } = element
    return { key: row.key, value: { kind, value: row.value } }
  }
  const { key, value } = element
  return { key, value: value === undefined ? retract(ANY) : insert(value) }
}

/** What is deleted without saying what it was. */
const ANY = undefined

function joinStep(coders: JoinCoders, [keepsLeft, keepsRight]: Keeps): JoinStep {
  const rowOf = (left: Version | undefined, right: Version | undefined): Joined<unknown, unknown> | undefined => {
    const [l, r] = [left?.exists === true ? left : undefined, right?.exists === true ? right : undefined]
    const isRow = l === undefined ? keepsRight && r !== undefined : keepsLeft || r !== undefined
    return isRow ? { left: l?.value, right: r?.value } : undefined
  }
  const process = (
    { key, value: { input, value: change } }: FromInput,
    { timestamp, emit, state: { left, right } }: Call,
  ): void => {
    const own = input === 0 ? left : right
    const current = own.read()
    const version = after(current, change as Change<unknown>, timestamp)
    if (version === undefined) return
    const before = rowOf(left.read(), right.read())
    own.write(version)
    const now = rowOf(left.read(), right.read())
    if (isSame(before, now)) return
    if (before !== undefined) emit({ key, value: retract({ key, value: before }) })
    if (now !== undefined) emit({ key, value: insert({ key, value: now }) })
  }
  return {
    doFn: { state: { left: state.value(typed<Version>()), right: state.value(typed<Version>()) }, process },
    states: new Map([
      ['left', { kind: 'readModifyWrite', coderId: coders.dynamic }],
      ['right', { kind: 'readModifyWrite', coderId: coders.dynamic }],
    ]),
    hasTimer: false,
  }
}

/** What is known of a row after a change; `undefined` when the change says nothing new. */
function after(current: Version | undefined, change: Change<unknown>, timestamp: number): Version | undefined {
  if (current !== undefined && timestamp < current.timestamp) return undefined
  const { kind, value } = change
  if (kind === 'insert') return { timestamp, exists: true, value }
  const isMeant = value === ANY || current === undefined || !current.exists || isSame(current.value, value)
  return isMeant ? { timestamp, exists: false, value: undefined } : undefined
}

function isSame(a: unknown, b: unknown): boolean {
  return canonicalKey(a, dynamicCoder) === canonicalKey(b, dynamicCoder)
}
