/**
 * The records of a stateful step as a store has them: an entry for each key and window, with its small cells and its timers,
 * and entries for the parts of cells that hold much.
 *
 * Law: an entry lies in the slot of its key; an entry of something that is gone is removed.
 */
import { ByteReader, ByteWriter, type Coder } from '../../sdk/coders/index.js'
import { UserCodeError } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { bytesOf, type CellKeeping, numberOf, type PartSink } from './cells/kept-cells.js'
import { type ChangeSink, type KeptEntry, slotOf } from './kept-state.js'
import type { StepInfo } from './stage.js'
import { type StateInternals, type StateRecord, type TimerSetting, UNSET } from './state-internals.js'

/** First byte of the ids of records and parts. */
export const RECORD_ID: number = 'r'.charCodeAt(0)

/** A cell with parts: what they are of, and their names. */
interface StoredParts {
  readonly held: unknown
  readonly names: Set<string>
}

/** What a store has of a record: parts by cell, for those that have some. */
type StoredCells = Map<number, StoredParts>

/** A declared cell. */
export interface KeptCell {
  readonly name: string
  readonly keeping: CellKeeping
}

/** Where a record lies. */
interface Place {
  readonly id: Uint8Array
  readonly slot: number
}

/** Stores the records of a step. */
export class KeptRecords {
  readonly #step: StepInfo
  readonly #state: StateInternals
  readonly #key: Coder<unknown>
  readonly #window: Coder<BoundedWindow>
  readonly #cells: readonly KeptCell[]
  /** Timers that have fired since the input ended. */
  readonly #fired: Map<StateRecord, Set<string>>
  readonly #out = new ByteWriter()

  constructor(
    step: StepInfo,
    state: StateInternals,
    coders: { readonly key: Coder<unknown>; readonly window: Coder<BoundedWindow> },
    cells: readonly KeptCell[],
    fired: Map<StateRecord, Set<string>>,
  ) {
    this.#step = step
    this.#state = state
    this.#key = coders.key
    this.#window = coders.window
    this.#cells = cells
    this.#fired = fired
  }

  /** Hands out the records that have changed. */
  changes(sink: ChangeSink): void {
    const { changed, gone } = this.#state.takeChanges()
    const removed = new Map<string, Place>()
    for (const record of gone) {
      const place = this.#placeOf(record)
      removed.set(textOf(place.id), place)
      for (const [cell, { names }] of record.stored as StoredCells) {
        for (const name of names) {
          const id = partId(place, cell, name)
          removed.set(textOf(id), { id, slot: place.slot })
        }
      }
      record.stored = undefined
    }
    // A key that has gone may have come again: what it puts takes the place of what it had.
    const put = (slot: number, id: Uint8Array, content: Uint8Array): void => {
      if (removed.size > 0) removed.delete(textOf(id))
      sink.put(slot, id, content)
    }
    for (const record of changed) if (!record.isGone) this.#save(record, { put, remove: sink.remove.bind(sink) })
    for (const { slot, id } of removed.values()) sink.remove(slot, id)
  }

  #save(record: StateRecord, sink: ChangeSink): void {
    const place = this.#placeOf(record)
    const stored = (record.stored ??= new Map()) as StoredCells
    const out = this.#out
    out.reset()
    out.varint(record.serial)
    this.#cells.forEach(({ name, keeping }, cell) => {
      const held = record.read(cell)
      const parts = new Parts(place, cell, held, stored.get(cell), sink)
      out.byte(held === UNSET ? 0 : 1)
      if (held !== UNSET) this.#guarded(`its state "${name}"`, record, () => keeping.save(held, out, parts))
      const left = parts.end()
      if (left === undefined) stored.delete(cell)
      else stored.set(cell, left)
    })
    this.#guarded('its timers', record, () => this.#writeTimers(record, out))
    sink.put(place.slot, place.id, out.take())
  }

  #writeTimers(record: StateRecord, out: ByteWriter): void {
    const settings = record.settings()
    out.varint(settings.length)
    for (const [timer, setting] of settings) writeSetting(out, timer, setting)
    const fired = this.#fired.get(record) ?? new Set<string>()
    out.varint(fired.size)
    for (const timer of fired) out.string(timer)
  }

  #guarded(what: string, record: StateRecord, save: () => void): void {
    try {
      save()
    } catch (cause) {
      throw new UserCodeError({
        step: this.#step.path,
        call: `storing ${what}`,
        element: preview({ key: record.key }),
        source: this.#step.source,
        cause,
      })
    }
  }

  #placeOf({ key, window }: StateRecord): Place {
    const out = this.#out
    out.reset()
    out.byte(RECORD_ID)
    this.#window.encode(window, out, true)
    const start = out.length
    this.#key.encode(key, out, true)
    const slot = slotOf(out.written(start))
    return { id: out.take(), slot }
  }

  /** Takes back the records of windows that are there again. @returns them, in the order of their coming. */
  restore(entries: readonly KeptEntry[], windowOf: (window: BoundedWindow) => BoundedWindow): readonly StateRecord[] {
    const parts = new Map<string, Map<number, Map<string, Uint8Array>>>()
    const records: { key: unknown; window: BoundedWindow; id: string; serial: number; content: ByteReader }[] = []
    for (const { id, content } of entries) {
      const input = new ByteReader(id)
      input.byte()
      const window = windowOf(this.#window.decode(input, true))
      const key = this.#key.decode(input, true)
      const record = textOf(id.subarray(0, input.position))
      if (input.remaining === 0) {
        const reader = new ByteReader(content)
        records.push({ key, window, id: record, serial: numberOf(reader), content: reader })
        continue
      }
      const cell = numberOf(input)
      const ofRecord = computed(parts, record, () => new Map<number, Map<string, Uint8Array>>())
      computed(ofRecord, cell, () => new Map<string, Uint8Array>()).set(input.string(), content)
    }
    records.sort((a, b) => a.serial - b.serial)
    return records.map(({ key, window, id, serial, content }) =>
      this.#restored(this.#state.restoreRecord(key, window, serial), content, parts.get(id)),
    )
  }

  #restored(
    record: StateRecord,
    input: ByteReader,
    parts: ReadonlyMap<number, ReadonlyMap<string, Uint8Array>> | undefined,
  ): StateRecord {
    const stored: StoredCells = new Map()
    this.#cells.forEach(({ keeping }, cell) => {
      if (input.byte() === 0) return
      const own = parts?.get(cell) ?? new Map<string, Uint8Array>()
      const held = keeping.restore(input, own)
      record.cells[cell] = held
      if (own.size > 0) stored.set(cell, { held, names: new Set(own.keys()) })
    })
    for (let left = numberOf(input); left > 0; left--) {
      const [timer, setting] = readSetting(input)
      record.setTimer(timer, setting.tag, setting)
    }
    const fired = Array.from({ length: numberOf(input) }, () => input.string())
    if (fired.length > 0) this.#fired.set(record, new Set(fired))
    record.stored = stored
    record.awaitNextChange()
    return record
  }
}

/** The parts of one cell, while they are stored. */
class Parts implements PartSink {
  readonly #place: Place
  readonly #cell: number
  readonly #held: unknown
  readonly #sink: ChangeSink
  /** Of what the cell holds. */
  readonly #names: Set<string>
  /** Of what it held before. */
  readonly #stale: Set<string>

  constructor(place: Place, cell: number, held: unknown, before: StoredParts | undefined, sink: ChangeSink) {
    this.#place = place
    this.#cell = cell
    this.#held = held
    this.#sink = sink
    const isSame = before?.held === held
    this.#names = isSame ? (before?.names ?? new Set()) : new Set()
    this.#stale = isSame ? new Set() : (before?.names ?? new Set())
  }

  has(name: string): boolean {
    return this.#names.has(name)
  }

  put(name: string, content: Uint8Array): void {
    this.#names.add(name)
    this.#stale.delete(name)
    this.#sink.put(this.#place.slot, partId(this.#place, this.#cell, name), content)
  }

  remove(name: string): void {
    if (this.#names.delete(name)) this.#sink.remove(this.#place.slot, partId(this.#place, this.#cell, name))
  }

  /** Removes what is stored of what the cell held before. @returns what is stored now. */
  end(): StoredParts | undefined {
    for (const name of this.#stale) this.#sink.remove(this.#place.slot, partId(this.#place, this.#cell, name))
    return this.#names.size === 0 ? undefined : { held: this.#held, names: this.#names }
  }
}

function partId({ id }: Place, cell: number, name: string): Uint8Array {
  return bytesOf((out) => {
    out.bytes(id)
    out.varint(cell)
    out.string(name)
  })
}

function writeSetting(out: ByteWriter, timer: number, setting: TimerSetting): void {
  out.varint(timer)
  out.byte((setting.tag === undefined ? 0 : 1) + (setting.holds ? 2 : 0))
  if (setting.tag !== undefined) out.string(setting.tag)
  out.double(setting.fireTimestamp)
  out.double(setting.outputTimestamp)
  out.varint(setting.sequence ?? 0)
}

function readSetting(input: ByteReader): readonly [timer: number, setting: TimerSetting] {
  const timer = numberOf(input)
  const flags = input.byte()
  const tag = (flags & 1) === 0 ? undefined : input.string()
  const fireTimestamp = input.double()
  const outputTimestamp = input.double()
  return [timer, { fireTimestamp, outputTimestamp, tag, holds: (flags & 2) !== 0, sequence: numberOf(input) }]
}

/** Bytes as the key of a `Map`. */
function textOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function computed<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = make()))
  return value
}
