/**
 * A cluster of Flink on this machine: one JobManager and some TaskManagers, each a Java process of its own, from the jars of Beam's job
 * server. It is what a cluster on many machines is, but for the machines.
 *
 * Law: everything listens on loopback alone. What the cluster keeps lies in a folder that is its own.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PipelineError } from '../../../sdk/errors.js'
import { cacheFolder, freePort, WATCHED } from './engine-process.js'
import { OPENED } from './flink.js'

const JOB_MANAGER = 'org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint'
const TASK_MANAGER = 'org.apache.flink.runtime.taskexecutor.TaskManagerRunner'

/** A first start loads thousands of classes on cores that may be shared. */
const START_MILLIS = 120_000

/** How a cluster is started. */
export interface ClusterOptions {
  /** Program of Java, and folder of the jars. */
  readonly java: string
  readonly jars: string
  /** Where it may write. It must be the cluster's own. */
  readonly folder: string
  /** Default 2. */
  readonly taskManagers?: number
  /** Whether it goes on when this process has ended. */
  readonly stays: boolean
}

/** A Java process of a cluster. */
export interface ClusterProcess {
  readonly pid: number
  /** Ends it at once, as a machine that fails would. */
  kill(): void
}

/** A cluster at work. */
export interface FlinkCluster {
  /** `host:port` of its REST service: what Beam's option `flink_master` says. */
  readonly address: string
  readonly jobManager: ClusterProcess
  readonly taskManagers: readonly ClusterProcess[]
  /** Starts one more TaskManager. */
  addTaskManager(): ClusterProcess
  /** How many TaskManagers the JobManager knows. */
  registered(): Promise<number>
  close(): Promise<void>
}

/** The configuration of every process of a cluster. */
function configuration(folder: string, rest: number, rpc: number): string {
  const values: Readonly<Record<string, string | number | boolean>> = {
    'jobmanager.rpc.address': '127.0.0.1',
    'jobmanager.rpc.port': rpc,
    'jobmanager.bind-host': '127.0.0.1',
    'jobmanager.memory.process.size': '900m',
    'rest.address': '127.0.0.1',
    'rest.bind-address': '127.0.0.1',
    'rest.port': rest,
    'rest.bind-port': rest,
    'web.submit.enable': false,
    'taskmanager.host': '127.0.0.1',
    'taskmanager.bind-host': '127.0.0.1',
    'taskmanager.numberOfTaskSlots': 2,
    // A TaskManager that is started without Flink's scripts must be told what they would work out.
    'taskmanager.cpu.cores': '1.0',
    'taskmanager.memory.framework.heap.size': '128m',
    'taskmanager.memory.framework.off-heap.size': '128m',
    'taskmanager.memory.task.heap.size': '384m',
    'taskmanager.memory.task.off-heap.size': '0m',
    'taskmanager.memory.network.min': '192m',
    'taskmanager.memory.network.max': '192m',
    // What a step of a batch writes for another takes 512 buffers else: a job of some twenty groups would not start.
    'taskmanager.network.sort-shuffle.min-buffers': 64,
    // A large group is sorted in it, and the sorters of a job share it.
    'taskmanager.memory.managed.size': '512m',
    'taskmanager.memory.jvm-metaspace.size': '256m',
    'taskmanager.memory.jvm-overhead.min': '192m',
    'taskmanager.memory.jvm-overhead.max': '192m',
    // What a job brings is what the cluster has already.
    'classloader.resolve-order': 'parent-first',
    'heartbeat.interval': 1000,
    'heartbeat.timeout': 8000,
    'io.tmp.dirs': join(folder, 'tmp'),
    'blob.storage.directory': join(folder, 'blobs'),
    'state.checkpoints.dir': `file://${join(folder, 'checkpoints')}`,
  }
  return Object.entries(values)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('')
}

/** Starts a cluster, and waits until it has its TaskManagers. @throws {PipelineError} when it does not start. */
export async function startFlinkCluster({
  java,
  jars,
  folder,
  taskManagers: count = 2,
  stays,
}: ClusterOptions): Promise<FlinkCluster> {
  for (const name of ['conf', 'tmp', 'blobs', 'checkpoints', 'logs']) mkdirSync(join(folder, name), { recursive: true })
  const rest = await freePort()
  writeFileSync(join(folder, 'conf', 'flink-conf.yaml'), configuration(folder, rest, await freePort()))
  const processes: Started[] = []
  const begin = (name: string, main: string, memory: string, more: readonly string[]): ClusterProcess => {
    const process = started(
      [java, `-Xmx${memory}`, '-XX:+UseSerialGC', ...OPENED, `-Djava.io.tmpdir=${join(folder, 'tmp')}`,
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=info', '-cp', join(jars, '*'), main, '--configDir', join(folder, 'conf'), ...more], // prettier-ignore
      join(folder, 'logs', `${name}.log`),
      stays,
    )
    processes.push(process)
    return process
  }
  const jobManager = begin('jobmanager', JOB_MANAGER, '512m', ['--executionMode', 'cluster'])
  let number = 0
  const addTaskManager = (): ClusterProcess => begin(`taskmanager-${++number}`, TASK_MANAGER, '640m', [])
  const registered = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${rest}/taskmanagers`).catch(() => undefined)
    const { taskmanagers = [] } = ((await answer?.json().catch(() => ({}))) ?? {}) as {
      taskmanagers?: readonly unknown[]
    }
    return taskmanagers.length
  }
  const close = async (): Promise<void> => {
    await Promise.all(processes.map((each) => each.end()))
    if (!stays) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  const taskManagers = Array.from({ length: count }, addTaskManager)
  for (const until = Date.now() + START_MILLIS; (await registered()) < count;) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    const ended = processes.find(({ hasEnded }) => hasEnded())
    if (ended === undefined && Date.now() < until) continue
    const said = readFileSync(ended?.log ?? join(folder, 'logs', 'jobmanager.log'), 'utf8')
      .trim()
      .split('\n')
      .slice(-15)
    await close()
    throw new PipelineError('MR-6204', `the cluster of Flink did not start: ${said.join('\n')}`)
  }
  return { address: `127.0.0.1:${rest}`, jobManager, taskManagers, addTaskManager, registered, close }
}

interface Started extends ClusterProcess {
  /** Ends it, and waits until it has gone. */
  end(): Promise<void>
  readonly log: string
  hasEnded(): boolean
}

function started(line: readonly string[], log: string, stays: boolean): Started {
  const out = openSync(log, 'w')
  const [command = '', ...args] = stays ? line : ['sh', '-c', WATCHED, 'sh', ...line]
  const child = spawn(command, args, { detached: stays, stdio: [stays ? 'ignore' : 'pipe', out, out] })
  child.unref()
  child.stdin?.on('error', () => undefined)
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const kill = (): void => {
    // The shell beside it kills it when its standard input ends.
    if (stays) child.kill('SIGKILL')
    else child.stdin?.destroy()
  }
  return {
    pid: child.pid ?? 0,
    log,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    kill,
    end: () => {
      // Whoever waits for its end must be awake for it.
      child.ref()
      kill()
      return gone
    },
  }
}

/** Where a cluster is noted that was started to stay. */
export function clusterRecord(): string {
  return join(cacheFolder(), 'engines', 'flink-cluster.json')
}

/** A cluster that was started to stay. */
export interface ClusterRecord {
  /** `host:port` of its REST service. */
  readonly address: string
  /** `host:port` of the Job API of its job server. */
  readonly jobEndpoint: string
  readonly pids: readonly number[]
}

/** The cluster that was started to stay, if it still runs. */
export function clusterThatStays(): ClusterRecord | undefined {
  if (!existsSync(clusterRecord())) return undefined
  const record = JSON.parse(readFileSync(clusterRecord(), 'utf8')) as ClusterRecord
  try {
    for (const pid of record.pids) process.kill(pid, 0)
    return record
  } catch {
    return undefined
  }
}

/** The cluster that a run uses when none is named. @throws {PipelineError} when there is none. */
export function clusterOfThisMachine(): ClusterRecord {
  const record = clusterThatStays()
  if (record !== undefined) return record
  throw new PipelineError(
    'MR-6204',
    "there is no cluster of Flink: none was started by npm run engines -- start flink-cluster, and none is named. Name one: --flink-master HOST:PORT, or engine: { flinkMaster: 'HOST:PORT' }, the address of its REST service.",
  )
}
