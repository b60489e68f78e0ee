/**
 * The kill lane: drivers are killed for real, and started again, until one comes to its end; then nothing may be lost, and nothing
 * repeated.
 */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { nodeEnv } from '../../../runners/direct/node.js'
import { openSqliteStore } from '../../../runners/micro-batch/store/sqlite-store.js'
import { thrownText } from '../draw.js'
import type { LaneProgram } from '../lane.js'
import { seededLane } from '../seeded-lane.js'
import { type Driver, startDriver } from './drive.js'
import { caseOf, failurePointOf, type Kill, type KillCase, type StreamFault } from './kill-case.js'
import { KillTable } from './kill-table.js'
import { makeInput, readOutput } from './places.js'
import { judgeAtEnd, judgeMeanwhile } from './reconcile.js'
import { workersOf } from './worker-points.js'

/** Cases of the full set: about ten starts each, of which most end in a kill. */
const SEEDS = 100
/** At a time: a driver waits for its disk now and then. */
const AT_ONCE = 2

/** Makes the lane's program. */
export function killLane(
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): LaneProgram {
  return async (args) => {
    const table = new KillTable()
    const { workers, rest } = workersAsked(args)
    const program = seededLane(
      { lane: 'kill', seeds: SEEDS, atOnce: AT_ONCE, faultOf: (seed) => faultOf(seed, table, workers) },
      print,
    )
    const { passed, failed } = await program(rest)
    for (const line of table.lines()) print(line)
    const missing = passed < SEEDS ? [] : table.missing()
    for (const what of missing) print(`✗ ${what}`)
    return { passed, failed: failed + missing.length }
  }
}

/** `--workers n`: drivers with so many workers. */
function workersAsked(args: readonly string[]): { readonly workers: number; readonly rest: readonly string[] } {
  const at = args.indexOf('--workers')
  if (at < 0) return { workers: 0, rest: args }
  const workers = Number(args[at + 1])
  if (!Number.isSafeInteger(workers) || workers < 0)
    throw new Error(`--workers needs a whole number, and got "${args[at + 1]}"`)
  return { workers, rest: [...args.slice(0, at), ...args.slice(at + 2)] }
}

/** What is wrong with the case of a seed, in words; `undefined` when nothing is. */
export async function faultOf(seed: number, table: KillTable, workers = 0): Promise<string | undefined> {
  const of = caseOf(seed, workers)
  const { source, pipeline, sink, records } = of
  for (let kills = of.kills; kills.length > 0;) {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
    try {
      // A run that came to its end before it was killed is begun anew, for the kills that are left.
      kills = await throughKills(of, kills, folder, table)
    } catch (error) {
      return `seed ${seed}, ${records.length} records, ${source} → ${pipeline} → ${sink}, from kill ${of.kills.length - kills.length + 1}: ${thrownText(error)}`
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return undefined
}

/** Something was lost, repeated or not said. */
class Fault extends Error {
  override readonly name = 'Fault'

  constructor(message: string) {
    super(message)
    // Where in this module it was found says nothing.
    delete this.stack
  }
}

/** Runs a case to its end. @returns the kills that are left. @throws {Fault} */
async function throughKills(
  of: KillCase,
  kills: readonly Kill[],
  folder: string,
  table: KillTable,
): Promise<readonly Kill[]> {
  await makeInput(folder, of)
  const path = join(folder, 'case.json')
  writeFileSync(path, JSON.stringify(of))
  let deep = 0
  let committed = 0
  for (const [place, kill] of [...kills, undefined].entries()) {
    // Before anything is committed, what is there is the input.
    if (kill !== undefined && 'stream' in kill && committed === 0) continue
    const mend = kill !== undefined && 'stream' in kill ? damageStream(folder, kill.stream) : undefined
    const isLink = kill !== undefined && 'link' in kill
    const each = isLink ? '3:process' : of.workersEach[place % of.workersEach.length]
    const driver = startDriver(path, kill, each === undefined ? {} : { WORKERS: each })
    if (isLink) await disturbLink(driver, kill, of, table)
    const { how, at, commits, done, stderr } = await driver.ended
    mend?.()
    committed += commits
    const where = `start ${place + 1}${each === undefined ? '' : `, workers ${each}`}, ${kill === undefined ? 'not killed' : `killed by ${JSON.stringify(kill)}`}`
    const isRefused = how === 'failed' && mend !== undefined && /\bin\/0\.jsonl/.test(stderr)
    if (isRefused) table.refused(of, 'incoming stream')
    else if (how === 'failed') throw new Fault(`${where}: the run failed: ${stderr}`)
    if (how === 'killed') {
      if (at === undefined) throw new Fault(`${where}: killed by somebody else. ${stderr}`)
      deep = commits === 0 && place > 0 ? deep + 1 : 0
      table.killed(at, deep, of, kill === undefined ? 'driver' : failurePointOf(kill, at))
    }
    const rows = await readOutput(folder, of)
    const verdict = how === 'done' ? judgeAtEnd(of, rows, done?.dropped ?? 0) : judgeMeanwhile(of, rows)
    table.judged(verdict)
    if (verdict.faults.length > 0) throw new Fault(`${where}: ${verdict.faults.slice(0, 5).join('; ')}`)
    const faults = await storeFaults(join(folder, 'checkpoint'))
    if (faults.length > 0) throw new Fault(`${where}: the store: ${faults.join('; ')}`)
    if (how !== 'done') continue
    if (done?.seen !== of.records.length)
      throw new Fault(`${where}: ${done?.seen} of ${of.records.length} records were counted`)
    return kills.slice(place + 1)
  }
  throw new Fault('the last start, which nobody kills, has not come to its end')
}

/** So long a link says nothing, in milliseconds. */
const SILENT_MILLIS = 700

/** The link to a worker process of a driver breaks, or is silent for a while. */
async function disturbLink(
  driver: Driver,
  { link, commits }: Extract<Kill, { readonly link: unknown }>,
  of: KillCase,
  table: KillTable,
): Promise<void> {
  await driver.committed(commits)
  // It may have come to its end before.
  const [worker] = driver.process.exitCode === null ? workersOf(driver.process.pid) : []
  if (worker === undefined) return
  process.kill(worker, link === 'broken' ? 'SIGKILL' : 'SIGSTOP')
  if (link === 'broken') return table.killed('link', 0, of, 'network')
  await pause(SILENT_MILLIS)
  table.silent(of)
  process.kill(worker, 'SIGCONT')
}

/** Lets a file of the input go, or be another one. @returns puts it back. */
function damageStream(folder: string, fault: StreamFault): () => void {
  const file = join(folder, 'in', '0.jsonl')
  const text = readFileSync(file, 'utf8')
  renameSync(file, `${file}.away`)
  if (fault === 'cut short') writeFileSync(file, text.slice(0, text.length / 2))
  if (fault === 'replaced') writeFileSync(file, '{"id":0}\n')
  return () => renameSync(`${file}.away`, file)
}

/** What `check()` of a checkpoint says. */
export async function storeFaults(place: string): Promise<readonly string[]> {
  const store = await openSqliteStore(place, nodeEnv())
  try {
    return (await store.check()).map(({ invariant, where, message }) => `${invariant} ${where}: ${message}`)
  } finally {
    await store.close()
  }
}
