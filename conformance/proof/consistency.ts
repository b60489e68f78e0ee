/**
 * Internal consistency (the bank of "Internal consistency in streaming systems", scattered-thoughts.net, 2021): transfers become debits
 * and credits, these become balances, and the balances make a total, by five ways. Each transfer takes what it gives, so the total is 0
 * in every pane that is put out, also where a run was ended and begun again in the middle.
 *
 * Law: a total that was made of some of the balances before a transfer and some after it is not 0; one that was made of nothing has no
 * ids.
 */
import { fixedWindows, flatten, fullJoin, innerJoin, type KV, kv, leftJoin, never, type PCollection } from 'millrace'

/** The ways from transfers to balances. */
export const CONSISTENCY_KINDS = ['sum', 'join', 'leftJoin', 'union', 'late'] as const
/** One of them. */
export type ConsistencyKind = (typeof CONSISTENCY_KINDS)[number]

/** A transfer of 1. */
export interface Transfer {
  readonly id: number
  readonly from: string
  readonly to: string
}

/** Amounts that were added up, and the transfers that were among them, each once. */
export interface Sum {
  readonly amount: number
  readonly ids: readonly number[]
}

type Entry = KV<string, Sum>

const debit = ({ id, from }: Transfer): Entry => kv(from, { amount: -1, ids: [id] })
/** A transfer is counted where it is taken. */
const credit = ({ to }: Transfer): Entry => kv(to, { amount: 1, ids: [] })

function sumOf(sums: Iterable<Sum | undefined>): Sum {
  let amount = 0
  const ids: number[] = []
  for (const sum of sums) {
    amount += sum?.amount ?? 0
    ids.push(...(sum?.ids ?? []))
  }
  return { amount, ids }
}

function perAccount(name: string, entries: PCollection<Entry>): PCollection<Entry> {
  return entries.groupByKey(name).map(`${name} sum`, ({ key, value }) => kv(key, sumOf(value)))
}

function balances(kind: ConsistencyKind, transfers: PCollection<Transfer>): PCollection<Sum> {
  const debits = (): PCollection<Entry> => transfers.map('debit', debit)
  const credits = (): PCollection<Entry> => transfers.map('credit', credit)
  switch (kind) {
    case 'sum':
      return perAccount(
        'balance',
        transfers.flatMap('debit and credit', (transfer) => [debit(transfer), credit(transfer)]),
      ).map('balances', ({ value }) => value)
    case 'union':
    case 'late':
      return perAccount('balance', flatten('union', [debits(), credits()])).map('balances', ({ value }) => value)
    case 'join':
      return fullJoin('balance', { left: perAccount('credits', credits()), right: perAccount('debits', debits()) }).map(
        'balances',
        ({ value }) => sumOf([value.left, value.right]),
      )
    case 'leftJoin': {
      const accounts = transfers
        .flatMap('accounts', ({ from, to }) => [from, to])
        .distinct('each once')
        .map('account', (name) => kv(name, name))
      const left = leftJoin('given', { left: accounts, right: perAccount('debits', debits()) }).map(
        'given or not',
        ({ key, value }) => kv(key, value.right ?? sumOf([])),
      )
      return innerJoin('both sides', {
        left,
        right: leftJoin('taken', { left: accounts, right: perAccount('credits', credits()) }).map(
          'taken or not',
          ({ key, value }) => kv(key, value.right ?? sumOf([])),
        ),
      }).map('balances', ({ value }) => sumOf([value.left, value.right]))
    }
  }
}

/** The totals, one for each pane. With `'late'`, windows wait so long for late transfers and answer once, when they close. */
export function totals(
  kind: ConsistencyKind,
  transfers: PCollection<Transfer>,
  { windowMillis, latenessMillis }: { readonly windowMillis: number; readonly latenessMillis: number },
): PCollection<Sum> {
  const windowed = transfers.windowInto(
    'windows',
    fixedWindows(windowMillis),
    kind === 'late' ? { allowedLateness: latenessMillis, trigger: never(), closing: 'always' } : {},
  )
  return balances(kind, windowed)
    .keyBy('all', () => 'all')
    .groupByKey('all balances')
    .map('total', ({ value }) => sumOf(value))
}
