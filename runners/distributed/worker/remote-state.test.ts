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
import { BundleCache, StateCache } from './state-cache.js'

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

  describe('of many things', () => {
    /** Bundles under tokens; those that fail leave nothing. */
    function bundles() {
      const engine = new Map<string, Uint8Array>()
      const nameOf = (key: Uint8Array): string => Buffer.from(key).toString('hex')
      const cache = new StateCache()
      const spec = state.map(t.string, t.number)
      const keeping = cellKeeping('step', spec, coders)
      let restored = 0
      const fails = 'fails'
      const bundle = (token: string, use: (map: MapState<string, number>) => void, how?: typeof fails): void => {
        const own = new BundleCache(cache)
        const writes = new Map<string, Uint8Array | undefined>()
        const remote = new RemoteState({
          transformId: 'step',
          cells: [{ name: 'cell', keeping: { ...keeping, restore: (...of) => (restored++, keeping.restore(...of)) } }],
          timerCount: 0,
          key: dynamicCoder,
          ownKey: dynamicCoder,
          window: windowCoderOf(globalWindows()),
          read: (keys) =>
            own.read(keys, token, (missing) => missing.map((key) => engine.get(nameOf(key)) ?? new Uint8Array(0))),
          change: (key, content) => {
            own.changed(key, token, content)
            writes.set(nameOf(key), content)
          },
          kept: (key) => own.takeDecoded(key, token),
          keep: (key, cell) => own.keepDecoded(key, token, cell),
        })
        const record = remote.record('k', globalWindow)
        use(
          (
            stateCells('step', { cell: spec }, [coders], false, () => record) as {
              readonly cell: MapState<string, number>
            }
          ).cell,
        )
        if (how === fails) return own.discard()
        remote.write()
        own.commit()
        for (const [name, content] of writes)
          if (content === undefined) engine.delete(name)
          else engine.set(name, content)
      }
      return { bundle, restored: () => restored, clear: () => engine.clear() }
    }
    const fill = (map: MapState<string, number>): void => {
      for (let n = 0; n < 2000; n++) map.put(`entry ${n}`, n)
    }

    it('is decoded once as long as nobody else changes it', () => {
      const { bundle, restored } = bundles()
      bundle('1', fill)
      for (let n = 0; n < 5; n++) bundle('1', (map) => map.put('entry 7', (map.get('entry 7') ?? 0) + 1))
      bundle('1', (map) => expect([map.get('entry 7'), map.get('entry 1999')]).toEqual([12, 1999]))
      expect(restored()).toBe(0)
      bundle('2', (map) => expect([map.get('entry 7'), map.get('entry 1999')]).toEqual([12, 1999]))
      expect(restored()).toBe(1)
    })

    it('is what the engine has after a bundle that has failed', () => {
      const { bundle } = bundles()
      bundle('1', fill)
      bundle('1', (map) => map.put('entry 7', -1), 'fails')
      bundle('1', (map) => expect(map.get('entry 7')).toBe(7))
      bundle('1', (map) => map.remove('entry 7'))
      bundle('1', (map) => map.clear(), 'fails')
      bundle('1', (map) => expect([map.get('entry 7'), map.get('entry 8')]).toEqual([undefined, 8]))
    })

    it('is nobody’s under another token', () => {
      const { bundle, clear } = bundles()
      bundle('1', fill)
      clear()
      bundle('2', (map) => expect(map.get('entry 7')).toBeUndefined())
    })
  })
})
