import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { fixedWindows, flatten, type Pipeline, pipeline, state, sum, timer, typed } from 'millrace'
import { firstDifference, graphFingerprint, type GraphFingerprint } from './fingerprint.js'

function fingerprintOf(write: (p: Pipeline) => void): GraphFingerprint {
  const p = pipeline()
  write(p)
  return graphFingerprint(p.build().graph)
}

/** What can be changed about the program below. */
interface Variant {
  readonly factor?: number
  readonly window?: ReturnType<typeof fixedWindows>
  readonly lateness?: number
  readonly accumulation?: 'accumulating' | 'discarding'
  readonly cell?: t.Mixed
  readonly cellName?: string
  readonly withTimer?: boolean
  readonly output?: t.Mixed
  readonly stepName?: string
  readonly extra?: boolean
}

const spend =
  (variant: Variant = {}) =>
  (p: Pipeline): void => {
    const { factor = 1, window = fixedWindows('1 hour'), cell = t.number, output = t.number } = variant
    const orders = p
      .create('orders', [{ user: 'a', cents: 1 }])
      .windowInto('per hour', window, {
        allowedLateness: variant.lateness ?? 0,
        accumulation: variant.accumulation ?? 'discarding',
      })
      .keyBy('by user', (order) => order.user)
    orders
      .parDo(variant.stepName ?? 'sum per user', {
        output: output,
        state: { [variant.cellName ?? 'total']: state.value(cell) },
        timers: variant.withTimer === true ? { end: timer.eventTime() } : {},
        onTimer: variant.withTimer === true ? { end: () => undefined } : {},
        process: ({ value }: { value: { cents: number } }, { emit }: { emit: (n: number) => void }) =>
          emit(value.cents * factor),
      } as never)
      .collect('sums')
    if (variant.extra === true) orders.collect('all orders')
  }

describe('a fingerprint', () => {
  it('is the same for the same program, and made of plain data', () => {
    const [first, second] = [fingerprintOf(spend()), fingerprintOf(spend())]
    expect(first.hash).toBe(second.hash)
    expect(first.hash).toMatch(/^[0-9a-f]{64}$/)
    expect(firstDifference(first, second)).toBeUndefined()
    expect(JSON.parse(JSON.stringify(first))).toEqual(first)
  })

  it('leaves out code and lines', () => {
    expect(fingerprintOf(spend({ factor: 2 })).hash).toBe(fingerprintOf(spend()).hash)
  })

  it('does not depend on the order in which independent steps and inputs of a union are written', () => {
    const left = (p: Pipeline) => p.create('left', [1])
    const right = (p: Pipeline) => p.create('right', [2])
    const one = fingerprintOf((p) => flatten('both', [left(p), right(p)]).collect('out'))
    const other = fingerprintOf((p) => {
      const second = right(p)
      flatten('both', [second, left(p)]).collect('out')
    })
    expect(one.hash).toBe(other.hash)
  })

  it.each<[string, Variant, string]>([
    [
      'a state cell',
      { cell: t.string },
      'step "sum per user": state cell "total" changed its codec from number to string',
    ],
    ['the name of a state cell', { cellName: 'sum' }, 'step "sum per user": state cell "sum" is new'],
    ['a timer', { withTimer: true }, 'step "sum per user": timer "end" is new'],
    ['an output', { output: t.string }, 'step "sum per user": its output changed its codec from number to string'],
    ['a step', { extra: true }, 'step "collect all orders" is new'],
    ['a name', { stepName: 'sum' }, 'step "sum per user" is gone, and step "sum" is new'],
    [
      'windows',
      { window: fixedWindows('2 hours') },
      'step "by user": its output changed its windows from fixed(offsetMillis 0, sizeMillis 3600000) to fixed(offsetMillis 0, sizeMillis 7200000)',
    ],
    [
      'lateness',
      { lateness: 5 },
      'step "by user": its output changed its allowed lateness in milliseconds from 0 to 5',
    ],
    [
      'accumulation',
      { accumulation: 'accumulating' },
      'step "by user": its output changed its accumulation from discarding to accumulating',
    ],
  ])('changes with %s, and says so', (_, variant, difference) => {
    const [before, after] = [fingerprintOf(spend()), fingerprintOf(spend(variant))]
    expect(after.hash).not.toBe(before.hash)
    expect(firstDifference(before, after)).toBe(difference)
  })

  it('names what a step reads from, how a side input is read, and what a step is', () => {
    const numbers = (p: Pipeline) => p.create('numbers', [1])
    const read = (from: 'numbers' | 'others') => (p: Pipeline) => {
      const sources = { numbers: numbers(p), others: p.create('others', [2]) }
      sources[from].map('double', (n) => n * 2).collect('out')
    }
    expect(firstDifference(fingerprintOf(read('numbers')), fingerprintOf(read('others')))).toBe(
      'step "double": its input changed its source from "numbers/$read.out" to "others/$read.out"',
    )
    const viewed = (asMap: boolean) => (p: Pipeline) => {
      const pairs = p.create('pairs', [{ key: 'a', value: 1 }])
      const view: unknown = asMap ? pairs.asMap('view') : pairs.asList('view')
      numbers(p).parDo('look', { output: typed<number>(), sides: { view }, process: () => undefined } as never)
    }
    expect(firstDifference(fingerprintOf(viewed(true)), fingerprintOf(viewed(false)))).toBe(
      'step "look": side input "view" changed its access from by key to as a whole',
    )
    const kind = (combines: boolean) => (p: Pipeline) => {
      const keyed = p.create('pairs', [{ key: 'a', value: 1 }])
      if (combines) keyed.combinePerKey('group', sum()).collect('out')
      else keyed.groupByKey('group').collect('out')
    }
    expect(firstDifference(fingerprintOf(kind(true)), fingerprintOf(kind(false)))).toBe(
      'step "group/$combine" is gone, and step "group" is new',
    )
  })

  it('names the field of a row that has changed, and where it stands', () => {
    const orders = (codec: t.Mixed, other = codec) =>
      fingerprintOf((p) => {
        p.create('orders', [] as readonly unknown[], { codec })
          .keyBy('by user', () => 'a', { codec: t.string })
          .parDo('last', {
            state: { seen: state.value(other) },
            process: () => undefined,
          } as never)
      })
    const Order = t.type({ user: t.string, item: t.type({ price: t.number }) })
    const Other = t.type({ user: t.string, item: t.type({ price: t.Int }) })
    const More = t.intersection([Order, t.partial({ note: t.string })])
    expect(firstDifference(orders(Order), orders(Order, Other))).toBe(
      'step "last": state cell "seen" changed its field "item.price" from double at position 0 to int64 at position 0',
    )
    expect(firstDifference(orders(Order), orders(More))).toBe(
      'step "by user": its output changed its field "value.note" from none to string? at position 2',
    )
    const Named = t.type({ user: t.string, item: t.type({ price: t.number }) }, 'Order')
    expect(firstDifference(orders(Order), orders(Order, Named))).toMatch(
      /^step "last": state cell "seen" changed its codec/,
    )
  })
})
