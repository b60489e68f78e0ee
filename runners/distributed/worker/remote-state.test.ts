import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { dynamicCoder } from '../../../sdk/coders/index.js'
import type { BagState, MapState, OrderedListState, SetState } from '../../../sdk/state/state-cell.js'
import { state, type StateSpec } from '../../../sdk/state/state-spec.js'
import { NO_FIRING } from '../../../sdk/windowing/pane-info.js'
import { globalWindow } from '../../../sdk/windowing/window.js'
import { windowCoderOf } from '../../../sdk/windowing/window-coder.js'
import { globalWindows } from '../../../sdk/windowing/window-fn.js'
import { cellKeeping } from '../../core/cells/kept-cells.js'
import { ElementBuffer } from '../../core/element-buffer.js'
import { stateCells } from '../../core/state-cells.js'
import { RemoteState } from './remote-state.js'

const coders = { value: dynamicCoder, key: dynamicCoder }

/** A step with one cell, whose state lies in a map instead of in an engine. */
function stepWith<C>(spec: StateSpec) {
  const engine = new Map<string, Uint8Array>()
  const nameOf = (key: Uint8Array): string => Buffer.from(key).toString('hex')
  const remote = new RemoteState({
    transformId: 'step',
    cells: [{ name: 'cell', keeping: cellKeeping('step', spec, coders) }],
    timerCount: 0,
    key: dynamicCoder,
    ownKey: dynamicCoder,
    window: windowCoderOf(globalWindows()),
    read: (keys) => keys.map((key) => engine.get(nameOf(key)) ?? new Uint8Array(0)),
    change: (key, content) => {
      if (content === undefined) engine.delete(nameOf(key))
      else engine.set(nameOf(key), content)
    },
  })
  const bundle = (key: string, use: (cell: C) => void): void => {
    const record = remote.record(key, globalWindow)
    use((stateCells('step', { cell: spec }, [coders], false, () => record) as { readonly cell: C }).cell)
    remote.write()
  }
  return { remote, engine, bundle }
}

describe('state that an engine keeps', () => {
  it('is fetched for many elements at once, and each key once', () => {
    const asked: number[] = []
    const remote = new RemoteState({
      transformId: 'step',
      cells: [{ name: 'cell', keeping: cellKeeping('step', state.value(t.number), coders) }],
      timerCount: 0,
      key: dynamicCoder,
      ownKey: dynamicCoder,
      window: windowCoderOf(globalWindows()),
      read: (keys) => {
        asked.push(keys.length)
        return keys.map(() => new Uint8Array(0))
      },
      change: () => undefined,
    })
    const elements = new ElementBuffer()
    for (let i = 0; i < 300; i++) elements.add({ key: `key ${i % 100}`, value: i }, 0, globalWindow, NO_FIRING)
    remote.prefetch(elements)
    for (let i = 0; i < 100; i++) remote.record(`key ${i}`, globalWindow)
    expect(asked).toEqual([100])
    remote.prefetch(elements)
    expect(asked).toEqual([100])
  })

  it('is read by the next bundle as the one before has left it: an ordered list', () => {
    const { bundle } = stepWith<OrderedListState<string>>(state.orderedList(t.string))
    bundle('k', (list) => list.add(2, 'two'))
    bundle('k', (list) => list.add(1, 'one'))
    let seen: readonly unknown[] = []
    bundle('k', (list) => (seen = [...list.read()].map(({ value }) => value)))
    expect(seen).toEqual(['one', 'two'])
  })

  it('is read by the next bundle as the one before has left it: a map and a set', () => {
    const { bundle } = stepWith<MapState<string, number>>(state.map(t.string, t.number))
    bundle('k', (map) => map.put('a', 1))
    bundle('k', (map) => map.put('b', 2))
    bundle('k', (map) => expect([map.get('a'), map.get('b')]).toEqual([1, 2]))
    const set = stepWith<SetState<string>>(state.set(t.string))
    set.bundle('k', (cell) => cell.add('a'))
    set.bundle('k', (cell) => expect([...cell.read()]).toEqual(['a']))
  })

  it('leaves nothing here after its bundle, and nothing in the engine once it is cleared', () => {
    const { bundle, engine, remote } = stepWith<BagState<number>>(state.bag(t.number))
    for (const key of ['a', 'b', 'c']) bundle(key, (bag) => bag.add(1))
    expect([remote.size, engine.size]).toEqual([0, 3])
    for (const key of ['a', 'b', 'c']) bundle(key, (bag) => bag.clear())
    expect([remote.size, engine.size]).toEqual([0, 0])
  })
})
