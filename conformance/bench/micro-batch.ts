/**
 * `npm run bench -- micro-batch`: what batches cost and how soon they answer, against the direct runner in the same process.
 *
 * Throughput is compared by processor time, which a busy machine disturbs less than the clock on the wall, and there a batch lasts for
 * its interval of processor time: what it would have on a core of its own. Recovery and memory are measured in processes of their own
 * (`--child what` is that process).
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as t from 'io-ts'
import { platformEnv } from '#platform'
import { type Env, fixedWindows, pipeline, type Pipeline, run, type RunOptions } from 'millrace'
import { generateSequence } from 'millrace/io/generate'
import { timesOf } from './measure.js'
import { workersBench } from './workers.js'

/** Largest ratios of processor time against the direct runner. */
const LIMITS = { '500 ms': 1.1, '100 ms': 1.3 } as const
const RECOVERY_MILLIS_MAX = 3000
const MEMORY_RATIO_MAX = 1.1
/** Twice what is in use. */
const SMALL_HEAP_MIB = 32
/** As many as make V8 grow its young generation to its full size, which it does once, in the first second. */
const FEW_ELEMENTS = 12_000_000
const KEYS = 1000
const ELEMENTS = 40_000_000
const count = { empty: 0, concat: (a: number, b: number): number => a + b }

/** Events of 1,000 keys, a thousand a second of event time, counted in windows of ten seconds. */
function counting(elements: number): Pipeline {
  const p = pipeline()
  p.apply('events', generateSequence({ to: elements, start: 0, rate: { elements: 1000, per: '1 second' } }))
    .windowInto('in windows', fixedWindows('10 seconds'))
    .keyBy('by key', (n) => n % KEYS)
    .combinePerKey('count', { of: () => 1, monoid: count })
    .filter('none', ({ value }) => value < 0)
    .collect('none')
  return p
}

/** Does it all, or what has `only` in its name. @returns whether every limit holds. */
export async function microBatchBench(only = ''): Promise<boolean> {
  let isFine = true
  const check = (holds: boolean, what: string): void => {
    console.log(`${holds ? '✔' : '✘'} ${what}`)
    isFine &&= holds
  }
  const parts: Readonly<Record<string, () => Promise<void>>> = {
    throughput: () => throughput(check),
    latency: async () => {
      for (const interval of ['100 millis', '500 millis', '2 seconds'] as const) await latency(interval)
    },
    recovery: () => recovery(check),
    memory: () => memory(check),
    workers: () => workersBench(check),
  }
  const chosen = Object.keys(parts).filter((name) => name.includes(only))
  if (chosen.length === 0) throw new Error(`--only "${only}" names none of ${Object.keys(parts).join(', ')}`)
  for (const name of chosen) await parts[name]?.()
  return isFine
}

type Check = (holds: boolean, what: string) => void

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Looks at the processor's clock every so many milliseconds of the one on the wall: to ask it costs as much as twenty elements. */
const LOOK_MILLIS = 4

/** The world, with time passing as the processor works. */
function workingTime(): Env {
  const real = platformEnv()
  let looked = real.monotonic()
  let worked = 0
  const monotonic = (): number => {
    const now = real.monotonic()
    if (now - looked < LOOK_MILLIS) return worked
    looked = now
    const { user, system } = process.cpuUsage()
    return (worked = (user + system) / 1000)
  }
  return { ...real, monotonic }
}

async function cpuMillis(options: RunOptions): Promise<number> {
  const env = workingTime()
  const before = process.cpuUsage()
  await run(counting(ELEMENTS), { ...options, env })
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

async function throughput(check: Check): Promise<void> {
  const times = new Map<string, number[]>()
  const note = (name: string, millis: number): void => void times.set(name, [...(times.get(name) ?? []), millis])
  for (let round = -1; round < 3; round++) {
    const inBatches = (batchInterval: '500 millis' | '100 millis'): Promise<number> =>
      withFolder((checkpoint) => cpuMillis({ runner: 'micro-batch', checkpoint, batchInterval }))
    const direct = await cpuMillis({})
    const unkept = await cpuMillis({ runner: 'micro-batch' })
    const [slow, quick] = [await inBatches('500 millis'), await inBatches('100 millis')]
    if (round < 0) continue
    note('direct', direct)
    note('500 ms, no checkpoint', unkept)
    note('500 ms', slow)
    note('100 ms', quick)
  }
  const best = (name: string): number => timesOf(times.get(name) ?? []).fastest
  for (const [name, millis] of times)
    console.log(`  ${name.padEnd(24)} ${millis.map((each) => each.toFixed(0)).join(' ')} ms of processor time`)
  for (const [name, limit] of Object.entries(LIMITS)) {
    const ratio = best(name) / best('direct')
    check(ratio <= limit, `batches of ${name} with a checkpoint: ${ratio.toFixed(2)} × direct (limit ${limit} ×)`)
  }
  const cost = best('500 ms') / best('500 ms, no checkpoint') - 1
  check(cost <= 0.05, `a checkpoint at 500 ms costs ${(cost * 100).toFixed(1)} % (limit 5 %)`)
}

/** From the instant an element is due to the moment its sink has it. */
async function latency(batchInterval: '100 millis' | '500 millis' | '2 seconds'): Promise<void> {
  const millis: number[] = []
  const p = pipeline()
  p.apply('events', generateSequence({ to: 8000, rate: { elements: 1000, per: '1 second' } })).parDo('deliver', {
    output: t.null,
    delivery: {
      codec: t.number,
      repeats: 'visible',
      deliver(items: readonly number[]) {
        for (const due of items) millis.push(Date.now() - due)
      },
    },
    process: (_, { timestamp, deliver }) => deliver(timestamp),
  })
  await withFolder((checkpoint) => run(p, { runner: 'micro-batch', checkpoint, batchInterval }))
  const sorted = millis.sort((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(0)
  console.log(`  latency at ${batchInterval}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${sorted.length} elements)`)
}

const self = fileURLToPath(import.meta.url)

/** Starts a driver, in a process of its own; resolves with the milliseconds until it has committed a batch that is new. */
function driver(folder: string, elements: number, killAfter: number | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    let millis: number | undefined
    const child = spawn(process.execPath, [self, '--child', 'driver', folder, String(elements)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child.stdout.on('data', () => {
      millis ??= performance.now() - began
      if (killAfter === undefined) child.kill('SIGKILL')
    })
    if (killAfter !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfter)
    child.on('error', reject)
    child.on('close', () => resolve(millis ?? Number.NaN))
  })
}

/** After `kill -9` of the driver, until the next one has committed: for a stream that is short, and one ten times as long. */
async function recovery(check: Check): Promise<void> {
  for (const lasted of [2000, 20_000]) {
    const times = await withFolder(async (folder) => {
      const all: number[] = []
      await driver(folder, 1e9, lasted)
      for (let kills = 0; kills < 5; kills++) all.push(await driver(folder, 1e9, undefined))
      return all.sort((a, b) => a - b)
    })
    const slowest = times.at(-1) ?? Number.NaN
    check(
      slowest <= RECOVERY_MILLIS_MAX,
      `recovery of a driver after ${lasted / 1000} s of stream: ${times.map((each) => each.toFixed(0)).join(' ')} ms to the next commit (limit ${RECOVERY_MILLIS_MAX} ms)`,
    )
  }
}

/** @param flags of its V8. @returns the largest resident set of a process that counts so many elements, in MiB. */
function peakOf(elements: number, flags: readonly string[]): Promise<number> {
  return withFolder(
    (folder) =>
      new Promise<number>((resolve, reject) => {
        let text = ''
        const child = spawn(process.execPath, [...flags, self, '--child', 'memory', folder, String(elements)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
        child.on('error', reject)
        child.on('close', () => resolve(Number(text)))
      }),
  )
}

/**
 * Compared in a small heap: what is in use is the same throughout, and how much garbage V8 leaves lying about in a large one differs
 * from run to run by more than is looked for. What a process without that limit takes is printed beside it.
 */
async function memory(check: Check): Promise<void> {
  const limit = [`--max-old-space-size=${SMALL_HEAP_MIB}`]
  const peaks: [few: number[], many: number[]] = [[], []]
  for (let round = 0; round < 3; round++) {
    peaks[0].push(await peakOf(FEW_ELEMENTS, limit))
    peaks[1].push(await peakOf(10 * FEW_ELEMENTS, limit))
  }
  const [few, many] = [timesOf(peaks[0]).median, timesOf(peaks[1]).median]
  const ratio = many / few
  check(
    ratio <= MEMORY_RATIO_MAX,
    `peak memory for ten times the elements, old space of ${SMALL_HEAP_MIB} MiB: ${many} MiB against ${few} MiB, ${ratio.toFixed(2)} × (limit ${MEMORY_RATIO_MAX} ×)`,
  )
  const free = [await peakOf(FEW_ELEMENTS, []), await peakOf(10 * FEW_ELEMENTS, [])]
  console.log(`  without that limit ${free[1] ?? 0} MiB against ${free[0] ?? 0} MiB`)
}

/** What a child process does. */
async function child(what: string, folder: string, elements: number): Promise<void> {
  const real = platformEnv()
  const env: Env = {
    ...real,
    crashpoint: (name) => void (what === 'driver' && name === 'batch.committed' && process.stdout.write('.')),
  }
  await run(counting(elements), { runner: 'micro-batch', checkpoint: folder, batchInterval: '100 millis', env })
  if (what === 'memory') process.stdout.write(String(Math.round(process.resourceUsage().maxRSS / 1024)))
}

if (process.argv[2] === '--child') await child(process.argv[3] ?? '', process.argv[4] ?? '', Number(process.argv[5]))
