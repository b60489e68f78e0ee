/**
 * Late fees: how long books were kept. A pipeline made to be tested: its logic in pieces that tests reach one by one. See
 * testing.test.ts beside it, and docs/testing.md.
 *
 *     npx millrace run examples/testing.ts
 */
import * as t from 'io-ts'
import { type CombineFn, definePipeline, fixedWindows, type KV, type PCollection, state, timer, typed } from 'millrace'

/** A book goes out, or comes back. When is the timestamp. */
export interface Loan {
  readonly book: string
  readonly what: 'out' | 'back'
}

const DAY = 86_400_000
const MONTH = 30 * DAY

/** Says for how many days a book was out; one that is not back after two weeks is overdue. */
export const daysOut = {
  output: typed<string>(),
  state: { since: state.value(t.number) },
  timers: { overdue: timer.eventTime() },
  process({ value }: KV<string, Loan>, { state, timers, timestamp, window, emit }: DaysOutContext): void {
    const since = state.since.read()
    if (value.what === 'out') {
      state.since.write(timestamp)
      timers.overdue.set(Math.min(timestamp + 14 * DAY, window.maxTimestamp))
    } else if (since !== undefined) {
      emit(`${value.book}: ${Math.round((timestamp - since) / DAY)} days`)
      state.since.clear()
      timers.overdue.clear()
    }
  },
  onTimer: {
    overdue: ({ key, emit }: { readonly key: string; readonly emit: (text: string) => void }): void =>
      emit(`${key}: overdue`),
  },
}

interface DaysOutContext {
  readonly state: { readonly since: { read(): number | undefined; write(value: number): void; clear(): void } }
  readonly timers: { readonly overdue: { set(at: number): void; clear(): void } }
  readonly timestamp: number
  readonly window: { readonly maxTimestamp: number }
  readonly emit: (text: string) => void
}

/** How many different books there were. */
export const differentBooks: CombineFn<Loan, string[], number> = {
  createAccumulator: () => [],
  addInput: (books, { book }) => (books.includes(book) ? books : [...books, book]),
  mergeAccumulators: (a, b) => [...new Set([...a, ...b])],
  extractOutput: (books) => books.length,
  accumulator: t.array(t.string),
  output: t.number,
}

/** The steps between input and output, for tests that bring their own input. */
export function report(loans: PCollection<Loan>): {
  readonly days: PCollection<string>
  readonly books: PCollection<number>
} {
  const monthly = loans.windowInto('per month', fixedWindows(MONTH), { allowedLateness: '2 days' })
  const days = monthly.keyBy('by book', ({ book }) => book).parDo('days out', daysOut)
  const books = monthly.combineGlobally('different books', differentBooks)
  return { days, books }
}

export default definePipeline({
  name: 'late-fees',
  build(p) {
    const day = (n: number): number => n * DAY
    const loans = p
      .create('loans', [
        { day: 1, book: 'Emma', what: 'out' as const },
        { day: 2, book: 'Dune', what: 'out' as const },
        { day: 5, book: 'Emma', what: 'back' as const },
      ])
      .withTimestamps('when', (loan) => day(loan.day))
      .map('loan', ({ book, what }): Loan => ({ book, what }))
    const { days, books } = loans.apply('report', report)
    days.collect('days').print('show days')
    books.collect('books').print('show books')
  },
})
