/**
 * `millrace state get`: the entries of one step. Without the pipeline, which knows what its bytes mean, their kinds, slots and bytes.
 *
 * Law: what is shown as decoded was decoded by the coders that wrote it; the rest is shown as bytes.
 */
import type { Options } from './command-line.js'
import { UsageError } from './command-line.js'
import { entriesOf, type Held, OF_RUN, partNames } from './state-command.js'
import type { StoredEntry } from '../micro-batch/store/checkpoint-store.js'

/** Entries that are shown unless somebody wants more. */
const LIMIT = 100
/** Bytes of an entry that a line shows; JSON has all. */
const BYTES_SHOWN = 32

/** An entry as it is shown. */
export interface ShownEntry {
  readonly keeps: string
  readonly kind: string
  readonly slot: number
  readonly [field: string]: unknown
}

/** Shows them. @throws {UsageError} when there are none of that step. */
export async function showEntries(held: Held, options: Options, isJson: boolean): Promise<void> {
  const step = options.get('step') as string
  const limit = limitOf(options.get('limit'))
  const steps = new Set<string>()
  const ofStep: StoredEntry[] = []
  for await (const entry of entriesOf(held)) {
    const { step: of = OF_RUN } = partNames(entry.part)
    steps.add(of)
    if (of === step) ofStep.push(entry)
  }
  if (ofStep.length === 0)
    throw new UsageError('MR-7026', `the checkpoint keeps nothing of a step "${step}".`, step, [...steps])
  const all = ofStep.map(rawEntry)
  for (const entry of all.slice(0, limit)) process.stdout.write(`${isJson ? JSON.stringify(entry) : lineOf(entry)}\n`)
  if (all.length > limit)
    process.stderr.write(
      `· ${all.length - limit} of ${all.length} entries are not shown. --limit ${all.length} shows all.\n`,
    )
}

/** How many are shown. */
export function limitOf(given: string | boolean | undefined): number {
  if (given === undefined) return LIMIT
  const limit = Number(given)
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new UsageError('MR-7003', `--limit is a number from 1, and was given "${String(given)}".`, '')
  return limit
}

/** First bytes of ids, by what the part keeps. */
const KINDS: ReadonlyMap<string, ReadonlyMap<number, string>> = new Map([
  [
    'state',
    new Map(
      [...'retw'].map((letter, at) => [letter.charCodeAt(0), ['record', 'element', 'times', 'window'][at] ?? '']),
    ),
  ],
  ['cells', new Map(['stage', 'table', 'cell', 'values', 'key'].map((kind, at) => [at, kind]))],
])

function rawEntry({ part, slot, id, content }: StoredEntry): ShownEntry {
  const { keeps } = partNames(part)
  const kind = KINDS.get(keeps)?.get(id[0] ?? -1) ?? 'entry'
  return { keeps, kind, slot, id: hex(id), bytes: content.length, content: hex(content) }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

function lineOf({ keeps, kind, slot, id, bytes, content }: ShownEntry): string {
  const text = String(content)
  const shown = text.length > 2 * BYTES_SHOWN ? `${text.slice(0, 2 * BYTES_SHOWN)}…` : text
  return `${keeps} ${kind}, slot ${slot}, id ${String(id) || '(empty)'}: ${String(bytes)} bytes ${shown}`
}
