/**
 * The order of an object's fields in its canonical encoding: by the bytes of their names in UTF-8.
 *
 * Records of one kind have the same fields, so the sorted names, already encoded, are remembered for recent lists of names:
 * the encoder need not sort them again, nor the decoder make strings of them. Law: a memo only; results never depend on
 * what it holds, and what it holds is bounded.
 */
import { ByteWriter } from './bytes.js'

/** The fields of one kind of record. */
export interface FieldOrder {
  /** In canonical order. */
  readonly names: readonly string[]
  /** The same names, each behind its length. */
  readonly encoded: readonly Uint8Array[]
}

/** Compares two strings as their UTF-8 bytes compare. */
export function compareAsUtf8(a: string, b: string): number {
  const common = Math.min(a.length, b.length)
  for (let i = 0; i < common; i++) {
    const unitA = a.charCodeAt(i)
    const unitB = b.charCodeAt(i)
    if (unitA !== unitB) return codePointRank(unitA) - codePointRank(unitB)
  }
  return a.length - b.length
}

/** UTF-16 puts surrogates (code points above U+FFFF) before U+E000 to U+FFFF; UTF-8 puts them after. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

const SLOTS = 256
const FIELDS_MAX = 32
const NAME_LENGTH_MAX = 64

interface Slot {
  readonly names: readonly string[]
  order: FieldOrder | undefined
}
const slots: (Slot | undefined)[] = new Array<Slot | undefined>(SLOTS).fill(undefined)

/**
 * The canonical order of `names`, when they were seen before in the same order; else `undefined`, and the caller sorts.
 * The first sight only remembers the names: objects used as dictionaries come once and shall not pay for the memo.
 */
export function knownFieldOrder(names: readonly string[]): FieldOrder | undefined {
  const count = names.length
  if (count === 0 || count > FIELDS_MAX) return undefined
  const index = slotOf(names, count)
  const slot = slots[index]
  if (slot !== undefined && sameNames(slot.names, names)) return (slot.order ??= fieldOrderOf(names))
  if (names.every((name) => name.length <= NAME_LENGTH_MAX)) slots[index] = { names, order: undefined }
  return undefined
}

function slotOf(names: readonly string[], count: number): number {
  const first = names[0] as string
  const last = names[count - 1] as string
  const mixed =
    (count * 31 + first.length * 7 + last.length) * 31 + first.charCodeAt(0) * 17 + last.charCodeAt(last.length >> 1)
  return mixed & (SLOTS - 1)
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function fieldOrderOf(names: readonly string[]): FieldOrder {
  const sorted = [...names].sort(compareAsUtf8)
  const out = new ByteWriter()
  const encoded = sorted.map((name) => {
    out.string(name)
    return out.take()
  })
  return { names: sorted, encoded }
}

const decoded: (FieldOrder | undefined)[] = new Array<FieldOrder | undefined>(SLOTS).fill(undefined)

/** A guess at the fields of an object with `count` fields whose encoding goes on with the bytes `first` and `second`. */
export function expectedFieldOrder(count: number, first: number, second: number): FieldOrder | undefined {
  return decoded[decodedSlot(count, first, second)]
}

/** Notes that an object with these names, in canonical order, was decoded. Like the encoder's, the second sight counts. */
export function noteFieldOrder(names: readonly string[], first: number, second: number): void {
  const order = knownFieldOrder(names)
  if (order !== undefined) decoded[decodedSlot(names.length, first, second)] = order
}

function decodedSlot(count: number, first: number, second: number): number {
  return (count * 31 + first * 7 + second) & (SLOTS - 1)
}
