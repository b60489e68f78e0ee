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
import { caseOf, type KillCase } from './kill-case.js'
import { KillTable } from './kill-table.js'
import { makeInput, readOutput } from './places.js'
import { judgeAtEnd, judgeMeanwhile } from './reconcile.js'

/** Cases of the full set: about nine starts each, of which most end in a kill. */
const SEEDS = 100

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
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
  try {
    const fault = await throughKills(of, folder, table).catch(thrownText)
    const { source, pipeline, sink, records } = of
    return fault === undefined
      ? undefined
      : `seed ${seed}, ${records.length} records, ${source} → ${pipeline} → ${sink}: ${fault}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function throughKills(of: KillCase, folder: string, table: KillTable): Promise<string | undefined> {
  await makeInput(folder, of)
  const path = join(folder, 'case.json')
  writeFileSync(path, JSON.stringify(of))
  let deep = 0
  for (const [place, kill] of [...of.kills, undefined].entries()) {
    const { how, at, commits, done, stderr } = await startDriver(path, kill).ended
    const where = `start ${place + 1}, ${kill === undefined ? 'not killed' : `killed by ${JSON.stringify(kill)}`}`
    if (how === 'failed') return `${where}: the run failed: ${stderr}`
    if (how === 'killed') {
      if (at === undefined) return `${where}: killed by somebody else. ${stderr}`
      deep = commits === 0 && place > 0 ? deep + 1 : 0
      table.killed(at, deep)
    }
    const rows = await readOutput(folder, of)
    const verdict = how === 'done' ? judgeAtEnd(of, rows, done?.dropped ?? 0) : judgeMeanwhile(of, rows)
    table.judged(verdict)
    if (verdict.faults.length > 0) return `${where}: ${verdict.faults.slice(0, 5).join('; ')}`
    const faults = await storeFaults(join(folder, 'checkpoint'))
    if (faults.length > 0) return `${where}: the store: ${faults.join('; ')}`
    if (how !== 'done') continue
    if (done?.seen !== of.records.length) return `${where}: ${done?.seen} of ${of.records.length} records were counted`
    return undefined
  }
  return 'the last start, which nobody kills, has not come to its end'
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
