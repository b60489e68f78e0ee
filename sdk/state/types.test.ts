/**
 * What the compiler infers of state cells and timers, and refuses. The refused lines carry `@ts-expect-error`: if one of
 * them compiles, checking the tests fails.
 */
import * as t from 'io-ts'
import { number as N } from 'fp-ts'
import { describe, expectTypeOf, it } from 'vitest'
import {
  kv,
  max,
  mean,
  type MapState,
  pipeline,
  state,
  type StateCell,
  timer,
  type TimestampedValue,
  typed,
} from 'millrace'

const pairs = pipeline().create('pairs', [kv('a', 1)])
const Order = t.type({ user: t.string, cents: t.number })
type Order = t.TypeOf<typeof Order>

describe('cells', () => {
  it('have the types of their codecs and combiners', () => {
    pairs.parDo('all', {
      state: {
        bag: state.bag(Order),
        set: state.set(t.string),
        map: state.map(t.string, Order),
        multimap: state.multimap(typed<readonly [number, string]>(), t.number),
        list: state.orderedList(Order),
        average: state.combining(mean((order: Order) => order.cents)),
        largest: state.combining(max(), { codec: t.number }),
        total: state.combining({ of: (order: Order) => order.cents, monoid: N.MonoidSum, codec: t.number }),
      },
      process(_pair, { state: { bag, set, map, multimap, list, average, largest, total } }) {
        expectTypeOf(bag.read()).toEqualTypeOf<Iterable<Order>>()
        expectTypeOf(set.add).parameters.toEqualTypeOf<[string]>()
        expectTypeOf(map).toEqualTypeOf<MapState<string, Order>>()
        expectTypeOf(map.get('x')).toEqualTypeOf<Order | undefined>()
        expectTypeOf(multimap.entries()).toEqualTypeOf<Iterable<readonly [readonly [number, string], number]>>()
        expectTypeOf(list.range(0, new Date())).toEqualTypeOf<Iterable<TimestampedValue<Order>>>()
        expectTypeOf(average.add).parameters.toEqualTypeOf<[Order]>()
        expectTypeOf(average.read()).toEqualTypeOf<number>()
        expectTypeOf(largest.read()).toEqualTypeOf<number | undefined>()
        expectTypeOf(total.read()).toEqualTypeOf<number>()
      },
    })
    const declared = { bag: state.bag(t.string) }
    void declared.bag
    expectTypeOf<StateCell<typeof declared.bag>['add']>().parameters.toEqualTypeOf<[string]>()
  })

  it('refuse what they do not hold', () => {
    pairs.parDo('wrong', {
      state: { bag: state.bag(t.number), map: state.map(t.string, t.number), sum: state.combining(mean()) },
      process(_pair, { state: { bag, map, sum } }) {
        const lines = [
          // @ts-expect-error the bag holds numbers
          () => bag.add('x'),
          // @ts-expect-error a bag has no write
          () => bag.write(1),
          // @ts-expect-error keys are text
          () => map.put(1, 1),
          // @ts-expect-error inputs are numbers
          () => sum.add('x'),
        ]
        void lines
      },
    })
    // @ts-expect-error there is no codec
    const lines = [() => state.bag()]
    void lines
  })
})

describe('timers', () => {
  it('have what their time domain and family allow', () => {
    pairs.parDo('timed', {
      output: t.string,
      timers: {
        end: timer.eventTime(),
        timeout: timer.processingTime(),
        reminders: timer.eventTimeFamily(),
        retries: timer.processingTimeFamily(),
      },
      process(_pair, { timers: { end, timeout, reminders, retries } }) {
        end.align('1 minute', '10s').setRelative()
        timeout.setRelative('1 minute', { holdsWatermark: false })
        reminders.set('tag', 5)
        retries.setRelative('tag', 5)
        expectTypeOf(end.currentRelativeTime).toEqualTypeOf<number>()
        const lines = [
          // @ts-expect-error nobody knows what the clock will show
          () => timeout.set(5),
          // @ts-expect-error only event time is aligned
          () => timeout.align(5),
          // @ts-expect-error which of them?
          () => reminders.set(5),
          // @ts-expect-error which of them?
          () => reminders.clear(),
          // @ts-expect-error which of them?
          () => retries.setRelative(5),
        ]
        void lines
      },
      onTimer: {
        end: ({ tag, timeDomain, id, key }) => {
          expectTypeOf(tag).toEqualTypeOf<undefined>()
          expectTypeOf(timeDomain).toEqualTypeOf<'eventTime' | 'processingTime'>()
          expectTypeOf(id).toEqualTypeOf<string>()
          expectTypeOf(key).toEqualTypeOf<string>()
        },
        timeout: ({ tag }) => {
          expectTypeOf(tag).toEqualTypeOf<undefined>()
        },
        reminders: ({ tag }) => {
          expectTypeOf(tag).toEqualTypeOf<string>()
        },
        retries: ({ tag, emit }) => emit(tag),
      },
    })
  })

  it('without a handler are refused', () => {
    const lines = [
      () =>
        // @ts-expect-error no handler for reminders
        pairs.parDo('timed', { timers: { reminders: timer.eventTimeFamily() }, process: () => undefined }),
    ]
    void lines
  })
})
