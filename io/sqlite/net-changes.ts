/**
 * What is left of changes that come together: a row that was inserted and retracted again need not be written.
 *
 * Law: whatever order the changes of a delivery are in, what is left is the same, as long as no two of a key hold in the end;
 * of such the last one is written.
 */
import type { SqliteValue } from './values.js'

/** A change on its way: 1 for an insertion and -1 for a retraction, then the values of the row. */
export type ChangeItem = readonly [1 | -1, ...SqliteValue[]]

/** What is to be done. */
export interface NetChanges {
  /** Rows of which nothing is to be left. */
  readonly removed: readonly (readonly SqliteValue[])[]
  /** Rows that hold now. */
  readonly written: readonly (readonly SqliteValue[])[]
}

interface Net {
  readonly values: readonly SqliteValue[]
  count: number
  /** Where it was inserted last. */
  at: number
}

/** What is left of changes. @param keyAt which values are the key. */
export function netChanges(items: readonly ChangeItem[], keyAt: readonly number[]): NetChanges {
  const nets = new Map<string, Net>()
  items.forEach(([kind, ...values], at) => {
    const text = textOf(values)
    const net = nets.get(text) ?? { values, count: 0, at }
    net.count += kind
    if (kind === 1) net.at = at
    nets.set(text, net)
  })
  const all = [...nets.values()]
  const written = all.filter(({ count }) => count > 0).sort((a, b) => a.at - b.at)
  const keyOf = ({ values }: Net): string => textOf(keyAt.map((i) => values[i] as SqliteValue))
  // A row that is written takes the place of the old one by its key.
  const replaced = new Set(written.map(keyOf))
  const removed = all.filter((net) => net.count < 0 && !replaced.has(keyOf(net)))
  return { removed: removed.map(({ values }) => values), written: written.map(({ values }) => values) }
}

/** A text that is the same for the same values only. */
function textOf(values: readonly SqliteValue[]): string {
  return values.map(cellText).join(',')
}

function cellText(value: SqliteValue): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  return value instanceof Uint8Array
    ? `x${Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
    : String(value)
}
