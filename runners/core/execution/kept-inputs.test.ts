/**
 * Inboxes, side inputs and those that wait for them, stored and taken back at moments that a seed chooses, against the same that
 * never were.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dynamicCoder } from '../../../sdk/coders/index.js'
import { seededRandom } from '../../../sdk/env.js'
import { kv } from '../../../sdk/kv.js'
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../../sdk/time.js'
import { NO_FIRING } from '../../../sdk/windowing/pane-info.js'
import { afterWatermark } from '../../../sdk/windowing/trigger.js'
import { type BoundedWindow, IntervalWindow } from '../../../sdk/windowing/window.js'
import { fixedWindows } from '../../../sdk/windowing/window-fn.js'
import { globalStrategy, rewindow } from '../../../sdk/windowing/windowing-strategy.js'
import { KeptEntries } from '../../../conformance/support/kept-entries.js'
import { ElementBuffer } from '../element-buffer.js'
import { ElementCoding } from '../element-coding.js'
import { SideInputStore } from '../side-inputs.js'
import type { SideInput, StepInfo } from '../stage.js'
import { Inbox } from './inbox.js'
import type { WaitingCoding } from './kept-elements.js'
import { SideGate } from './side-gate.js'

const step: StepInfo = { index: 0, id: 'step', path: 'step', source: undefined }
const coding = (): WaitingCoding => ({ coding: new ElementCoding(dynamicCoder, fixedWindows(10)), step })

const windowAt = (start: number): IntervalWindow => new IntervalWindow(start, start + 10)

/** Elements as text. */
function shown(elements: ElementBuffer): string {
  const all: string[] = []
  elements.forEach((value, timestamp, windows, pane) =>
    all.push(JSON.stringify([value, timestamp, windows, pane.index])),
  )
  return all.join('\n')
}

describe('an inbox', () => {
  it('has the same elements in the same bundles after it was stored and taken back', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = seededRandom(seed)
        const entries = new KeptEntries()
        const straight = new Inbox(undefined)
        let stored = new Inbox(undefined, coding)
        stored.track()
        for (let n = 0; n < 60; n++) {
          const what = random()
          const windows = random() < 0.3 ? [windowAt(0), windowAt(10)] : windowAt(10 * (n % 3))
          const pane = { ...NO_FIRING, index: n % 5 }
          for (const inbox of [straight, stored]) {
            if (what < 0.5) inbox.add({ n }, n, windows, pane)
            else if (what < 0.6) inbox.mark()
            else if (what < 0.8) inbox.commit()
          }
          if (what >= 0.95) {
            const [a, b] = [straight.take(), stored.take()]
            expect(b?.ends).toEqual(a?.ends)
            expect(shown(b?.elements ?? new ElementBuffer())).toBe(shown(a?.elements ?? new ElementBuffer()))
          } else if (what >= 0.8) {
            straight.commit()
            stored.commit()
            entries.take(stored)
            if (what >= 0.87) stored = entries.restore(new Inbox(undefined, coding), random)
          }
          expect([stored.length, stored.hold]).toEqual([straight.length, straight.hold])
        }
        straight.take()
        stored.take()
        entries.take(stored)
        expect(entries.list()).toEqual([])
      }),
      { numRuns: 40 },
    )
  })
})

/** A gate with two side inputs: a map, and what panes have gathered. */
class Gated {
  readonly stores: readonly SideInputStore[]
  readonly inboxes: readonly Inbox[]
  readonly gate: SideGate
  readonly producer = { outputWatermark: TIMESTAMP_MIN }

  constructor() {
    const strategy = rewindow(globalStrategy, fixedWindows(10), {
      trigger: afterWatermark(),
      allowedLateness: 0,
      accumulation: 'discarding',
    })
    const side = (kind: string, gathers: boolean): SideInput =>
      ({ name: kind, viewFn: { kind, name: kind, gathers, hasDefault: false }, strategy }) as unknown as SideInput
    this.stores = [side('map', false), side('multimap', true)].map(
      (each) => new SideInputStore(each, dynamicCoder, TIMESTAMP_MIN, dynamicCoder),
    )
    this.inboxes = this.stores.map(() => new Inbox(undefined, coding))
    const sides = this.stores.map((store, i) => ({
      store,
      inbox: this.inboxes[i] as Inbox,
      step: 'view',
      producer: this.producer as never,
    }))
    this.gate = new SideGate({ sides, coding })
  }

  /** What elements in a window would read. */
  read(window: BoundedWindow): string {
    return JSON.stringify(this.stores.map((store) => [...(store.read(window) as ReadonlyMap<unknown, unknown>)]))
  }
}

describe('side inputs and those that wait for them', () => {
  it('go on as if they had never been stored and taken back', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = seededRandom(seed)
        const int = (to: number): number => Math.floor(random() * to)
        const entries = new Map<string, KeptEntries>()
        const straight = new Gated()
        let stored = new Gated()
        const entriesOf = (name: string): KeptEntries => {
          let there = entries.get(name)
          if (there === undefined) entries.set(name, (there = new KeptEntries()))
          return there
        }
        for (const keeper of stored.gate.keepers().values()) keeper.track()
        for (let n = 0; n < 60; n++) {
          const what = int(10)
          const [key, at, count] = [int(5), 10 * int(4), 1 + int(50)]
          for (const gated of [straight, stored]) {
            const [map, panes] = gated.inboxes as [Inbox, Inbox]
            if (what < 2) {
              for (let i = 0; i < count; i++)
                map.add(kv(key + i, n), at, windowAt(at), { ...NO_FIRING, index: n > 20 ? 1 : 1 + (i % 2) })
            } else if (what === 2) {
              const values = Array.from({ length: count }, (_, i) => kv({ key: i % 3 }, [n]))
              panes.add(kv('pane', values), at, windowAt(at), { ...NO_FIRING, index: n })
            } else if (what < 7) {
              const bundle = new ElementBuffer()
              bundle.add({ n }, at + 1, [windowAt(at), windowAt(10 * int(1))], NO_FIRING)
              bundle.add([n], at + 2, windowAt(at), { ...NO_FIRING, index: 3 })
              gated.gate.admit(bundle, n)
            } else if (what === 7) {
              gated.producer.outputWatermark = Math.max(0, gated.producer.outputWatermark) + key
            } else if (what === 8) {
              gated.gate.forgetBefore(at - 10)
            }
            for (const inbox of gated.inboxes) inbox.commit()
          }
          expect(stored.gate.refresh()).toBe(straight.gate.refresh())
          expect(shown(stored.gate.release())).toBe(shown(straight.gate.release()))
          expect([stored.gate.length, stored.gate.hold]).toEqual([straight.gate.length, straight.gate.hold])
          for (const start of [0, 10, 20, 30]) expect(stored.read(windowAt(start))).toBe(straight.read(windowAt(start)))
          if (random() > 0.3) continue
          for (const [name, keeper] of stored.gate.keepers()) entriesOf(name).take(keeper)
          if (random() > 0.6) continue
          const { outputWatermark } = stored.producer
          stored = new Gated()
          stored.producer.outputWatermark = outputWatermark
          for (const [name, keeper] of stored.gate.keepers()) entriesOf(name).restore(keeper, random)
        }
        for (const gated of [straight, stored]) gated.producer.outputWatermark = TIMESTAMP_MAX
        stored.gate.refresh()
        straight.gate.refresh()
        expect(shown(stored.gate.release())).toBe(shown(straight.gate.release()))
        stored.gate.forgetBefore(TIMESTAMP_MAX)
        let left = 0
        for (const [name, keeper] of stored.gate.keepers()) {
          entriesOf(name).take(keeper)
          left += entriesOf(name).list().length
        }
        expect(left, 'the watermark of each side is left').toBe(2)
      }),
      { numRuns: 30 },
    )
  })
})
