/**
 * A file of transactions on a {@link ModelDisk}: each is a frame with a checksum, so it is there whole or not at all.
 *
 * Law: a file begins with everything that is still needed, and goes on with what came after; when it has grown too much it is begun
 * anew under the next number, and the old one is kept until the new one is durable. An end that is torn was never promised.
 */
import { coded } from '../../../sdk/error-codes.js'
import { crc32 } from './crc32.js'
import { reasonOf, StoreDamaged, StoreFailed } from './errors.js'
import type { DiskError, ModelDisk } from './model-disk.js'

const HEADER_BYTES = 8
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A transaction's rows. Bytes may stand anywhere in them. */
export type Rows<Row> = readonly Row[]

/** Where a file stands, as a head remembers it. */
export interface FramePosition {
  readonly turn: number
  readonly length: number
}

/** What rows make. */
export interface FrameState<Row> {
  apply(rows: Rows<Row>): void
  /** Rows that make all of it. */
  all(): Rows<Row>
}

/** See the head of this file. */
export class FrameFile<Row, State extends FrameState<Row>> {
  readonly path: string
  readonly #disk: ModelDisk
  readonly #begin: () => State
  #state: State
  #turn = 0
  /** What the file is called in this turn. */
  #name = ''
  #length = 0
  /** Length of the first frame when the file was begun. */
  #begun = 0
  #open: Row[] | undefined
  #broken: StoreFailed | undefined

  /**
   * @param path its name, without the number.
   * @param begin makes a state without rows.
   * @param least up to where it was durable, as far as that is known.
   */
  constructor(disk: ModelDisk, path: string, begin: () => State, least: FramePosition | undefined) {
    this.#disk = disk
    this.path = path
    this.#begin = begin
    this.#state = begin()
    this.#read(least)
  }

  /** What is there now, with what others have written. */
  get state(): State {
    const length = this.#disk.lengthOf(this.#name)
    if (length !== this.#length && (length === undefined || this.#open === undefined)) this.#reload()
    return this.#state
  }

  get position(): FramePosition {
    return { turn: this.#turn, length: this.#length }
  }

  /** Adds a row to the transaction that is open. */
  add(row: Row): void {
    if (this.#open === undefined) throw coded('MR-6009', new Error('no transaction is open'))
    this.#open.push(row)
  }

  /** Does all of it or nothing. */
  transaction<T>(durable: boolean, body: () => T): T {
    if (this.#broken !== undefined) throw this.#broken
    const state = this.state
    this.#open = []
    try {
      const result = body()
      const rows = this.#open
      this.#store(rows, durable)
      state.apply(rows)
      if (this.#length > 4 * this.#begun + 65_536) this.settle()
      return result
    } finally {
      this.#open = undefined
    }
  }

  /** Begins the file anew, durable. */
  settle(): void {
    const frame = encodeFrame(this.state.all())
    const name = nameOf(this.path, this.#turn + 1)
    this.#guarded(() => {
      this.#disk.create(name)
      this.#disk.append(name, frame)
      this.#disk.sync(name)
      this.#disk.syncNames()
    })
    this.#turn++
    this.#name = name
    this.#length = this.#begun = frame.length
    for (const turn of turnsOf(this.#disk, this.path)) {
      if (turn !== this.#turn) this.#disk.remove(nameOf(this.path, turn))
    }
  }

  #store(rows: Rows<Row>, durable: boolean): void {
    const name = this.#name
    const frame = encodeFrame(rows)
    try {
      this.#guarded(() => {
        this.#disk.append(name, frame)
        if (durable) this.#disk.sync(name)
      })
    } catch (error) {
      // Where there is room again the next one takes its place; else nobody writes here any more, and who opens it may find it whole.
      if (this.#broken === undefined) this.#disk.truncate(name, this.#length)
      throw error
    }
    this.#length += frame.length
  }

  #reload(): void {
    this.#state = this.#begin()
    this.#begun = 0
    this.#read(undefined)
  }

  /** Takes in what is there, and cuts a torn end off. */
  #read(least: FramePosition | undefined): void {
    const turns = turnsOf(this.#disk, this.path)
    for (const turn of turns) {
      const name = nameOf(this.path, turn)
      if (least !== undefined && turn < least.turn) {
        throw new StoreDamaged(nameOf(this.path, least.turn), 'it is missing, or its beginning cannot be read')
      }
      const bytes = this.#disk.read(name)
      const promised = least !== undefined && least.turn === turn ? least.length : 0
      let at = 0
      for (;;) {
        const frame = frameAt(bytes, at)
        if (frame === undefined) break
        this.#state.apply(decodeFrame<Row>(frame, this.path))
        at += frame.length + HEADER_BYTES
        this.#begun ||= at
      }
      if (at < promised) throw new StoreDamaged(name, `what was written at ${at} cannot be read`)
      // A file whose first frame is not whole was being begun when the machine ended.
      if (at === 0) continue
      this.#disk.truncate(name, at)
      this.#turn = turn
      this.#name = name
      this.#length = at
      return
    }
    throw new StoreDamaged(this.path, 'none of it can be read')
  }

  #guarded(body: () => void): void {
    try {
      body()
    } catch (error) {
      const isFull = (error as Partial<DiskError>).errno === 'ENOSPC'
      const failed = new StoreFailed(this.path, reasonOf(error), isFull, error)
      if (!isFull) this.#broken = failed
      throw failed
    }
  }
}

/** Whether there is anything of a file. */
export function hasFrames(disk: ModelDisk, path: string): boolean {
  return turnsOf(disk, path).length > 0
}

/** Whether there is something of a file that can be read. */
export function canReadFrames(disk: ModelDisk, path: string): boolean {
  return turnsOf(disk, path).some((turn) => frameAt(disk.read(nameOf(path, turn)), 0) !== undefined)
}

/** Makes an empty file. */
export function beginFrames(disk: ModelDisk, path: string): void {
  removeFrames(disk, path)
  const name = nameOf(path, 1)
  disk.create(name)
  disk.append(name, encodeFrame([]))
  disk.sync(name)
}

/** Removes all of a file. */
export function removeFrames(disk: ModelDisk, path: string): void {
  for (const turn of turnsOf(disk, path)) disk.remove(nameOf(path, turn))
}

function nameOf(path: string, turn: number): string {
  return `${path}~${turn}`
}

/** Numbers under which there is a file, the newest first. */
function turnsOf(disk: ModelDisk, path: string): readonly number[] {
  return disk
    .list()
    .filter((name) => name.startsWith(`${path}~`))
    .map((name) => Number(name.slice(path.length + 1)))
    .sort((a, b) => b - a)
}

function encodeFrame(rows: readonly unknown[]): Uint8Array {
  const parts: Uint8Array[] = []
  const json = encoder.encode(JSON.stringify(withoutBytes(rows, parts)))
  const length = 4 + json.length + parts.reduce((sum, part) => sum + part.length, 0)
  const frame = new Uint8Array(HEADER_BYTES + length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, length, true)
  view.setUint32(8, json.length, true)
  frame.set(json, 12)
  let at = 12 + json.length
  for (const part of parts) {
    frame.set(part, at)
    at += part.length
  }
  view.setUint32(4, crc32(frame.subarray(HEADER_BYTES)), true)
  return frame
}

/** A copy in which lengths stand for bytes, which go into `parts`. */
function withoutBytes(value: unknown, parts: Uint8Array[]): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) {
    parts.push(value)
    return { $bytes: value.length }
  }
  if (Array.isArray(value)) return value.map((item) => withoutBytes(item, parts))
  const copy = { ...value } as Record<string, unknown>
  for (const name of Object.keys(copy)) {
    const field = copy[name]
    if (typeof field === 'object' && field !== null) copy[name] = withoutBytes(field, parts)
  }
  return copy
}

/** The same with bytes in their places, of which `next` gives one after another. */
function withBytes(value: unknown, next: (length: number) => Uint8Array): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = withBytes(value[i], next)
    return value
  }
  const { $bytes } = value as { readonly $bytes?: number }
  if ($bytes !== undefined) return next($bytes)
  const fields = value as Record<string, unknown>
  for (const name of Object.keys(fields)) {
    const field = fields[name]
    if (typeof field === 'object' && field !== null) fields[name] = withBytes(field, next)
  }
  return value
}

/** The frame at a position; `undefined` when none is whole there. */
function frameAt(bytes: Uint8Array, at: number): Uint8Array | undefined {
  if (at + HEADER_BYTES + 4 > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(at, true)
  const end = at + HEADER_BYTES + length
  // A hole of zeros has the checksum of nothing.
  if (length < 4 || end > bytes.length) return undefined
  const frame = bytes.subarray(at + HEADER_BYTES, end)
  return crc32(frame) === view.getUint32(at + 4, true) ? frame : undefined
}

function decodeFrame<Row>(frame: Uint8Array, path: string): Rows<Row> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const jsonEnd = 4 + view.getUint32(0, true)
  let at = jsonEnd
  try {
    // The parts follow each other as the marks do.
    return withBytes(JSON.parse(decoder.decode(frame.subarray(4, jsonEnd))), (length) => {
      const part = frame.slice(at, at + length)
      at += length
      return part
    }) as Rows<Row>
  } catch (error) {
    throw new StoreDamaged(path, reasonOf(error), error)
  }
}
