/**
 * The engines that tests are held against: fetched into a cache beside the repository, started on free ports, ended by their
 * process ids.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, findPrism, freePort, PRISM_INSTALL, prismPlace } from '../../runners/distributed/node/prism.js'

/** Where a program is that was started to stay. */
export interface StartedEngine {
  readonly pid: number
  readonly address: string
}

/** Prism, installed where it is not there. @returns its path, or why it cannot be had. */
export function installPrism(say: (text: string) => void): { readonly program: string } | { readonly missing: string } {
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

const recordOf = (name: string): string => join(cacheFolder(), 'engines', `${name}.json`)

/** Starts Prism to stay, and notes where it is. */
export async function startToStay(program: string): Promise<StartedEngine> {
  const running = started('prism')
  if (running !== undefined) return running
  const port = await freePort()
  const log = openSync(join(cacheFolder(), 'engines', 'prism.log'), 'w')
  const child = spawn(program, [`--job_port=${port}`, '--serve_http=false', '--log_kind=text'], {
    detached: true,
    stdio: ['ignore', log, log],
  })
  child.unref()
  const engine = { pid: child.pid ?? 0, address: `localhost:${port}` }
  writeFileSync(recordOf('prism'), JSON.stringify(engine))
  return engine
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
