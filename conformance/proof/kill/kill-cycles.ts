/**
 * The kill lane: drivers are killed for real, and started again, until one comes to its end; then nothing may be lost, and nothing
 * repeated.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeEnv } from '../../../runners/direct/node.js'
import { openSqliteStore } from '../../../runners/micro-batch/store/sqlite-store.js'
import { thrownText } from '../draw.js'
import type { LaneProgram } from '../lane.js'
import { seededLane } from '../seeded-lane.js'
import { startDriver } from './drive.js'
import { caseOf, type Kill, type KillCase } from './kill-case.js'
import { KillTable } from './kill-table.js'
import { makeInput, readOutput } from './places.js'
import { judgeAtEnd, judgeMeanwhile } from './reconcile.js'

/** Cases of the full set: about ten starts each, of which most end in a kill. */
const SEEDS = 70

/** Makes the lane's program. */
export function killLane(
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): LaneProgram {
  return async (args) => {
    const table = new KillTable()
    const program = seededLane({ lane: 'kill', seeds: SEEDS, faultOf: (seed) => faultOf(seed, table) }, print)
    const tally = await program(args)
    for (const line of table.lines()) print(line)
    return tally
  }
}

/** What is wrong with the case of a seed, in words; `undefined` when nothing is. */
export async function faultOf(seed: number, table: KillTable): Promise<string | undefined> {
  const of = caseOf(seed)
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
  for (const [place, kill] of [...kills, undefined].entries()) {
    const { how, at, commits, done, stderr } = await startDriver(path, kill).ended
    const where = `start ${place + 1}, ${kill === undefined ? 'not killed' : `killed by ${JSON.stringify(kill)}`}`
    if (how === 'failed') throw new Fault(`${where}: the run failed: ${stderr}`)
    if (how === 'killed') {
      if (at === undefined) throw new Fault(`${where}: killed by somebody else. ${stderr}`)
      deep = commits === 0 && place > 0 ? deep + 1 : 0
      table.killed(at, deep)
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

/** What `check()` of a checkpoint says. */
export async function storeFaults(place: string): Promise<readonly string[]> {
  const store = await openSqliteStore(place, nodeEnv())
  try {
    return (await store.check()).map(({ invariant, where, message }) => `${invariant} ${where}: ${message}`)
  } finally {
    await store.close()
  }
}
