/**
 * The lane `kill-flink`: TaskManagers, workers, the pool of workers, the client and the job server of a stream with checkpoints on a cluster
 * of Flink are killed (-9), one after the other, while it runs.
 *
 * Law: after every kill the stream goes on; no number is lost, and the state of each key has seen every number exactly once. The only thing
 * that may come again is what was sent elsewhere, here lines of a file, and each says the same again.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { freePort, listens } from '../../../runners/distributed/node/engine-process.js'
import { findFlink, findJava, flinkArguments, flinkMissing } from '../../../runners/distributed/node/flink.js'
import {
  type ClusterProcess,
  type FlinkCluster,
  startFlinkCluster,
} from '../../../runners/distributed/node/flink-cluster.js'
import type { LaneProgram, Tally } from '../lane.js'
import { wholeNumber } from '../whole-number.js'
import { KEYS } from './pipeline.js'

/** What is killed. */
type Victim = 'TaskManager' | 'worker' | 'pool' | 'client' | 'job server'

/** The kills of one job: a client and a job server die once in it. */
const KILLS: readonly Victim[] = [
  'worker', 'TaskManager', 'pool', 'worker', 'client', 'TaskManager', 'worker', 'job server', 'pool', 'worker', 'TaskManager', 'worker',
] // prettier-ignore

/** Numbers that the stream reads in a second. */
const PER_SECOND = 20
/** So long a stream may take to begin, and to go on after a kill. */
const PROGRESS_MILLIS = 180_000

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** The program of the lane: `[--kills n]`, 40 unless said otherwise. */
export function killFlinkLane(): LaneProgram {
  return async (args) => {
    const { values } = parseArgs({ args: [...args], options: { kills: { type: 'string' } } })
    const wanted = wholeNumber('--kills', values.kills ?? '40', 1)
    const [jars, java] = [findFlink(), findJava()]
    if (jars === undefined || java === undefined) {
      say(flinkMissing() ?? '')
      return { passed: 0, failed: 1 }
    }
    const tally = { passed: 0, failed: 0 }
    for (let round = 1; tally.passed + tally.failed < wanted; round++) {
      const kills = KILLS.slice(0, wanted - tally.passed - tally.failed)
      const stage = new Stage(java, jars)
      try {
        const { passed, failed } = await stage.play(kills)
        tally.passed += passed
        tally.failed += failed
      } catch (error) {
        say(`job ${round}: ${(error as Error).message}`)
        return { passed: tally.passed, failed: tally.failed + 1 }
      } finally {
        await stage.end()
      }
    }
    return tally
  }
}

/** One job, with all that takes part in it. */
class Stage {
  readonly #java: string
  readonly #jars: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-kill-flink-'))
  readonly #children = new Map<Victim, ChildProcess>()
  readonly #lines: string
  #cluster: FlinkCluster | undefined
  #taskManagers: ClusterProcess[] = []
  #poolPort = 0

  constructor(java: string, jars: string) {
    this.#java = java
    this.#jars = jars
    this.#lines = join(this.#folder, 'numbers.txt')
  }

  async play(kills: readonly Victim[]): Promise<Tally> {
    const cluster = await startFlinkCluster({
      java: this.#java,
      jars: this.#jars,
      folder: join(this.#folder, 'cluster'),
      stays: false,
    })
    this.#cluster = cluster
    this.#taskManagers = [...cluster.taskManagers]
    this.#poolPort = await freePort()
    const jobPort = await this.#startJobServer(cluster.address)
    await this.#startPool()
    this.#startClient(`localhost:${jobPort}`)
    await this.#progress(0)
    let [passed, failed] = [0, 0]
    for (const [at, victim] of kills.entries()) {
      // At another moment between two checkpoints each time.
      await pause(1500 + ((at * 379) % 1000))
      const began = performance.now()
      const highest = this.#highest()
      const gone = this.#kill(victim)
      await this.#replace(victim)
      const went = await this.#progress(highest + 2 * PER_SECOND).then(
        () => true,
        () => false,
      )
      const faults = this.#faults()
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      const fault = !gone ? 'it was not there' : !went ? 'the stream does not go on' : faults
      say(`${victim} killed at number ${highest}: ${fault ?? `${2 * PER_SECOND} numbers further after ${seconds} s`}`)
      if (fault === undefined) passed++
      else failed++
      if (!went) break
    }
    return { passed, failed }
  }

  // ---- what takes part -------------------------------------------------------------------------------------------

  async #startJobServer(master: string): Promise<number> {
    const port = await freePort()
    const folder = join(this.#folder, 'job-server')
    mkdirSync(folder, { recursive: true })
    this.#start('job server', this.#java, flinkArguments(this.#jars, port, folder, master))
    for (const until = Date.now() + PROGRESS_MILLIS; !(await listens(port)); await pause(100))
      if (Date.now() > until) throw new Error('the job server does not listen')
    return port
  }

  async #startPool(): Promise<void> {
    const main = fileURLToPath(new URL('../../../runners/cli/main.js', import.meta.url))
    this.#start('pool', process.execPath, [main, 'worker-pool', '--port', String(this.#poolPort)])
    while (!(await listens(this.#poolPort))) await pause(50)
  }

  #startClient(jobEndpoint: string): void {
    const told = {
      jobEndpoint,
      pool: `localhost:${this.#poolPort}`,
      file: this.#lines,
      checkpoint: join(this.#folder, 'checkpoints'),
      perSecond: PER_SECOND,
    }
    const main = fileURLToPath(new URL('./client.js', import.meta.url))
    this.#start('client', process.execPath, [main, JSON.stringify(told)])
  }

  #start(victim: Victim, command: string, args: readonly string[]): void {
    const log = openSync(this.#log(victim), 'a')
    this.#children.set(victim, spawn(command, args, { stdio: ['ignore', log, log] }))
  }

  #log(victim: Victim): string {
    return join(this.#folder, `${victim.replace(' ', '-')}.log`)
  }

  // ---- kills -----------------------------------------------------------------------------------------------------

  /** Kills one. @returns whether there was one. */
  #kill(victim: Victim): boolean {
    if (victim === 'TaskManager') {
      const [first] = this.#taskManagers.splice(0, 1)
      first?.kill()
      return first !== undefined
    }
    if (victim !== 'worker') return this.#children.get(victim)?.kill('SIGKILL') ?? false
    const [pid] = this.#workers()
    if (pid === undefined) return false
    process.kill(pid, 'SIGKILL')
    return true
  }

  async #replace(victim: Victim): Promise<void> {
    if (victim === 'TaskManager' && this.#cluster !== undefined) this.#taskManagers.push(this.#cluster.addTaskManager())
    if (victim === 'pool') await this.#startPool()
  }

  /** Processes of workers that live: pools have told them. */
  #workers(): readonly number[] {
    const pids = [...readFileSync(this.#log('pool'), 'utf8').matchAll(/^started worker .* \(process (\d+)\)$/gm)]
    return pids
      .map(([, pid]) => Number(pid))
      .filter((pid) => {
        try {
          process.kill(pid, 0)
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('worker-main')
        } catch {
          return false
        }
      })
  }

  // ---- what came of it -------------------------------------------------------------------------------------------

  #numbers(): readonly (readonly [number: number, count: number, isAgain: boolean])[] {
    if (!existsSync(this.#lines)) return []
    return readFileSync(this.#lines, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [number, count, again] = line.split(' ')
        return [Number(number), Number(count), again !== undefined] as const
      })
  }

  #highest(): number {
    return this.#numbers().reduce((highest, [number]) => Math.max(highest, number), -1)
  }

  /** Waits until every number up to this one is there. */
  async #progress(target: number): Promise<void> {
    for (const until = Date.now() + PROGRESS_MILLIS; Date.now() < until; await pause(100)) {
      const seen = new Set(this.#numbers().map(([number]) => number))
      let reached = 0
      while (seen.has(reached)) reached++
      if (reached > target) return
    }
    const logs = [...this.#children.keys()].map(
      (name) => `${name}: ${readFileSync(this.#log(name), 'utf8').slice(-1500)}`,
    )
    throw new Error(`the stream does not come to number ${target}\n${logs.join('\n')}`)
  }

  /** What is wrong with the state of keys. */
  #faults(): string | undefined {
    for (const [number, count, isAgain] of this.#numbers()) {
      if (isAgain) return `the state of a key has seen number ${number} twice`
      const should = Math.floor(number / KEYS) + 1
      if (count !== should) return `number ${number} is the ${count}th of its key, and should be the ${should}th`
    }
    return undefined
  }

  async end(): Promise<void> {
    for (const pid of this.#workersIfAny()) process.kill(pid, 'SIGKILL')
    for (const child of this.#children.values()) child.kill('SIGKILL')
    await this.#cluster?.close()
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }

  #workersIfAny(): readonly number[] {
    return existsSync(this.#log('pool')) ? this.#workers() : []
  }
}
