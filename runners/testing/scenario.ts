/**
 * Scenarios: what is done to recorded input, as a list of small changes that can be left out one by one.
 *
 * Law: a scenario without changes gives the input as it was recorded; the same scenario gives the same scripts.
 */
import { seededRandom } from '../../sdk/env.js'
import type { TestStreamEvent } from '../../sdk/graph/model.js'
import { TIMESTAMP_MIN } from '../../sdk/time.js'
import type { RecordedSource } from './recorded-input.js'
import type { CrashKind } from './restarting-runner.js'

/**
 * What is done to a pipeline: its bundles are attempted twice; it runs in batches, and its process ends and begins again; its input comes
 * in another order and other bundles; some input is late; some is delivered again.
 */
export type Perturbation = 'attempts' | 'crashes' | 'order' | 'late' | 'duplicates'

/** The end of a process, or of its machine's power, at a crash point; the first of a scenario ends the first life, and so on. */
export interface CrashChange {
  readonly kind: 'crash'
  /** Name of the crash point. */
  readonly point: string
  /** The so many-th time that the life passes it. */
  readonly pass: number
  /** What is lost: nothing that was written, or also what was not made durable. */
  readonly loses: CrashKind
}

/** One change of the input. `source` is a step, `index` the number of an element that it gives, in the order recorded. */
export type ScenarioChange =
  /** Two elements change places. */
  | { readonly kind: 'swap'; readonly source: string; readonly index: number; readonly other: number }
  /** A bundle ends after this element. */
  | { readonly kind: 'cut'; readonly source: string; readonly index: number }
  /** The source waits for the others, before its event with this number. */
  | { readonly kind: 'pause'; readonly source: string; readonly index: number }
  /** The element comes when the watermark has passed the scenario's `watermark`. */
  | { readonly kind: 'late'; readonly source: string; readonly index: number }
  /** The element comes twice. */
  | { readonly kind: 'duplicate'; readonly source: string; readonly index: number }
  | CrashChange

/** How a pipeline is run: plain data, to be kept and given to `simulate` again. */
export interface Scenario {
  /** `'none'`: the pipeline is run twice as it is, and the two runs are compared with each other. */
  readonly perturbation: Perturbation | 'none'
  /** Seed of strict mode, without which the run is not strict; of crashes, that of what a loss of power leaves. */
  readonly strictSeed?: number
  /** Where the watermark stands when late elements come. */
  readonly watermark?: number
  readonly changes: readonly ScenarioChange[]
}

interface Slot {
  readonly value: unknown
  readonly timestamp: number
}

/** A stretch of a script in which elements may change places: up to the next move of watermark or clock. */
interface Segment {
  /** Numbers of its elements. */
  readonly from: number
  readonly to: number
  readonly after: TestStreamEvent | undefined
}

/** Elements of a script by number, the ends of its bundles, and its segments. */
function partsOf(events: readonly TestStreamEvent[]): {
  readonly slots: readonly Slot[]
  readonly ends: ReadonlySet<number>
  readonly segments: readonly Segment[]
} {
  const slots: Slot[] = []
  const ends = new Set<number>()
  const segments: Segment[] = []
  let from = 0
  for (const event of events) {
    if (event.kind === 'elements') {
      slots.push(...event.elements)
      ends.add(slots.length - 1)
      continue
    }
    segments.push({ from, to: slots.length, after: event })
    from = slots.length
  }
  segments.push({ from, to: slots.length, after: undefined })
  return { slots, ends, segments }
}

const pause: TestStreamEvent = { kind: 'processingTime', advanceMillis: 0 }

/** The scripts of a scenario, by collection. */
export function scriptsOf(
  sources: readonly RecordedSource[],
  { changes, watermark }: Scenario,
): ReadonlyMap<string, readonly TestStreamEvent[]> {
  const scripts = sources.map((source) => {
    const own = changes.filter((change) => change.kind !== 'crash' && change.source === source.step)
    return { id: source.collectionId, ...scriptOf(source, own) }
  })
  if (watermark === undefined) return new Map(scripts.map(({ id, events }) => [id, events]))
  // What is late comes when every source has said that nothing so early is expected.
  const length = Math.max(...scripts.map(({ events }) => events.length))
  return new Map(
    scripts.map(({ id, events, late }): [string, readonly TestStreamEvent[]] => {
      const reached = Math.max(TIMESTAMP_MIN, ...events.map((event) => (event.kind === 'watermark' ? event.timestamp : TIMESTAMP_MIN))) // prettier-ignore
      const padding = Array.from({ length: length - events.length }, () => pause)
      const moved: TestStreamEvent = watermark > reached ? { kind: 'watermark', timestamp: watermark } : pause
      const last: readonly TestStreamEvent[] = late.length === 0 ? [] : [{ kind: 'elements', elements: late }]
      return [id, [...events, ...padding, moved, ...last]]
    }),
  )
}

function scriptOf(
  source: RecordedSource,
  changes: readonly ScenarioChange[],
): { readonly events: readonly TestStreamEvent[]; readonly late: readonly Slot[] } {
  const { slots, ends, segments } = partsOf(source.events)
  const order = slots.map((_, i) => i)
  const cuts = new Set(ends)
  const late = new Set<number>()
  const again = new Map<number, number>()
  const pauses: number[] = []
  for (const change of changes) {
    if (change.kind === 'swap')
      [order[change.index], order[change.other]] = [order[change.other] as number, order[change.index] as number]
    else if (change.kind === 'cut') cuts.add(change.index)
    else if (change.kind === 'late') late.add(change.index)
    else if (change.kind === 'duplicate') again.set(change.index, (again.get(change.index) ?? 0) + 1)
    else if (change.kind === 'pause') pauses.push(change.index)
  }
  const events: TestStreamEvent[] = []
  for (const { from, to, after } of segments) {
    let bundle: Slot[] = []
    const repeated: Slot[] = []
    const flush = (): void => {
      if (bundle.length > 0) events.push({ kind: 'elements', elements: bundle })
      bundle = []
    }
    for (let place = from; place < to; place++) {
      const index = order[place] as number
      const slot = slots[index] as Slot
      if (!late.has(index)) bundle.push(slot)
      for (let i = 0; i < (again.get(index) ?? 0); i++) repeated.push(slot)
      if (cuts.has(place)) flush()
    }
    flush()
    if (repeated.length > 0) events.push({ kind: 'elements', elements: repeated })
    if (after !== undefined) events.push(after)
  }
  for (const at of pauses.sort((a, b) => b - a)) events.splice(at, 0, pause)
  return { events, late: [...late].sort((a, b) => a - b).map((index) => slots[index] as Slot) }
}

/** Changes that make a bundle of every element. */
export function cutsOf(sources: readonly RecordedSource[]): readonly ScenarioChange[] {
  return sources.flatMap(({ step: source, events }) =>
    partsOf(events).slots.map((_, index): ScenarioChange => ({ kind: 'cut', source, index })),
  )
}

/** A random scenario; `undefined` where a perturbation has nothing to work on. `ends` are ends of windows that were seen. */
export function randomScenario(
  perturbation: Exclude<Perturbation, 'crashes'>,
  seed: number,
  sources: readonly RecordedSource[],
  ends: readonly number[],
): Scenario | undefined {
  const random = seededRandom(seed)
  const below = (count: number): number => Math.floor(random() * count)
  if (perturbation === 'order' || perturbation === 'attempts') {
    const changes = perturbation === 'order' ? sources.flatMap((source) => reordered(source, below, random)) : []
    return { perturbation, strictSeed: seed, changes }
  }
  const watermark = perturbation === 'late' ? ends[below(ends.length)] : undefined
  if (perturbation === 'late' && watermark === undefined) return undefined
  const kind = perturbation === 'late' ? 'late' : 'duplicate'
  const all = sources.flatMap(({ step, events }) =>
    partsOf(events).slots.flatMap(({ timestamp }, index): ScenarioChange[] =>
      watermark === undefined || timestamp < watermark ? [{ kind, source: step, index }] : [],
    ),
  )
  if (all.length === 0) return undefined
  const sure = below(all.length)
  const changes = all.filter((_, i) => i === sure || random() < 0.2)
  return { perturbation, changes, ...(watermark === undefined ? {} : { watermark }) }
}

function reordered(
  { step: source, events }: RecordedSource,
  below: (count: number) => number,
  random: () => number,
): readonly ScenarioChange[] {
  const changes: ScenarioChange[] = []
  for (const { from, to } of partsOf(events).segments) {
    for (let index = to - 1; index > from; index--) {
      const other = from + below(index - from + 1)
      if (other !== index) changes.push({ kind: 'swap', source, index, other })
    }
    for (let index = from; index < to - 1; index++) if (random() < 0.3) changes.push({ kind: 'cut', source, index })
  }
  for (let i = below(3); i > 0; i--) changes.push({ kind: 'pause', source, index: below(events.length + 1) })
  return changes
}
