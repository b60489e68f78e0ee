/**
 * The engines that tests are held against: fetched into a cache beside the repository, started on free ports, ended by their
 * process ids.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, freePort, listens } from '../../runners/distributed/node/engine-process.js'
import {
  FLINK_POM,
  findFlink,
  findJava,
  flinkArguments,
  flinkMaven,
  flinkMissing,
  flinkPlace,
} from '../../runners/distributed/node/flink.js'
import {
  type ClusterRecord,
  clusterRecord,
  clusterThatStays,
  startFlinkCluster,
} from '../../runners/distributed/node/flink-cluster.js'
import { findPrism, PRISM_INSTALL, prismPlace } from '../../runners/distributed/node/prism.js'

/** Where a program is that was started to stay. */
export interface StartedEngine {
  readonly pid: number
  readonly address: string
}

/** Where an engine is, or why it cannot be had. */
export type Installed = { readonly program: string } | { readonly missing: string }

/** An engine that tests are held against. */
export interface EngineProgram {
  readonly title: string
  /** Installs it where it is not there. */
  install(say: (text: string) => void): Installed
  /** The command that starts it. @param program what `install` has said. */
  command(program: string, port: number): readonly string[]
}

/** Prism, installed where it is not there. @returns its path, or why it cannot be had. */
export function installPrism(say: (text: string) => void): Installed {
  const found = findPrism()
  if (found !== undefined) return { program: found }
  if (spawnSync('go', ['version']).status !== 0)
    return { missing: `Prism is not installed, and neither is Go, which would build it. With Go: ${PRISM_INSTALL}` }
  const place = prismPlace()
  mkdirSync(place, { recursive: true })
  say(`building Prism (${PRISM_INSTALL}); the first time takes some minutes …`)
  const [command = 'go', ...args] = PRISM_INSTALL.split(' ')
  const { status } = spawnSync(command, args, {
    env: { ...process.env, GOBIN: place },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const program = join(place, 'prism')
  return status === 0 && existsSync(program) ? { program } : { missing: `"${PRISM_INSTALL}" failed` }
}

/** Flink, installed where it is not there. @returns the folder of its jar, or why it cannot be had. */
export function installFlink(say: (text: string) => void): Installed {
  const found = findFlink()
  if (found !== undefined && findJava() !== undefined) return { program: found }
  if (findJava() === undefined || spawnSync('mvn', ['-v']).status !== 0)
    return { missing: `${findJava() === undefined ? '' : 'Maven (mvn) was not found. '}${flinkMissing() ?? ''}` }
  const place = flinkPlace()
  const pom = join(place, 'pom.xml')
  const part = join(place, `part-${process.pid}`)
  mkdirSync(place, { recursive: true })
  writeFileSync(pom, FLINK_POM)
  say('fetching Flink and the job server of Beam with Maven: 157 MB in the end, the first time takes some minutes …')
  const { status } = spawnSync('mvn', flinkMaven(pom, part), { stdio: ['ignore', 'inherit', 'inherit'] })
  // Another process may have been faster.
  if (status === 0 && findFlink() === undefined) renameSync(part, join(place, 'lib'))
  rmSync(part, { recursive: true, force: true })
  const program = findFlink()
  return program === undefined ? { missing: `"mvn ${flinkMaven(pom, part).join(' ')}" failed` } : { program }
}

/** The engines, by name. */
export const PROGRAMS: ReadonlyMap<string, EngineProgram> = new Map([
  [
    'prism',
    {
      title: 'Prism',
      install: installPrism,
      command: (program, port) => [program, `--job_port=${port}`, '--serve_http=false', '--log_kind=text'],
    },
  ],
  [
    'flink',
    {
      title: 'Flink',
      install: installFlink,
      command: (jars, port) => {
        const folder = join(cacheFolder(), 'engines', 'flink-work')
        rmSync(folder, { recursive: true, force: true })
        mkdirSync(folder, { recursive: true })
        return [findJava() ?? 'java', ...flinkArguments(jars, port, folder)]
      },
    },
  ],
])

/** Starts a cluster of Flink to stay, with a job server for it, and notes where they are. */
export async function startClusterToStay(jars: string): Promise<ClusterRecord> {
  const running = clusterThatStays()
  if (running !== undefined) return running
  stopCluster()
  const folder = join(cacheFolder(), 'engines', 'flink-cluster-work')
  rmSync(folder, { recursive: true, force: true })
  const java = findJava() ?? 'java'
  const cluster = await startFlinkCluster({ java, jars, folder, stays: true })
  const port = await freePort()
  const log = openSync(join(folder, 'logs', 'job-server.log'), 'w')
  const work = join(folder, 'job-server')
  mkdirSync(work, { recursive: true })
  const args = flinkArguments(jars, port, work, cluster.address)
  const child = spawn(java, args, { detached: true, stdio: ['ignore', log, log] })
  child.unref()
  const pids = [child.pid ?? 0, cluster.jobManager.pid, ...cluster.taskManagers.map(({ pid }) => pid)]
  const record: ClusterRecord = { address: cluster.address, jobEndpoint: `localhost:${port}`, pids }
  writeFileSync(clusterRecord(), JSON.stringify(record))
  for (const until = Date.now() + START_MILLIS; !(await listens(port)) && Date.now() < until;)
    await new Promise((resolve) => setTimeout(resolve, 50))
  return record
}

/** Ends a cluster that was started to stay. @returns whether there was one. */
export function stopCluster(): boolean {
  const path = clusterRecord()
  if (!existsSync(path)) return false
  const { pids } = JSON.parse(readFileSync(path, 'utf8')) as ClusterRecord
  rmSync(path, { force: true })
  let ended = false
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
      ended = true
    } catch {
      // It has ended by itself.
    }
  }
  return ended
}

/** How long an engine may take to listen. */
const START_MILLIS = 60_000

const recordOf = (name: string): string => join(cacheFolder(), 'engines', `${name}.json`)

/** Starts an engine to stay, and notes where it is. */
export async function startToStay(name: string, engine: EngineProgram, installed: string): Promise<StartedEngine> {
  const running = started(name)
  if (running !== undefined) return running
  const port = await freePort()
  const log = openSync(join(cacheFolder(), 'engines', `${name}.log`), 'w')
  const [command = '', ...args] = engine.command(installed, port)
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log] })
  child.unref()
  const record = { pid: child.pid ?? 0, address: `localhost:${port}` }
  writeFileSync(recordOf(name), JSON.stringify(record))
  for (const until = Date.now() + START_MILLIS; !(await listens(port)) && Date.now() < until;)
    await new Promise((resolve) => setTimeout(resolve, 50))
  return record
}

/** What was started and still runs. */
export function started(name: string): StartedEngine | undefined {
  if (!existsSync(recordOf(name))) return undefined
  const engine = JSON.parse(readFileSync(recordOf(name), 'utf8')) as StartedEngine
  try {
    process.kill(engine.pid, 0)
    return engine
  } catch {
    return undefined
  }
}

/** Ends what was started to stay. @returns whether something was. */
export function stopStarted(name: string): boolean {
  const engine = started(name)
  if (engine !== undefined) process.kill(engine.pid, 'SIGTERM')
  rmSync(recordOf(name), { force: true })
  return engine !== undefined
}
