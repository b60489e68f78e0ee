/**
 * What Node adds to the micro-batch runner: checkpoints in folders of SQLite files, and drivers that are known by their processes.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { PipelineError } from '../../sdk/errors.js'
import type { MicroBatchCapabilities } from './micro-batch-runner.js'
import type { OpenView } from './views.js'
import type { OpenWorker } from './tasks/worker-link.js'

/** When a process began, where the system tells (Linux: field 22 of /proc/PID/stat); a number is given to many processes in turn. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function nameOf(pid: number, thread: number, run: number): string {
  return `process ${pid} on ${hostname()} (started ${startOf(pid)}, thread ${thread}, run ${run})`
}

let runs = 0
let spills = 0

function isGone(name: string): boolean {
  const [, pid, host, start] = /^process (\d+) on (.*) \(started (\d*), thread \d+, run \d+\)$/.exec(name) ?? []
  if (host !== hostname()) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
  return start !== '' && startOf(Number(pid)) !== start
}

/** A view is a copy of the newest commit in a folder for temporary files, which goes with it. */
export const nodeViews: OpenView = async (place, env) => {
  const { openSqliteStore } = await import('./store/sqlite-store.js')
  const temporary = mkdtempSync(join(tmpdir(), 'millrace-view-'))
  const remove = (): void => rmSync(temporary, { recursive: true, force: true })
  try {
    const copy = join(temporary, 'checkpoint')
    const original = await openSqliteStore(place, env)
    try {
      if ((await original.query()) === undefined)
        throw new PipelineError(
          'MR-6054',
          `there is no checkpoint at ${place}. Give the folder that the run was given as its checkpoint.`,
        )
      await original.savepoint(copy)
    } finally {
      await original.close()
    }
    const store = await openSqliteStore(copy, env)
    return { store, close: () => store.close().finally(remove) }
  } catch (error) {
    remove()
    throw error
  }
}

/** What Node can do. */
export function nodeCapabilities(): MicroBatchCapabilities {
  return {
    openStore: async (place, env) => {
      const { openSqliteStore } = await import('./store/sqlite-store.js')
      return openSqliteStore(place, env)
    },
    openWorkers: (isolation, module, checked) => {
      let open: Promise<OpenWorker> | undefined
      return async (index) =>
        (
          await (open ??= import('./links/open-workers.js').then(({ openWorkersOf }) =>
            openWorkersOf(isolation, module, checked),
          ))
        )(index)
    },
    spillFolder: () => join(tmpdir(), `millrace-${process.pid}-${threadId}-${++spills}`),
    driver: { own: nameOf(process.pid, threadId, ++runs), isGone },
  }
}
