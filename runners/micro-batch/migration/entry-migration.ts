/**
 * Entries of a checkpoint as a changed graph has them: under other names, written by other coders, or not at all.
 *
 * Law: each entry becomes one entry or none, in the same slot; a value that does not fit is named with its step, and nothing is written.
 */
import {
  ByteReader,
  type Coder,
  decodeFromBytes,
  dynamicCoder,
  encodeToBytes,
  stringUtf8Coder,
  windowedValueCoder,
} from '../../../sdk/coders/index.js'
import { coded } from '../../../sdk/error-codes.js'
import { coderOf } from '../../../sdk/graph/coders.js'
import { coderOfShape, type CoderShape, type Conversion } from '../../../sdk/graph/coder-shape.js'
import { authorPath } from '../../../sdk/graph/names.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import type { WindowFn } from '../../../sdk/windowing/window-fn.js'
import { windowCoderOf } from '../../../sdk/windowing/window-coder.js'
import { bytesOf, numberOf } from '../../core/cells/kept-cells.js'
import type { KeptEntry } from '../../core/kept-state.js'
import { type CellRecoding, type Recode, recodeGrouping, recodeOf, recodeRecord } from '../../core/kept-recoding.js'
import { unhosted } from '../hosted-part.js'
import type { StoredEntry } from '../store/checkpoint-store.js'
import type { ChangePlan, PartPlan } from './change-plan.js'
import type { KeptShape, LivePart } from './kept-shape.js'

/** Makes of an entry what it is to be; `undefined` when it is dropped. */
export type EntryMigration = (entry: StoredEntry) => StoredEntry | undefined

const ELEMENT_PART = 'p'.charCodeAt(0)

/** How entries go on. */
export function entryMigration(
  built: BuiltPipeline,
  plan: ChangePlan,
  before: KeptShape,
  after: KeptShape,
): EntryMigration {
  const byPart = new Map(plan.parts.map((part) => [part.from.part, partMigration(built, part)]))
  return (entry) => {
    if (entry.part === 'metrics') return metricsEntry(entry, before, after, plan.renamed)
    const own = byPart.get(entry.part)
    if (own !== undefined) return own(entry)
    const [part, of] = unhosted(entry.part)
    const migration = byPart.get(part)
    if (migration === undefined) return entry
    const there = migration(entry)
    return there === undefined ? undefined : { ...there, part: there.part + of }
  }
}

function partMigration(built: BuiltPipeline, plan: PartPlan): EntryMigration {
  const { from, to } = plan
  if (to === undefined) return () => undefined
  const recode = contentMigration(built, plan, to)
  return (entry) => {
    const there = guarded(from.path, () => recode(entry))
    return there === undefined ? undefined : { ...there, part: to.shape.part }
  }
}

function guarded<T>(step: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw coded(
      'MR-6052',
      new Error(
        `step "${step}": a value that is kept does not fit the new codec: ${text}. Nothing was changed. Widen the codec, or drop what does not fit.`,
        { cause },
      ),
    )
  }
}

function contentMigration(
  built: BuiltPipeline,
  plan: PartPlan,
  to: LivePart,
): (entry: KeptEntry) => KeptEntry | undefined {
  const { from } = plan
  const { coders } = to
  const coderNow = (id: string | undefined): Coder<unknown> => coderOf(built, id ?? '')
  const isSame = (conversion: Conversion | undefined): boolean => (conversion?.relation ?? 'same') === 'same'
  const recode = (shape: CoderShape | undefined, id: string | undefined, conversion: Conversion | undefined): Recode =>
    shape === undefined || conversion === undefined || isSame(conversion)
      ? recodeOf(coderNow(id), coderNow(id), (value) => value)
      : recodeOf(coderOfShape(shape), coderNow(id), conversion.convert)
  const element = (nested: boolean): ((content: Uint8Array) => Uint8Array) => {
    if (isSame(plan.value) || from.value === undefined || plan.value === undefined) return (content) => content
    const { convert } = plan.value
    const window = windowCoderOf(coders.windowFn as WindowFn)
    const [old, now] = [coderOfShape(from.value), coderNow(coders.valueId)].map((each) =>
      windowedValueCoder(each, window),
    ) as [ReturnType<typeof windowedValueCoder>, ReturnType<typeof windowedValueCoder>]
    return (content) =>
      bytesOf((out) => {
        const written = old.decode(new ByteReader(content), nested)
        now.encode({ ...written, value: convert(written.value) }, out, nested)
      })
  }
  switch (from.keeps) {
    case 'script':
      return (entry) => entry
    case 'elements': {
      const migrated = element(true)
      // Where bundles end is an entry without an id.
      return (entry) => (entry.id.length === 0 ? entry : { ...entry, content: migrated(entry.content) })
    }
    case 'grouping': {
      if (isSame(plan.value)) return (entry) => entry
      const value = recode(from.value, coders.valueId, plan.value)
      return (entry) => recodeGrouping(entry, value)
    }
    case 'side': {
      if (isSame(plan.value)) return (entry) => entry
      const value = recode(from.value, coders.valueId, plan.value)
      return (entry) => (entry.id[0] === ELEMENT_PART ? { ...entry, content: numbered(entry.content, value) } : entry)
    }
    case 'collected': {
      const migrated = element(false)
      return (entry) => {
        const elements = decodeFromBytes(dynamicCoder, entry.content) as readonly Uint8Array[]
        return { ...entry, content: encodeToBytes(dynamicCoder, elements.map(migrated)) }
      }
    }
    case 'work':
      return workMigration(element(false), whole(recode(from.restriction, coders.restrictionId, plan.restriction)))
    case 'state':
      return stateMigration(plan, to, element(true), recode, coderNow)
  }
}

/** A value alone. */
function whole(recode: Recode): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => bytesOf((out) => recode(new ByteReader(bytes), out, false))
}

/** The values of a side input, each after its number. */
function numbered(content: Uint8Array, value: Recode): Uint8Array {
  return bytesOf((out) => {
    for (const input = new ByteReader(content); input.remaining > 0;) {
      out.varint(numberOf(input))
      value(input, out, true)
    }
  })
}

/** Work as `source-codec.ts` writes it. */
function workMigration(
  element: (bytes: Uint8Array) => Uint8Array,
  restriction: (bytes: Uint8Array) => Uint8Array,
): (entry: KeptEntry) => KeptEntry {
  return (entry) => {
    if (entry.id.length === 0) return entry
    const work = decodeFromBytes(dynamicCoder, entry.content) as {
      readonly of: Uint8Array
      readonly restriction: Uint8Array
    }
    const migrated = { ...work, of: element(work.of), restriction: restriction(work.restriction) }
    return { ...entry, content: encodeToBytes(dynamicCoder, migrated) }
  }
}

function stateMigration(
  plan: PartPlan,
  to: LivePart,
  element: (content: Uint8Array) => Uint8Array,
  recode: (shape: CoderShape | undefined, id: string | undefined, conversion: Conversion | undefined) => Recode,
  coderNow: (id: string | undefined) => Coder<unknown>,
): (entry: KeptEntry) => KeptEntry | undefined {
  const { coders, shape } = to
  const cells = plan.from.cells.map(({ kind, inPieces, value, key }, at): CellRecoding => {
    const own = plan.cells[at]
    if (own === undefined) {
      // It is read to come past it.
      const skip = (of: CoderShape): Recode => recodeOf(coderOfShape(of), coderOfShape(of), (each) => each)
      return { kind, inPieces, at: undefined, value: skip(value), key: skip(key ?? value) }
    }
    const ids = coders.cells[own.at]
    return {
      kind,
      inPieces,
      at: own.at,
      value: recode(value, ids?.value, own.value),
      key: recode(key ?? value, ids?.key ?? ids?.value, own.key ?? own.value),
    }
  })
  const recoding = {
    key: coderNow(coders.keyId),
    window: windowCoderOf(coders.windowFn as WindowFn),
    cells,
    cellCount: shape.cells.length,
    timers: plan.timers,
    element,
  }
  return (entry) => recodeRecord(entry, recoding)
}

/** Counters are kept by the places of steps and collections, which a change moves. */
function metricsEntry(
  entry: StoredEntry,
  before: KeptShape,
  after: KeptShape,
  renamed: (name: string) => string,
): StoredEntry {
  const name = decodeFromBytes(stringUtf8Coder, entry.id)
  const put = (thing: unknown): StoredEntry => ({
    ...entry,
    content: encodeToBytes(stringUtf8Coder, JSON.stringify(thing)),
  })
  const thing = JSON.parse(decodeFromBytes(stringUtf8Coder, entry.content)) as unknown
  const moved = (numbers: readonly number[], was: readonly string[], is: readonly string[]): readonly number[] => {
    const at = new Map(was.map((each, place) => [renamed(each), numbers[place] ?? 0]))
    return is.map((each) => at.get(each) ?? 0)
  }
  if (name === 'elements') return put(moved(thing as readonly number[], before.collections, after.collections))
  if (name === 'lost') return put(moved(thing as readonly number[], before.steps, after.steps))
  const ofStep = (step: string): string => authorPath(renamed(step))
  if (name === 'system')
    return put((thing as readonly (readonly [string, unknown])[]).map(([step, counters]) => [ofStep(step), counters]))
  if (name.startsWith('metric ')) {
    const [step, ...rest] = thing as readonly [string, ...unknown[]]
    return put([ofStep(step), ...rest])
  }
  return entry
}
