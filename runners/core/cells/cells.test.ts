/**
 * Cells against plain models: whatever is done to them, in calls that stay and calls that are taken back, they hold what
 * the model holds, and what was read earlier stays as it was.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as t from 'io-ts'
import { dynamicCoder } from '../../../sdk/coders/index.js'
import type {
  BagState,
  CombiningState,
  MapState,
  MultimapState,
  OrderedListState,
  SetState,
} from '../../../sdk/state/state-cell.js'
import { state, type StateSpec } from '../../../sdk/state/state-spec.js'
import { mean } from '../../../sdk/transforms/statistics.js'
import { globalWindow } from '../../../sdk/windowing/window.js'
import { StateRecord } from '../state-internals.js'
import { stateCells } from '../state-cells.js'

type Action<C, M> = readonly [name: string, act: (cell: C, model: M) => M]

/** How a kind of cell is compared: what may be done to it and to its model, and what both look like. */
interface Kind<C, M> {
  readonly spec: StateSpec
  readonly empty: M
  readonly actions: fc.Arbitrary<Action<C, M>>
  /** Takes what is there now; looking at it comes later. */
  readonly read: (cell: C) => () => unknown
  readonly shown: (model: M) => unknown
}

function holds<C extends { isEmpty(): boolean; clear(): void }, M>(kind: Kind<C, M>): void {
  const { spec, empty, actions, read, shown } = kind
  const clear: Action<C, M> = ['clear', (cell) => (cell.clear(), empty)]
  const calls = fc.array(
    fc.record({
      actions: fc.array(fc.oneof({ weight: 12, arbitrary: actions }, { weight: 1, arbitrary: fc.constant(clear) }), {
        maxLength: 12,
      }),
      end: fc.constantFrom('stays', 'is taken back', 'cannot be taken back'),
    }),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(calls, fc.boolean(), (script, copies) => {
      const record = new StateRecord('key', globalWindow, 1, 0)
      const coders = [{ value: dynamicCoder, key: dynamicCoder }]
      const { cell } = stateCells('s', { cell: spec }, coders, copies, () => record) as { readonly cell: C }
      let model = empty
      for (const { actions, end } of script) {
        const before = model
        const snapshots: (readonly [() => unknown, unknown])[] = []
        if (end !== 'cannot be taken back') record.beginCall()
        for (const [, act] of actions) {
          snapshots.push([read(cell), shown(model)])
          model = act(cell, model)
          expect(read(cell)()).toEqual(shown(model))
        }
        for (const [look, expected] of snapshots) expect(look()).toEqual(expected)
        if (end === 'is taken back') {
          record.rollBack()
          model = before
        } else {
          record.endCall()
        }
        expect(read(cell)()).toEqual(shown(model))
        expect(record.isEmpty).toBe(cell.isEmpty())
      }
    }),
    { numRuns: 60 },
  )
}

const small = fc.integer({ min: 0, max: 5 })
const key = fc.constantFrom<unknown>(0, 1, '1', { a: 1, b: 2 }, { b: 2, a: 1 }, null)
const text = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort()) : v,
  )
const byText = (list: readonly unknown[]): readonly string[] => list.map(text).sort()

describe('whatever is done to them', () => {
  it('bags hold what was added, in order', () => {
    holds<BagState<number>, readonly number[]>({
      spec: state.bag(t.number),
      empty: [],
      actions: small.map((n) => [`add ${n}`, (cell, model) => (cell.add(n), [...model, n])] as const),
      read: (cell) => [cell.read()].map((items) => () => [...items])[0] as () => unknown,
      shown: (model) => model,
    })
  })

  it('sets hold each value once', () => {
    holds<SetState<unknown>, readonly unknown[]>({
      spec: state.set(t.unknown),
      empty: [],
      actions: fc.tuple(key, fc.boolean()).map(([value, adds]) => [
        `${adds ? 'add' : 'remove'} ${text(value)}`,
        (cell, model) => {
          const others = model.filter((other) => text(other) !== text(value))
          if (!adds) cell.remove(value)
          else expect(cell.addIfAbsent(value)).toBe(others.length === model.length)
          expect(cell.has(value)).toBe(adds)
          return adds ? [...others, value] : others
        },
      ]),
      read: (cell) =>
        [[cell.read(), cell.size()] as const].map(([items, size]) => () => [
          byText([...items]),
          size,
        ])[0] as () => unknown,
      shown: (model) => [byText(model), model.length],
    })
  })

  it('maps hold one value for each key', () => {
    holds<MapState<unknown, number>, ReadonlyMap<string, number>>({
      spec: state.map(t.unknown, t.number),
      empty: new Map(),
      actions: fc.tuple(key, small, fc.constantFrom('put', 'remove', 'putIfAbsent', 'computeIfAbsent')).map(
        ([k, n, what]) =>
          [
            `${what} ${text(k)} ${n}`,
            (cell, model) => {
              const next = new Map(model)
              const id = text(k)
              const before = model.get(id)
              if (what === 'remove') cell.remove(k)
              else if (what === 'put') cell.put(k, n)
              else if (what === 'putIfAbsent') expect(cell.putIfAbsent(k, n)).toBe(before)
              else expect(cell.computeIfAbsent(k, () => n)).toBe(before ?? n)
              if (what === 'remove') next.delete(id)
              else if (what === 'put' || before === undefined) next.set(id, n)
              expect([cell.get(k), cell.has(k)]).toEqual([next.get(id), next.has(id)])
              return next
            },
          ] as const,
      ),
      read: (cell) => [cell.entries()].map((all) => () => byText([...all].map(([k, n]) => [text(k), n])))[0] as () => unknown, // prettier-ignore
      shown: (model) => byText([...model]),
    })
  })

  it('multimaps hold the values of each key, in order', () => {
    holds<MultimapState<unknown, number>, ReadonlyMap<string, readonly number[]>>({
      spec: state.multimap(t.unknown, t.number),
      empty: new Map(),
      actions: fc.tuple(key, small, fc.integer({ min: 0, max: 3 })).map(
        ([k, n, what]) =>
          [
            `${what === 0 ? 'remove' : 'put'} ${text(k)} ${n}`,
            (cell, model) => {
              const next = new Map(model)
              const id = text(k)
              if (what === 0) cell.remove(k)
              else cell.put(k, n)
              if (what === 0) next.delete(id)
              else next.set(id, [...(model.get(id) ?? []), n])
              expect([...cell.get(k)]).toEqual(next.get(id) ?? [])
              expect([...cell.keys()].length).toBe(next.size)
              expect(cell.hasEntry(k, n)).toBe(next.get(id)?.includes(n) ?? false)
              return next
            },
          ] as const,
      ),
      read: (cell) => {
        const all = cell.entries()
        return () => {
          const lists = new Map<string, number[]>()
          for (const [k, n] of all) lists.set(text(k), [...(lists.get(text(k)) ?? []), n])
          return byText([...lists])
        }
      },
      shown: (model) => byText([...model]),
    })
  })

  it('ordered lists hold values by time, equal times in the order of their coming', () => {
    type Item = readonly [number, number]
    let added = 0
    holds<OrderedListState<number>, readonly Item[]>({
      spec: state.orderedList(t.number),
      empty: [],
      actions: fc.tuple(fc.integer({ min: -9, max: 9 }), small, fc.integer({ min: 0, max: 6 })).map(
        ([at, length, what]) =>
          [
            what === 0 ? `clearRange ${at}, ${at + length}` : `add ${at}`,
            (cell, model) => {
              if (what === 0) {
                cell.clearRange(at, at + length)
                return model.filter(([time]) => time < at || time >= at + length)
              }
              // Several at once, so that chunks fill and are cut.
              const items = Array.from({ length: 30 }, (_, i): Item => [at + (i % 3), added++])
              for (const [time, value] of items) cell.add(time, value)
              const next = [...model, ...items].sort(([a], [b]) => a - b)
              expect([...cell.range(at, at + 2)].length).toBe(
                next.filter(([time]) => time >= at && time < at + 2).length,
              )
              return next
            },
          ] as const,
      ),
      read: (cell) => [cell.read()].map((all) => () => [...all].map(({ timestamp, value }) => [timestamp, value]))[0] as () => unknown, // prettier-ignore
      shown: (model) => model,
    })
  })

  it('combining cells hold what all inputs amount to', () => {
    holds<CombiningState<number, number>, readonly number[]>({
      spec: state.combining(mean()),
      empty: [],
      actions: small.map((n) => [`add ${n}`, (cell, model) => (cell.add(n), [...model, n])] as const),
      read: (cell) => [cell.read()].map((average) => () => average)[0] as () => unknown,
      shown: (model) => (model.length === 0 ? Number.NaN : model.reduce((a, b) => a + b, 0) / model.length),
    })
  })
})
