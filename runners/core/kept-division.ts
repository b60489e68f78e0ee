/**
 * What several hosts have kept of one part of a pipeline, divided anew among another number of them: entry by entry, without the user
 * code that a keeper needs.
 *
 * Law: what has a key goes where its slot says, once. What has none and is one thing (work, elements that wait) goes to one host; what each
 * host needs for itself (windows, times, values of side inputs) goes to all of them.
 */
import { ByteReader, decodeFromBytes, dynamicCoder, encodeToBytes, stringUtf8Coder, varintCoder } from '../../sdk/coders/index.js' // prettier-ignore
import { bytesOf, numberOf } from './cells/kept-cells.js'
import { CELL, STAGE, TABLE, UNION_ROLE, VALUES } from './kept-form.js'
import { ELEMENT_ID, TIMES_ID, WINDOW_ID } from './keyed-state-keeper.js'
import { SIDE_WINDOW_ID } from './kept-sides.js'
import { type KeptEntry, SLOTS } from './kept-state.js'
import { ASKED_AT_END, FAST, SLICED } from './kept-tables.js'

/** What hosts keep of a part, by host. */
export type Hosts = readonly (readonly KeptEntry[])[]

/** Among how many, and who has which keys. */
export interface Division {
  readonly hosts: number
  readonly hostOf: (slot: number) => number
}

/** Entries on their way to hosts. */
class Divided {
  readonly hosts: KeptEntry[][]
  readonly #of: Division

  constructor(of: Division) {
    this.#of = of
    this.hosts = Array.from({ length: of.hosts }, () => [])
  }

  byKey(entry: KeptEntry): void {
    this.hosts[this.#of.hostOf(entry.slot)]?.push(entry)
  }

  toAll(entry: KeptEntry): void {
    for (const host of this.hosts) host.push(entry)
  }
}

/** A number of its own for what has one in its host: in the order that it has there. */
function spread(number: number, host: number, hosts: number): number {
  return number * hosts + host
}

function doubles(content: Uint8Array): readonly number[] {
  const input = new ByteReader(content)
  const numbers: number[] = []
  while (input.remaining > 0) numbers.push(input.double())
  return numbers
}

function asDoubles(numbers: readonly number[]): Uint8Array {
  return bytesOf((out) => {
    for (const number of numbers) out.double(number)
  })
}

/** The tables and cells of a grouping. */
export function divideGrouping(before: Hosts, division: Division): Hosts {
  const divided = new Divided(division)
  const tables = new Map<string, KeptEntry>()
  let stage: readonly number[] | undefined
  let stageEntry: KeptEntry | undefined
  for (const entries of before)
    for (const entry of entries) {
      const what = entry.id[0]
      // A union of slices is made anew from them, when the next window ends.
      if ((what === TABLE || what === CELL || what === VALUES) && entry.id[1] === UNION_ROLE) continue
      if (what === STAGE) {
        const [input = 0, output = 0, ...limits] = doubles(entry.content)
        const [least = input, out = output] = stage ?? []
        stage = [Math.min(least, input), Math.min(out, output), ...limits.map(() => Number.NEGATIVE_INFINITY)]
        stageEntry = entry
      } else if (what === TABLE) {
        const name = entry.id.join()
        const there = tables.get(name)
        tables.set(name, there === undefined ? entry : { ...entry, content: oneTable(there.content, entry.content) })
      } else divided.byKey(entry)
    }
  if (stageEntry !== undefined && stage !== undefined) divided.toAll({ ...stageEntry, content: asDoubles(stage) })
  for (const table of tables.values()) divided.toAll(table)
  return divided.hosts
}

/**
 * A window's table, of two hosts. While the window is open both only collect; one that has come for late elements alone does not, and no
 * more does the other then.
 */
function oneTable(one: Uint8Array, other: Uint8Array): Uint8Array {
  const [a, b] = [one, other].map((content) => new ByteReader(content)) as [ByteReader, ByteReader]
  const [flags, more] = [a.byte(), b.byte()]
  const order = Math.min(numberOf(a), numberOf(b))
  return bytesOf((out) => {
    out.byte((flags & more & FAST) | ((flags | more) & (ASKED_AT_END | SLICED)))
    out.varint(order)
  })
}

/** The records, windows and times of a stateful step, and elements that wait there to be sorted. */
export function divideState(before: Hosts, division: Division): Hosts {
  const divided = new Divided(division)
  const windows = new Map<string, KeptEntry>()
  let times: readonly number[] | undefined
  let timesEntry: KeptEntry | undefined
  for (const [host, entries] of before.entries())
    for (const entry of entries) {
      const { id, content } = entry
      if (id[0] === WINDOW_ID) windows.set(id.join(), entry)
      else if (id[0] === TIMES_ID) {
        const [watermark = 0, clock = 0] = doubles(content)
        times = [Math.min(times?.[0] ?? watermark, watermark), Math.max(times?.[1] ?? clock, clock)]
        timesEntry = entry
      } else if (id[0] === ELEMENT_ID) {
        const place = new ByteReader(id)
        place.byte()
        const number = spread(numberOf(place), host, before.length)
        const moved = bytesOf((out) => {
          out.byte(ELEMENT_ID)
          out.varint(number)
        })
        divided.byKey({ ...entry, id: moved })
      } else divided.byKey(entry)
    }
  for (const window of windows.values()) divided.toAll(window)
  if (timesEntry !== undefined && times !== undefined) divided.toAll({ ...timesEntry, content: asDoubles(times) })
  return divided.hosts
}

/** Which host has all of a side input: each is given the same, and some may have forgotten more windows than others. */
export function hostOfSide(before: Hosts): number {
  const counts = before.map((entries) => entries.filter(({ id }) => id[0] === SIDE_WINDOW_ID).length)
  return counts.indexOf(Math.max(...counts))
}

/** What one host has, for each of the others. */
export function copied(entries: readonly KeptEntry[], { hosts }: Division): Hosts {
  return Array.from({ length: hosts }, () => entries)
}

/** What one host alone does. */
export function kept(entries: readonly KeptEntry[], { hosts }: Division): Hosts {
  return Array.from({ length: hosts }, (_, host) => (host === 0 ? entries : []))
}

/** Entries that hosts count, each with the host that it lay with: in one order, which follows the order in each. */
function inTurn(before: Hosts, numberOfEntry: (id: Uint8Array) => number): readonly (readonly [KeptEntry, number])[] {
  return before
    .flatMap((entries, host) =>
      entries
        // What counts them is an entry without an id.
        .filter(({ id }) => id.length > 0)
        .map((entry) => ({ entry, host, number: spread(numberOfEntry(entry.id), host, before.length) })),
    )
    .sort((a, b) => a.number - b.number)
    .map(({ entry, host }) => [entry, host] as const)
}

/** The entries without an id. */
function countsOf(before: Hosts): readonly KeptEntry[] {
  return before.flat().filter(({ id }) => id.length === 0)
}

/** The work of a source: restrictions are dealt out in turn. */
export function divideWork(before: Hosts, { hosts }: Division): Hosts {
  const divided: KeptEntry[][] = Array.from({ length: hosts }, () => [])
  for (const [i, [entry]] of inTurn(before, (id) => decodeFromBytes(dynamicCoder, id) as number).entries()) {
    const own = divided[i % hosts] as KeptEntry[]
    own.push({ ...entry, slot: own.length % SLOTS, id: encodeToBytes(dynamicCoder, own.length) })
  }
  const counts = countsOf(before)
  const begun = counts.map(({ content }) => (decodeFromBytes(dynamicCoder, content) as readonly [number, number])[0])
  const [first] = counts
  if (first !== undefined)
    for (const own of divided)
      own.push({ ...first, content: encodeToBytes(dynamicCoder, [Math.max(...begun), own.length]) })
  return divided
}

/**
 * Elements that wait.
 *
 * @param slotOf the slot of an element's key; where elements have none, all that lie with one host stay together.
 */
export function divideElements(
  before: Hosts,
  { hosts, hostOf }: Division,
  slotOf: ((content: Uint8Array) => number) | undefined,
): Hosts {
  const divided: KeptEntry[][] = Array.from({ length: hosts }, () => [])
  for (const [entry, host] of inTurn(before, (id) => numberOf(new ByteReader(id)))) {
    const own = divided[slotOf === undefined ? host % hosts : hostOf(slotOf(entry.content))] as KeptEntry[]
    own.push({ ...entry, id: encodeToBytes(varintCoder, own.length) })
  }
  // Where bundles end.
  const [ends] = countsOf(before)
  if (ends !== undefined)
    for (const own of divided)
      if (own.length > 0) own.push({ ...ends, content: encodeToBytes(stringUtf8Coder, String(own.length)) })
  return divided
}
