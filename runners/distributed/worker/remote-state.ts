/**
 * State that an engine keeps. The cells of a key and window are fetched together when a bundle first meets it, and what has changed
 * is written when the bundle ends. Every kind of cell lies in a bag of bytes: engines that have bags have all of them.
 *
 * Law: within a bundle reads see earlier writes; what is written back is what the next bundle reads; a bundle that fails writes
 * nothing. A cell of many things is decoded once as long as the engine says that nobody else changes it.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { ByteReader, ByteWriter, type Coder, encodeToBytes } from '../../../sdk/coders/index.js'
import type { KV } from '../../../sdk/kv.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import type { ElementBuffer } from '../../core/element-buffer.js'
import { listOf } from '../../core/side-inputs.js'
import { type CellKeeping, numberOf, type PartSink } from '../../core/cells/kept-cells.js'
import { StateInternals, type StateRecord, UNSET } from '../../core/state-internals.js'
import { StateKeySchema } from '../proto/generated/beam/fn_execution_pb.js'

/** Keys and windows whose cells are fetched together. */
const PREFETCH_MAX = 1000
/** Parts from which on a cell is kept decoded. */
const KEPT_PARTS = 8

/** A declared cell. */
export interface RemoteCell {
  readonly name: string
  readonly keeping: CellKeeping
}

/** Where the state of a step lies. */
export interface StatePlace {
  readonly transformId: string
  readonly cells: readonly RemoteCell[]
  readonly timerCount: number
  /** The engine's coder of keys. */
  readonly key: Coder<unknown>
  /** Ours: by it keys are equal. */
  readonly ownKey: Coder<unknown>
  readonly window: Coder<BoundedWindow>
  /** Blocks until the engine has answered. */
  read(keys: readonly Uint8Array[]): readonly Uint8Array[]
  change(key: Uint8Array, content: Uint8Array | undefined): void
  /** Takes out a cell that a bundle before has kept, if it is still what the engine has. */
  kept?(key: Uint8Array): StoredCell | undefined
  /** Keeps a cell for the next bundle, once this one has succeeded. */
  keep?(key: Uint8Array, cell: StoredCell): void
}

/** What the engine has of a cell. */
export interface StoredCell {
  readonly held: unknown
  /** What stands for the cell; none where it holds nothing. */
  readonly own: Uint8Array | undefined
  readonly parts: Map<string, Uint8Array>
}

/** The state of one step in one bundle. */
export class RemoteState extends StateInternals {
  readonly #place: StatePlace
  readonly #stored = new Map<StateRecord, readonly StoredCell[]>()

  constructor(place: StatePlace) {
    super(place.ownKey, place.cells.length, place.timerCount, () => undefined)
    this.#place = place
    // Cells that have many things say only then which of them have changed.
    this.track()
  }

  override record(key: unknown, window: BoundedWindow): StateRecord {
    const record = super.record(key, window)
    if (!this.#stored.has(record)) this.#fetch([record])
    return record
  }

  /** Records are kept until the bundle ends, also empty ones: what is gone must be written, too. */
  override prune(): void {
    // Nothing.
  }

  /** Fetches what elements will need, all at once. */
  prefetch({ values, windows }: ElementBuffer): void {
    const { cells } = this.#place
    if (cells.length === 0 || values.length < 2) return
    const wanted = new Set<StateRecord>()
    for (let at = 0; at < values.length && wanted.size < PREFETCH_MAX; at++)
      for (const window of listOf(windows[at] as Windows)) {
        const record = super.record((values[at] as KV<unknown, unknown>).key, window)
        if (!this.#stored.has(record)) wanted.add(record)
      }
    if (wanted.size === 0) return
    this.#fetch([...wanted])
  }

  #fetch(records: readonly StateRecord[]): void {
    const { cells } = this.#place
    const missing: Uint8Array[] = []
    const found = records.map((record) =>
      cells.map(({ name }) => {
        const key = this.#keyOf(record, name)
        const kept = this.#place.kept?.(key)
        if (kept === undefined) missing.push(key)
        return kept
      }),
    )
    const contents = missing.length === 0 ? [] : this.#place.read(missing)
    let next = 0
    records.forEach((record, at) => {
      const stored = cells.map(
        ({ keeping }, cell) => found[at]?.[cell] ?? restored(keeping, contents[next++] ?? new Uint8Array(0)),
      )
      stored.forEach(({ held }, cell) => (record.cells[cell] = held))
      this.#stored.set(record, stored)
    })
  }

  #keyOf({ key, window }: StateRecord, userStateId: string): Uint8Array {
    const { transformId } = this.#place
    const own = {
      transformId,
      userStateId,
      window: bytesFor(this.#place.window, window),
      key: bytesFor(this.#place.key, key),
    }
    return toBinary(StateKeySchema, create(StateKeySchema, { type: { case: 'bagUserState', value: own } }))
  }

  /** Keys and windows that the bundle has met. */
  met(): readonly StateRecord[] {
    return [...this.#stored.keys()]
  }

  /** Writes what has changed. */
  write(): void {
    for (const [record, stored] of this.#stored) {
      stored.forEach((before, cell) => {
        const { name, keeping } = this.#place.cells[cell] as RemoteCell
        const { stored: now, hasChanged } = saved(keeping, record.cells[cell], before)
        const isLarge = now.parts.size >= KEPT_PARTS
        if (!hasChanged && !isLarge) return
        const key = this.#keyOf(record, name)
        if (hasChanged) this.#place.change(key, contentOf(now))
        if (isLarge) this.#place.keep?.(key, now)
      })
    }
    // The engine has it all: nothing of a key stays here after its bundle.
    for (const { window } of this.#stored.keys()) this.expire(window)
    this.takeChanges()
    this.#stored.clear()
  }
}

function bytesFor<T>(coder: Coder<T>, value: T): Uint8Array<ArrayBuffer> {
  return encodeToBytes(coder, value, true)
}

/** A cell: what stands for it, then its parts by name. No bytes are a cell that holds nothing. */
function restored(keeping: CellKeeping, bytes: Uint8Array): StoredCell {
  const parts = new Map<string, Uint8Array>()
  if (bytes.length === 0) return { held: UNSET, own: undefined, parts }
  const input = new ByteReader(bytes)
  const own = input.bytes(numberOf(input))
  while (input.remaining > 0) {
    const name = input.string()
    parts.set(name, input.bytes(numberOf(input)))
  }
  return { held: keeping.restore(new ByteReader(own), parts), own, parts }
}

function contentOf({ own, parts }: StoredCell): Uint8Array | undefined {
  if (own === undefined) return undefined
  const out = new ByteWriter()
  out.varint(own.length)
  out.bytes(own)
  for (const [name, part] of parts) {
    out.string(name)
    out.varint(part.length)
    out.bytes(part)
  }
  return out.take()
}

/** A cell as it is to be stored, and whether that is another thing than what was. */
function saved(
  keeping: CellKeeping,
  held: unknown,
  before: StoredCell,
): { readonly stored: StoredCell; readonly hasChanged: boolean } {
  if (held === UNSET)
    return { stored: { held, own: undefined, parts: new Map() }, hasChanged: before.own !== undefined }
  const isSame = held === before.held
  // What was put in its place has none of its parts.
  const parts = isSame ? before.parts : new Map<string, Uint8Array>()
  let hasChanged = false
  const sink: PartSink = {
    has: (name) => parts.has(name),
    put: (name, content) => {
      const old = parts.get(name)
      if (old !== undefined && sameBytes(old, content)) return
      hasChanged = true
      parts.set(name, content)
    },
    remove: (name) => {
      if (parts.delete(name)) hasChanged = true
    },
  }
  const out = new ByteWriter()
  keeping.save(held, out, sink)
  const own = out.take()
  hasChanged ||= before.own === undefined || !sameBytes(own, before.own) || (!isSame && before.parts.size > 0)
  return { stored: { held, own, parts }, hasChanged }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}
