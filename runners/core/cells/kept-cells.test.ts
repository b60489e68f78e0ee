import { expect, it } from 'vitest'
import * as t from 'io-ts'
import { ByteReader, ByteWriter, dynamicCoder } from '../../../sdk/coders/index.js'
import type { BagState, MapState, MultimapState, OrderedListState, SetState } from '../../../sdk/state/state-cell.js'
import { state, type StateSpec } from '../../../sdk/state/state-spec.js'
import { globalWindow } from '../../../sdk/windowing/window.js'
import { stateCells } from '../state-cells.js'
import { StateRecord, UNSET } from '../state-internals.js'
import { cellKeeping } from './kept-cells.js'

const coders = { value: dynamicCoder, key: dynamicCoder }

/** A cell with the parts that are stored of it. */
function kept<C>(spec: StateSpec) {
  const keeping = cellKeeping('step', spec, coders)
  const parts = new Map<string, Uint8Array>()
  const make = (): { readonly record: StateRecord; readonly cell: C } => {
    const record = new StateRecord('key', globalWindow, 1, 0, 0, [])
    return { record, ...(stateCells('step', { cell: spec }, [coders], false, () => record) as { readonly cell: C }) }
  }
  const { record, cell } = make()
  let head = new Uint8Array(0)
  /** Stores what has changed. @returns how many bytes of how many parts are written or removed. */
  const save = (): { readonly parts: number; readonly bytes: number } => {
    const out = new ByteWriter()
    const changed = { parts: 0, bytes: 0 }
    keeping.save(record.read(0), out, {
      has: (name) => parts.has(name),
      put: (name, content) => {
        parts.set(name, content)
        changed.parts++
        changed.bytes += content.length
      },
      remove: (name) => {
        if (parts.delete(name)) changed.parts++
      },
    })
    head = out.take()
    return { parts: changed.parts, bytes: changed.bytes + head.length }
  }
  /** The cell, as a store has it. */
  const restored = (): C => {
    const again = make()
    again.record.cells[0] = keeping.restore(new ByteReader(head), parts)
    return again.cell
  }
  return { cell, record, parts, save, restored }
}

const MANY = 100_000

/** Ten changes among many items write little: a part for each of them, and what stands with the record. */
const small = { parts: 20, bytes: 16_000 }

function isSmall({ parts, bytes }: { readonly parts: number; readonly bytes: number }): void {
  expect(parts).toBeGreaterThan(0)
  expect(parts).toBeLessThanOrEqual(small.parts)
  expect(bytes).toBeLessThanOrEqual(small.bytes)
}

it('ten values more in a bag of a hundred thousand are a few parts', () => {
  const { cell, save, restored } = kept<BagState<number>>(state.bag(t.number))
  for (let n = 0; n < MANY; n++) cell.add(n)
  expect(save().parts).toBe(MANY / 32)
  for (let n = 0; n < 40; n++) cell.add(n)
  isSmall(save())
  expect(JSON.stringify([...restored().read()])).toBe(JSON.stringify([...cell.read()]))
})

it('ten entries changed in a map, or a set, of a hundred thousand are a few parts', () => {
  const map = kept<MapState<number, string>>(state.map(t.number, t.string))
  const set = kept<SetState<number>>(state.set(t.number))
  for (let n = 0; n < MANY; n++) {
    map.cell.put(n, `value ${n}`)
    set.cell.add(n)
  }
  map.save()
  set.save()
  for (let n = 0; n < 10; n++) {
    if (n % 2 === 0) map.cell.put(n * 9_999, 'other')
    else map.cell.remove(n * 9_999)
    set.cell.remove(n * 9_999)
  }
  isSmall(map.save())
  isSmall(set.save())
  expect(JSON.stringify([...map.restored().entries()])).toBe(JSON.stringify([...map.cell.entries()]))
  expect(JSON.stringify([...set.restored().read()])).toBe(JSON.stringify([...set.cell.read()]))
})

it('ten values more in a multimap, few keys or many, are a few parts', () => {
  for (const keys of [1, 5, MANY]) {
    const { cell, save, restored } = kept<MultimapState<number, number>>(state.multimap(t.number, t.number))
    for (let n = 0; n < MANY; n++) cell.put(n % keys, n)
    save()
    for (let n = 0; n < 10; n++) cell.put((n * 9_999) % keys, n)
    isSmall(save())
    expect(JSON.stringify([...restored().entries()])).toBe(JSON.stringify([...cell.entries()]))
  }
})

it('a key that goes from a multimap takes all parts of its values with it', () => {
  const { cell, save, parts } = kept<MultimapState<string, number>>(state.multimap(t.string, t.number))
  for (let n = 0; n < 100; n++) cell.put('a', n)
  cell.put('b', 1)
  save()
  expect([...parts.keys()]).toEqual(['0.2', '0.1', '0.0', '0'])
  cell.remove('a')
  save()
  expect([...parts.keys()]).toEqual(['0'])
})

it('ten items more in an ordered list of a hundred thousand are a few parts', () => {
  const { cell, save, restored } = kept<OrderedListState<number>>(state.orderedList(t.number))
  for (let n = 0; n < MANY; n++) cell.add(n, n)
  save()
  for (let n = 0; n < 5; n++) cell.add(n * 9_999, MANY + n)
  cell.clearRange(50_000, 50_500)
  isSmall(save())
  expect(JSON.stringify([...restored().read()])).toBe(JSON.stringify([...cell.read()]))
})

it('items of one time, however many, come back in the order of their coming', () => {
  const { cell, save, restored } = kept<OrderedListState<number>>(state.orderedList(t.number))
  for (let n = 0; n < 1000; n++) cell.add(n % 2, n)
  save()
  for (let n = 1000; n < 1100; n++) cell.add(0, n)
  save()
  const again = restored()
  expect(JSON.stringify([...again.read()])).toBe(JSON.stringify([...cell.read()]))
  for (const each of [cell, again]) each.add(0, -1)
  expect(JSON.stringify([...again.read()])).toBe(JSON.stringify([...cell.read()]))
})

it('a call that is taken back leaves what a store has', () => {
  const { cell, record, save, restored } = kept<MapState<number, number>>(state.map(t.number, t.number))
  for (let n = 0; n < 100; n++) cell.put(n, n)
  save()
  const before = [...cell.entries()]
  record.beginCall()
  for (let n = 0; n < 100; n++) cell.remove(n)
  cell.put(7, 8)
  record.rollBack()
  expect(record.read(0)).not.toBe(UNSET)
  save()
  expect([...restored().entries()]).toEqual(before)
})
