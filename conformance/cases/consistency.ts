/**
 * Internal consistency: transfers between accounts become debits and credits, these become balances, and the balances make a total.
 * Whatever the way from transfers to the total, it is 0 in every pane that is put out, since every transfer takes what it gives.
 *
 * A total that was made of some of the balances before and some after a transfer would not be 0.
 */
import {
  fixedWindows,
  flatten,
  fullJoin,
  innerJoin,
  type KV,
  kv,
  leftJoin,
  never,
  type PCollection,
  type Pipeline,
  seededRandom,
  type WindowingOptions,
} from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { expectSame } from './claims.js'
import { type ConformanceCase, pipelineCase } from './case.js'

interface Transfer {
  readonly from: number
  readonly to: number
}

/** An amount, and how many transfers have made it: a total of nothing would be 0, too. */
interface Sum {
  readonly amount: number
  readonly transfers: number
}

const ACCOUNTS = 10
const SECONDS = 60
const A_SECOND = 2
const WINDOW = 10
/** The watermark stays so far behind the newest transfer. */
const BEHIND = 5

/** Transfers of 1 in disorder; every account gives and takes in every window. */
function transfers(p: Pipeline, disorder: number, options: WindowingOptions = {}): PCollection<Transfer> {
  const random = seededRandom(7)
  const all = Array.from({ length: SECONDS * A_SECOND }, (_, n) => {
    const second = Math.floor(n / A_SECOND)
    return {
      transfer: { from: n % ACCOUNTS, to: (3 * n + 1) % ACCOUNTS },
      second,
      arrival: second + random() * disorder,
    }
  }).sort((a, b) => a.arrival - b.arrival)
  let script = testStream<Transfer>()
  let newest = 0
  for (const { transfer, second } of all) {
    script = script.add(at(second, transfer))
    if (second <= newest) continue
    newest = second
    script = script.advanceWatermarkTo(newest - BEHIND)
  }
  return p.apply('transfers', script.end()).windowInto('tens', fixedWindows(WINDOW), options)
}

const single = (amount: number): Sum => ({ amount, transfers: 1 })
const credits = (input: PCollection<Transfer>): PCollection<KV<number, Sum>> =>
  input.map('credit', ({ to }) => kv(to, single(1)))
const debits = (input: PCollection<Transfer>): PCollection<KV<number, Sum>> =>
  input.map('debit', ({ from }) => kv(from, single(-1)))

const sumOf = (sums: Iterable<Sum | undefined>): Sum =>
  [...sums].reduce<Sum>(
    (a, b) => ({ amount: a.amount + (b?.amount ?? 0), transfers: a.transfers + (b?.transfers ?? 0) }),
    { amount: 0, transfers: 0 },
  )

function perAccount(name: string, input: PCollection<KV<number, Sum>>): PCollection<KV<number, Sum>> {
  return input.groupByKey(name).map(`${name} sum`, ({ key, value }) => kv(key, sumOf(value)))
}

/** The total of each window is 0, and made of `expected` debits and credits. */
function expectZero(balances: PCollection<Sum>, expected: number): void {
  const totals = balances
    .keyBy('all', () => 'all')
    .groupByKey('all balances')
    .map('total', ({ value }) => sumOf(value))
  assertThat('totals', totals).satisfies((panes) => {
    expectSame(
      panes.filter(({ amount }) => amount !== 0),
      [],
    )
    expectSame(
      panes.reduce((sum, { transfers }) => sum + transfers, 0),
      expected,
    )
    expectSame(panes.length, SECONDS / WINDOW)
  })
}

const EVERYTHING = 2 * SECONDS * A_SECOND
const inTime = BEHIND - 1
const needs = ['testStream'] as const

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'ICO-01',
    name: 'the balances of a sum of debits and credits make 0 in every pane',
    needs,
    build(p) {
      const entries = transfers(p, inTime).flatMap('debit and credit', ({ from, to }) => [
        kv(from, single(-1)),
        kv(to, single(1)),
      ])
      expectZero(
        perAccount('balance', entries).map('balances', ({ value }) => value),
        EVERYTHING,
      )
    },
  }),
  pipelineCase({
    id: 'ICO-02',
    name: 'the balances of a join of debits with credits make 0 in every pane',
    needs,
    build(p) {
      const all = transfers(p, inTime)
      const left = perAccount('credits', credits(all))
      const right = perAccount('debits', debits(all))
      expectZero(
        innerJoin('balance', { left, right }).map('balances', ({ value }) => sumOf([value.left, value.right])),
        EVERYTHING,
      )
    },
  }),
  pipelineCase({
    id: 'ICO-03',
    name: 'so do those of a join of all accounts with what they gave and took, where some did neither or only one',
    needs: ['combine', 'testStream'],
    build(p) {
      const all = transfers(p, inTime)
      const seldom = all.filter('seldom', ({ from, to }) => from % 3 === 0 && to % 2 === 0)
      const accounts = all
        .map('accounts', ({ from }) => from)
        .distinct('each once')
        .map('account', (id) => kv(id, id))
      const moves = fullJoin('moves', {
        left: perAccount('credits', credits(seldom)),
        right: perAccount('debits', debits(seldom)),
      }).map('move', ({ key, value }) => kv(key, sumOf([value.left, value.right])))
      const balances = leftJoin('balance', { left: accounts, right: moves })
      expectZero(
        balances.map('balances', ({ value }) => value.right ?? sumOf([])),
        2 * 24,
      )
    },
  }),
  pipelineCase({
    id: 'ICO-04',
    name: 'so do those of a union of debits and credits',
    needs,
    build(p) {
      const all = transfers(p, inTime)
      const entries = flatten('union', [debits(all), credits(all)])
      expectZero(
        perAccount('balance', entries).map('balances', ({ value }) => value),
        EVERYTHING,
      )
    },
  }),
  pipelineCase({
    id: 'ICO-05',
    name: 'so do those of windows that wait for late transfers, all of which are in them',
    needs: ['lateness', 'testStream'],
    build(p) {
      const all = transfers(p, 10, { allowedLateness: 10, trigger: never(), closing: 'always' })
      const entries = flatten('union', [debits(all), credits(all)])
      expectZero(
        perAccount('balance', entries).map('balances', ({ value }) => value),
        EVERYTHING,
      )
    },
  }),
]
