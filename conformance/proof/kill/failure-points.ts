/**
 * The failure points of a stream processor, one by one, on the micro-batch runner: the incoming stream, the processing, the sink and
 * the system beneath it, the checkpoint's system, and the driver that others take for dead. (Drivers that are dead, and links to workers
 * that break, are the kill lane's.)
 *
 * Law: a run that meets one of these fails and says why, or waits; when the cause is gone it is started again and goes on, and in
 * the end nothing is lost and nothing repeated.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { drawOf, thrownText } from '../draw.js'
import type { LaneProgram, Tally } from '../lane.js'
import { startDriver } from './drive.js'
import { type Bench, expectEnd, type Point, type SmallDisk } from './failure-point.js'
import { caseOf, type KillCase } from './kill-case.js'
import { storeFaults } from './kill-cycles.js'
import { makeInput, readOutput } from './places.js'
import { judgeAtEnd } from './reconcile.js'
import { TakeOverTable } from './take-over-table.js'
import { standsStill, takeOvers, takeOversWithWorkers, timed, TOO_BUSY } from './take-overs.js'
import { workerPoints } from './worker-points.js'

const points: readonly Point[] = [
  {
    name: 'incoming stream: a file that has vanished',
    of: { source: 'lines', parts: 1 },
    async happens({ drive, folder }) {
      const killed = await drive({ CRASH_AT: 'batch.committed:4' })
      const file = join(folder, 'in/0.jsonl')
      renameSync(file, `${file}.away`)
      const failed = await drive()
      renameSync(`${file}.away`, file)
      return expectEnd(killed, 'killed') ?? expectEnd(failed, 'failed', /0\.jsonl/)
    },
  },
  ...(['cut short', 'replaced'] as const).map((what): Point => ({
    name: `incoming stream: a file that was ${what} while the run was down`,
    of: { source: 'lines', parts: 1 },
    async happens({ drive, folder }) {
      const killed = await drive({ CRASH_AT: 'batch.committed:4' })
      const file = join(folder, 'in/0.jsonl')
      const text = readFileSync(file, 'utf8')
      renameSync(file, `${file}.away`)
      writeFileSync(file, what === 'replaced' ? '{"id":0}\n' : text.slice(0, text.length / 2))
      const failed = await drive()
      renameSync(`${file}.away`, file)
      return expectEnd(killed, 'killed') ?? expectEnd(failed, 'failed', /0\.jsonl/)
    },
  })),
  {
    name: 'incoming stream: a table that somebody keeps locked',
    of: { source: 'table' },
    async happens({ drive, folder }) {
      const killed = await drive({ CRASH_AT: 'batch.committed:4' })
      const failed = await whileLocked(join(folder, 'in.db'), () => drive())
      return expectEnd(killed, 'killed') ?? expectEnd(failed, 'failed', /locked|busy/i)
    },
  },
  {
    name: 'processing: user code that throws',
    async happens({ drive }) {
      return expectEnd(await drive({ FAIL_AT: '40:throw' }), 'failed', /user code fails here/)
    },
  },
  {
    name: 'processing: user code that ends the process',
    async happens({ drive }) {
      return expectEnd(await drive({ FAIL_AT: '50:exit' }), 'failed')
    },
  },
  {
    name: 'sink connection: a database that somebody keeps locked',
    of: { sink: 'append' },
    async happens({ drive, folder }) {
      const killed = await drive({ CRASH_AT: 'batch.committed:4' })
      const failed = await whileLocked(join(folder, 'out/out.db'), () => drive())
      return expectEnd(killed, 'killed') ?? expectEnd(failed, 'failed', /locked|busy/i)
    },
  },
  {
    name: 'sink connection: a database that is locked for a while',
    of: { sink: 'append' },
    async happens({ start, folder }) {
      const driver = start()
      await driver.committed(3)
      const lock = locked(join(folder, 'out/out.db'))
      await pause(2_000)
      lock.close()
      return expectEnd(await driver.ended, 'done')
    },
  },
  ...(['append', 'manifest', 'log'] as const).map((sink): Point => ({
    name: `sink system: no room on the disk of the sink (${sink})`,
    of: { sink },
    disk: 'out',
    happens: noRoom,
  })),
  { name: 'manager: no room on the disk of the checkpoint', disk: 'checkpoint', happens: noRoom },
  {
    name: 'manager: a checkpoint that can only be read',
    disk: 'checkpoint',
    async happens({ drive, disk }) {
      const killed = await drive({ CRASH_AT: 'batch.committed:4' })
      disk.remount('ro')
      const failed = await drive()
      disk.remount('rw')
      return expectEnd(killed, 'killed') ?? expectEnd(failed, 'failed', /read-?only|EROFS|cannot be written/i)
    },
  },
  {
    name: 'driver: a second one is refused by name, and takes over when the lease has run out',
    of: { sink: 'append' },
    happens: (bench) => standsStill(bench, 'batch.commit', async () => pause(11_000)),
  },
  ...takeOvers,
  ...takeOversWithWorkers,
  ...timed,
  ...workerPoints,
]

function locked(path: string): { close(): void } {
  const database = new Database(path)
  database.exec('BEGIN EXCLUSIVE')
  return database
}

async function whileLocked<T>(path: string, body: () => Promise<T>): Promise<T> {
  const lock = locked(path)
  try {
    return await body()
  } finally {
    lock.close()
  }
}

/** No byte fits on a disk any more, until somebody makes room. */
async function noRoom({ start, disk }: Bench): Promise<string | undefined> {
  const driver = start()
  await driver.committed(3)
  disk.fill()
  const failed = await driver.ended
  disk.empty()
  return expectEnd(failed, 'failed', /no room|full|ENOSPC|no space/i)
}

function smallDisk(place: string): SmallDisk {
  const filler = join(place, 'filler')
  return {
    fill() {
      for (const size of [1 << 16, 1 << 12, 1]) {
        for (;;) {
          try {
            appendFileSync(filler, Buffer.alloc(size))
          } catch {
            break
          }
        }
      }
    },
    empty: () => rmSync(filler, { force: true }),
    remount: (how) => void execFileSync('mount', ['-o', `remount,${how}`, place]),
  }
}

/** Makes a disk of some megabytes at a place: a write-ahead log of the checkpoint has 8 before it is carried over. @returns takes it away. */
function mountSmall(place: string): () => void {
  mkdirSync(place, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'millrace-proof', place])
  return () => void execFileSync('umount', ['-l', place])
}

/** Starts the run a last time, when everything is as it was: it goes on to its end, and the result is whole. */
async function faultOf(point: Point, seed: number, took: Bench['took']): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-points-'))
  const unmount = point.disk === undefined ? undefined : mountSmall(join(folder, point.disk))
  try {
    const drawn = caseOf(seed)
    const records = point.isTimeless === true ? drawn.records.slice(0, FEW) : drawn.records
    const of: KillCase = { ...drawn, records, ...USUAL, ...point.of }
    await makeInput(folder, of)
    const path = join(folder, 'case.json')
    writeFileSync(path, JSON.stringify(of))
    const start = (fate?: Readonly<Record<string, string>>): ReturnType<typeof startDriver> =>
      startDriver(path, undefined, fate)
    const bench: Bench = {
      of,
      folder,
      start,
      took,
      drive: (fate) => start(fate).ended,
      disk: smallDisk(join(folder, point.disk ?? 'checkpoint')),
    }
    const fault = await point.happens(bench)
    if (fault !== undefined) return fault
    const last = point.isOver === true ? undefined : await bench.drive()
    const lastFault = last === undefined ? undefined : expectEnd(last, 'done')
    if (lastFault !== undefined) return `when all was right again: ${lastFault}`
    const { faults } = judgeAtEnd(of, await readOutput(folder, of), last?.done?.dropped ?? 0)
    return [...faults, ...(await storeFaults(join(folder, 'checkpoint')))][0]
  } finally {
    unmount?.()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Counting by key shows what was lost of the state, and what of it counted twice. */
const USUAL: Partial<KillCase> = {
  source: 'log',
  sink: 'append',
  pipeline: 'counters',
  batchSize: 5,
  batchMillis: 1,
  outOfOrderMillis: 0,
}

/** Records of points of which there are hundreds: enough for every one to be passed several times. */
const FEW = 60
/** So many of those that measure nothing at a time: a driver waits for its disk, and for locks, most of the time. */
const AT_ONCE = 4
/** Of a point of which a machine that is too busy lets nothing be said. */
const TRIES = 3

/**
 * Makes the lane's program. `--only` chooses points by a part of their names, `--from` the seed of their input; with `--minutes` as many
 * are tried as there is time for, in an order that the seed decides.
 */
export function pointsLane(
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): LaneProgram {
  return async (args): Promise<Tally> => {
    const options = { only: { type: 'string' }, from: { type: 'string' }, minutes: { type: 'string' } } as const
    const { values } = parseArgs({ args: [...args], options })
    const seed = Number(values.from ?? 1)
    const minutes = values.minutes === undefined ? Infinity : Number(values.minutes)
    if (!(minutes > 0)) throw new Error(`--minutes needs a number above 0, and got "${values.minutes}"`)
    const named = points.filter(({ name }) => name.includes(values.only ?? ''))
    const chosen = minutes === Infinity ? named : shuffled(named, seed)
    const table = new TakeOverTable()
    const began = performance.now()
    let passed = 0
    let failed = 0
    const attempt = async (point: Point): Promise<void> => {
      if (performance.now() - began > minutes * 60_000) return
      if (point.disk !== undefined && process.getuid?.() !== 0) {
        print(`- ${point.name}: left out, as only root can make a disk`)
        return
      }
      let fault: string | undefined = TOO_BUSY
      for (let tries = 0; fault === TOO_BUSY && tries < TRIES; tries++)
        fault = await faultOf(point, seed, (kind, millis) => table.took(kind, millis)).catch(thrownText)
      print(`${fault === undefined ? '✓' : '✗'} ${point.name}${fault === undefined ? '' : `: ${fault}`}`)
      if (point.cell !== undefined) table.count(point.cell, fault === undefined)
      if (fault === undefined) passed++
      else {
        failed++
        print(`  repeat: npm run proof -- points --from ${seed} --only '${point.name}'`)
      }
    }
    const together = chosen.filter(({ isTimeless }) => isTimeless === true)
    const work = async (): Promise<void> => {
      for (let point = together.shift(); point !== undefined; point = together.shift()) await attempt(point)
    }
    for (const point of chosen.filter(({ isTimeless }) => isTimeless !== true)) {
      // A sample has some of both kinds.
      if (minutes < Infinity && performance.now() - began > minutes * 30_000) break
      await attempt(point)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    for (const line of table.lines()) print(line)
    const seconds = Math.round((performance.now() - began) / 1000)
    print(`tried ${passed + failed} of ${named.length} points in ${seconds} s`)
    return { passed, failed }
  }
}

function shuffled<T>(all: readonly T[], seed: number): readonly T[] {
  const draw = drawOf(seed)
  const left = [...all]
  return all.map(() => left.splice(draw.int(0, left.length - 1), 1)[0] as T)
}
