/**
 * The lane `load`: how much a worker bears. A bundle of a gigabyte passes through it, one that grows sixteenfold waits for an engine that
 * takes nothing for ten seconds, both in bounded memory; and a key with a hundred thousand entries of state, which engines keep as bags of bytes,
 * is read and written ten thousand times within a minute, in bundles of a thousand elements.
 */
import { parseArgs } from 'node:util'
import * as t from 'io-ts'
import { type EngineName, type KV, kv, type PCollection, pipeline, run, state } from 'millrace'
import { requireInstalled } from '../engines/installed.js'
import { type LargeBundle, passLargeBundle } from '../worker/large-bundle.js'
import type { LaneProgram } from './lane.js'

const MIB = 1024 * 1024
/** More than this waits nowhere: what gRPC, worker and engine, which is in the process, hold at once. */
const GROWTH_MAX = 380 * MIB

const BUNDLES: readonly (readonly [string, LargeBundle])[] = [
  // First: what another has left behind in memory would hide what this one takes.
  ['a bundle whose output of 1 GiB nobody takes for 10 s', { chunks: 512, copies: 16, stallMillis: 10_000 }],
  ['a bundle of 1 GiB', { chunks: 8192, copies: 1, stallMillis: 0 }],
]

const ENTRIES = 100_000
const TOUCHED = 10_000
const STATE_MILLIS_MAX = 60_000

const nameOf = (n: number): string => `entry ${n}`
/** The entry that an element touches: half as many as there are touches, drawn without order, each of them twice. */
const drawn = (n: number): number => ((n % (TOUCHED / 2)) * 7919 + 13) % ENTRIES
/** What an entry is filled with; its first touch makes less than nothing of it, which the second finds. */
const filling = (n: number): number => n + 1

/** Elements below {@link ENTRIES} make an entry; the others each read one, change it, and say what was there last. */
const elements = Array.from({ length: ENTRIES + TOUCHED }, (_, n) => kv('key', n))

/** The kinds of state that engines do not have; each says what it has read of the entry `drawn`. */
const KINDS: readonly (readonly [string, (pairs: PCollection<KV<string, number>>) => PCollection<number>])[] = [
  [
    'map',
    (pairs) =>
      pairs.parDo('touch', {
        output: t.number,
        state: { cell: state.map(t.string, t.number) },
        process: ({ value: n }, { state: { cell }, emit }) => {
          if (n < ENTRIES) return cell.put(nameOf(n), filling(n))
          const entry = nameOf(drawn(n))
          const found = cell.get(entry) ?? NaN
          cell.put(entry, -found)
          emit(found)
        },
      }),
  ],
  [
    'set',
    (pairs) =>
      pairs.parDo('touch', {
        output: t.number,
        state: { cell: state.set(t.string) },
        process: ({ value: n }, { state: { cell }, emit }) => {
          if (n < ENTRIES) return void cell.add(nameOf(n))
          const entry = nameOf(drawn(n))
          emit(cell.has(entry) ? filling(drawn(n)) : -filling(drawn(n)))
          cell.remove(entry)
        },
      }),
  ],
  [
    'multimap',
    (pairs) =>
      pairs.parDo('touch', {
        output: t.number,
        state: { cell: state.multimap(t.string, t.number) },
        process: ({ value: n }, { state: { cell }, emit }) => {
          if (n < ENTRIES) return cell.put(nameOf(n), filling(n))
          const entry = nameOf(drawn(n))
          emit([...cell.get(entry)].at(-1) ?? NaN)
          cell.put(entry, -filling(drawn(n)))
        },
      }),
  ],
  [
    'orderedList',
    (pairs) =>
      pairs.parDo('touch', {
        output: t.number,
        state: { cell: state.orderedList(t.number) },
        process: ({ value: n }, { state: { cell }, emit }) => {
          if (n < ENTRIES) return cell.add(n, filling(n))
          const at = drawn(n)
          emit([...cell.range(at, at + 1)].at(-1)?.value ?? NaN)
          cell.add(at, -filling(at))
        },
      }),
  ],
]

/** Makes the lane's program: `--engine flink|prism` is whose state it is, `--only` a part of what is tried. */
export function loadLane(
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): LaneProgram {
  return async (args) => {
    const { values } = parseArgs({ args: [...args], options: { engine: { type: 'string' }, only: { type: 'string' } } })
    const engine = engineOf(values.engine ?? 'flink')
    const tally = { passed: 0, failed: 0 }
    const tried = async (name: string, attempt: () => Promise<string | undefined>): Promise<void> => {
      if (values.only !== undefined && !name.includes(values.only)) return
      const began = performance.now()
      const fault = await attempt().catch((error: Error) => error.message)
      tally[fault === undefined ? 'passed' : 'failed']++
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      print(`${fault === undefined ? '✓' : '✗'} ${name}: ${seconds} s${fault === undefined ? '' : `, ${fault}`}`)
    }
    for (const [name, bundle] of BUNDLES) await tried(name, () => bundleFault(bundle, print))
    for (const [kind, touched] of KINDS)
      await tried(`${kind} of ${ENTRIES} entries on ${engine}`, () => stateFault(touched, engine))
    return tally
  }
}

async function bundleFault(bundle: LargeBundle, print: (line: string) => void): Promise<string | undefined> {
  const { bytesIn, bytesOut, growth, millis } = await passLargeBundle(bundle)
  print(
    `  ${Math.round(bytesIn / MIB)} MiB in, ${Math.round(bytesOut / MIB)} MiB out, ${Math.round(bytesIn / MIB / (millis / 1000))} MiB/s; the process grew by ${Math.round(growth / MIB)} MiB`,
  )
  if (bytesOut !== bytesIn * bundle.copies) return `${bytesOut} bytes came out of ${bytesIn} × ${bundle.copies}`
  return growth > GROWTH_MAX ? `more than ${GROWTH_MAX / MIB} MiB waited in memory` : undefined
}

async function stateFault(touchedOf: (typeof KINDS)[number][1], engine: EngineName): Promise<string | undefined> {
  const p = pipeline()
  touchedOf(p.create('elements', elements)).collect('found')
  const began = performance.now()
  // A batch would be one bundle; in a stream the state is written and read again for each.
  const options = engine === 'flink' ? { engineOptions: { streaming: true, max_bundle_size: 1000 } } : {}
  const result = await run(p, { runner: engine, ...options })
  const millis = performance.now() - began
  const found = [...result.collect<number>('found')].sort((a, b) => a - b)
  const touched = Array.from({ length: TOUCHED / 2 }, (_, n) => filling(drawn(ENTRIES + n)))
  const expected = touched.flatMap((value) => [value, -value]).sort((a, b) => a - b)
  if (found.length !== expected.length || found.some((each, at) => each !== expected[at]))
    return `${found.length} of ${expected.length} entries were found, or others`
  return millis > STATE_MILLIS_MAX ? 'longer than a minute' : undefined
}

function engineOf(name: string): EngineName {
  if (name !== 'flink' && name !== 'prism') throw new Error(`--engine is flink or prism, and not "${name}"`)
  requireInstalled(name)
  return name
}
