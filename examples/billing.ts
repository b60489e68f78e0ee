/**
 * Billing: what each customer has spent per hour. Orders come out of order and some come late, so an hour has a first
 * answer when it should be over, corrections as late orders come in, and one bill when nothing can change any more.
 *
 *     npx millrace run examples/billing.ts --disorderSeed 3
 */
import * as t from 'io-ts'
import { definePipeline, fixedWindows, state, sum, timer, typed } from 'millrace'
import { generateSequence } from 'millrace/io/generate'

const LATENESS = 60 * 60_000
const customers = ['ann', 'bob', 'cyd'] as const

export default definePipeline({
  name: 'billing',
  options: t.partial({ disorderSeed: t.number }),
  build(p, { disorderSeed = 1 }) {
    const hours = p
      .apply(
        'numbers',
        generateSequence({
          to: 600,
          rate: { elements: 1, per: '30 seconds' },
          start: '2001-01-01T08:00:00Z',
          disorder: { by: '5 minutes', late: 0.04, lateBy: '30 minutes', seed: disorderSeed },
        }),
      )
      .map('order', orderOf)
      .collect('orders')
      .windowInto('per hour', fixedWindows('1 hour'), { allowedLateness: LATENESS, accumulation: 'accumulating' })
      .keyBy('by customer', (order) => order.customer)
      .combinePerKey(
        'spent',
        sum((order) => order.cents),
      )
      .collect('answers')

    hours
      .parDo('make bills', {
        output: typed<Bill>(),
        state: { cents: state.value(t.number, { initial: 0 }), answers: state.value(t.number, { initial: 0 }) },
        timers: { final: timer.eventTime() },
        process({ value: cents }, { state, timers, window }) {
          state.cents.write(cents)
          state.answers.write(state.answers.read() + 1)
          timers.final.set(window.maxTimestamp + LATENESS, { outputTimestamp: window.maxTimestamp })
        },
        onTimer: {
          final({ key: customer, state, window, emit }) {
            emit({ customer, hour: window.start, cents: state.cents.read(), corrections: state.answers.read() - 1 })
          },
        },
      })
      .collect('bills')
      .map('as text', textOf)
      .print('bill', { limit: 100 })
  },
})

/** An order. When it was made is its timestamp. */
interface Order {
  readonly customer: string
  readonly cents: number
}

/** What a customer owes for an hour. */
export interface Bill {
  readonly customer: string
  /** Its beginning, in milliseconds. */
  readonly hour: number
  readonly cents: number
  /** How often late orders changed the sum. */
  readonly corrections: number
}

function orderOf(n: number): Order {
  return { customer: customers[n % customers.length] as string, cents: 100 + ((n * 7919) % 1900) }
}

function textOf({ customer, hour, cents, corrections }: Bill): string {
  const time = new Date(hour).toISOString().slice(11, 16)
  const changed = corrections === 0 ? '' : `  (corrected ${corrections}×)`
  return `${time}  ${customer}  ${(cents / 100).toFixed(2).padStart(8)}${changed}`
}
