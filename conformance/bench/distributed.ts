/**
 * `npm run bench -- distributed`: our worker against Beam's Python and Java workers, on one Flink that is embedded in Beam's job server:
 * the same data, parallelism 1, one run, each worker in its program's own process.
 *
 * Every element crosses the data plane twice: into the grouping, and in a group out of it. A core's share is what the worker's process
 * has used of processors; Flink's is not in it.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { findFlink, findJava, startFlink } from '../../runners/distributed/node/flink.js'
import { javaPeer, type PeerProgram, pythonPeer } from './distributed-peers.js'

const SEEDS = 50
const EACH = 10_000
/** Longest time one program may take. */
const MILLIS_MAX = 150_000

/** How Flink runs a job. */
type Mode = 'batch' | 'streaming'

interface Latency {
  readonly kind: 'latency'
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly elements: number
}

interface Measured {
  readonly kind: 'word count' | 'windowed count'
  /** Seconds. */
  readonly wall: number
  readonly cpu: number
  readonly groups: number
  readonly total: number
}

function measure(
  [command = '', ...args]: readonly string[],
  endpoint: string,
  mode: Mode,
): Promise<readonly (Measured | Latency)[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args, endpoint, String(SEEDS), String(EACH), mode], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    let errors = ''
    child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (errors = (errors + bytes.toString()).slice(-2000)))
    const timer = setTimeout(() => child.kill('SIGKILL'), MILLIS_MAX)
    child.once('close', (code) => {
      clearTimeout(timer)
      const lines = out.split('\n').filter((line) => line.startsWith('{'))
      if (code === 0) resolve(lines.map((line) => JSON.parse(line) as Measured | Latency))
      else reject(new Error(`${command} ended with ${code ?? 'a signal'}: ${errors}`))
    })
  })
}

/** Prints the table. @returns whether ours is faster than Python's worker, by what it uses of processors. */
export async function distributedBench(): Promise<boolean> {
  const java = findJava()
  if (findFlink() === undefined || java === undefined) {
    console.log('skipped: Flink is not installed. npm run engines -- install flink')
    return false
  }
  const ours = fileURLToPath(new URL('./distributed-ours.js', import.meta.url))
  const programs = new Map<string, PeerProgram>([
    ['millrace', { command: [process.execPath, ours] }],
    ['Beam Python', pythonPeer()],
    ['Beam Java', javaPeer(java)],
  ])
  let isFine = true
  for (const mode of ['batch', 'streaming'] as const) isFine = (await compared(mode, programs)) && isFine
  return isFine
}

/** One mode, on a job server of its own. */
async function compared(mode: Mode, programs: ReadonlyMap<string, PeerProgram>): Promise<boolean> {
  const elements = SEEDS * EACH
  const found = new Map<string, readonly (Measured | Latency)[]>()
  const flink = await startFlink((text) => console.log(text))
  try {
    for (const [who, program] of programs) {
      if ('missing' in program) console.log(`${who} is left out: ${program.missing}`)
      else found.set(who, await measure(program.command, flink.address, mode).catch((error: Error) => (console.log(`${who} is left out: ${error.message}`), []))) // prettier-ignore
    }
  } finally {
    await flink.close()
  }
  console.log(`${elements.toLocaleString('en')} elements on Flink, ${mode}, parallelism 1 · Node ${process.version}`)
  console.log(`${'job'.padEnd(16)}${'worker'.padEnd(14)}${'wall s'.padStart(8)}${'worker CPU s'.padStart(14)}${'elements/s'.padStart(13)}${'per core'.padStart(13)}`) // prettier-ignore
  let isFine = true
  for (const kind of ['word count', 'windowed count'] as const) {
    const of = [...found].flatMap(([who, all]) => all.flatMap((each) => (each.kind === kind ? [{ who, ...each }] : []))) // prettier-ignore
    const [first] = of
    for (const { who, wall, cpu, groups, total } of of) {
      console.log(`${kind.padEnd(16)}${who.padEnd(14)}${wall.toFixed(2).padStart(8)}${cpu.toFixed(2).padStart(14)}${perSecond(elements / wall)}${perSecond(elements / cpu)}`) // prettier-ignore
      if (total !== elements || groups !== first?.groups) {
        console.log(
          `✘ ${who}: ${total} elements in ${groups} groups, where ${elements} in ${first?.groups ?? 0} are expected`,
        )
        isFine = false
      }
    }
    const cpuOf = (name: string): number | undefined => of.find(({ who }) => who === name)?.cpu
    const own = cpuOf('millrace')
    for (const other of ['Beam Python', 'Beam Java']) {
      const theirs = cpuOf(other)
      if (own === undefined || theirs === undefined) continue
      console.log(`${kind}: ${(theirs / own).toFixed(1)} × ${other} per core`)
      if (other === 'Beam Python' && theirs < own) isFine = false
    }
  }
  for (const [who, all] of found)
    for (const each of all)
      if (each.kind === 'latency') {
        const { p50, p99, elements: count } = each
        console.log(`latency of an element of a stream, ${who}: p50 ${p50} ms, p99 ${p99} ms (${count} elements)`)
      }
  return isFine && (found.get('millrace') ?? []).length > 0
}

function perSecond(rate: number): string {
  return Math.round(rate).toLocaleString('en').padStart(13)
}
