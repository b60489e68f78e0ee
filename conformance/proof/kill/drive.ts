/**
 * Driver processes, seen from their parent: started, killed at a moment, and what became of them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Word } from './words.js'
import type { Kill } from './kill-case.js'

/** How a driver's process has ended. */
export interface Ended {
  readonly how: 'done' | 'killed' | 'failed'
  /** Where it was killed: a crash point, or `a moment`. */
  readonly at: string | undefined
  /** Batches it has committed. */
  readonly commits: number
  readonly done: Extract<Word, { readonly say: 'done' }> | undefined
  /** What it wrote on stderr. */
  readonly stderr: string
}

/** A driver's process. */
export interface Driver {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when its n-th batch is committed, or when it has ended. */
  committed(n: number): Promise<void>
  /** Resolves when it stands by with the state of a batch from the n-th on, or when it has ended. */
  waits(n: number): Promise<void>
  /** Batches that it has committed so far. */
  readonly commits: number
  /** Resolves when it has written this on stderr. `false`: it has ended without. */
  heard(text: string): Promise<boolean>
  /** Resolves when it stands still at the crash point that it was to stop at. `false`: it has ended before. */
  readonly stopped: Promise<boolean>
}

/** A driver that has not come to its end by then stands still. */
const STILL_MILLIS = 120_000
const MOMENT = 'a moment'
/** The built program, also where this module is run from its source. */
const driverPath = fileURLToPath(new URL('./driver.js', import.meta.url)).replace(
  /(?<!\/dist)\/conformance\/proof\/kill\/driver\.js$/,
  '/dist/conformance/proof/kill/driver.js',
)

/** Starts a driver of the case in a file. @param fate variables of its environment, see `driver.ts`. */
export function startDriver(casePath: string, kill?: Kill, fate: Readonly<Record<string, string>> = {}): Driver {
  const crashAt = kill !== undefined && 'at' in kill ? { CRASH_AT: `${kill.at}:${kill.nth}` } : {}
  const failAt = kill !== undefined && 'inUserCode' in kill ? { FAIL_AT: `${kill.inUserCode}:kill` } : {}
  const child = spawn(process.execPath, [driverPath, casePath], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...crashAt, ...failAt, ...fate },
  })
  let commits = 0
  let at: string | undefined
  let done: Ended['done']
  let stderr = ''
  let resolveStopped: (isStopped: boolean) => void
  const stopped = new Promise<boolean>((resolve) => (resolveStopped = resolve))
  const standing: { readonly n: number; readonly resolve: () => void }[] = []
  let atHand = -1
  let isOver = false
  const listening: { readonly text: string; readonly resolve: (isHeard: boolean) => void }[] = []
  const waiting: { readonly n: number; readonly resolve: () => void }[] = []
  const hear = (word: Word): void => {
    if (word.say === 'begun' && kill !== undefined && 'afterMillis' in kill) {
      setTimeout(() => {
        if (child.exitCode !== null) return
        at ??= MOMENT
        child.kill('SIGKILL')
      }, kill.afterMillis)
    }
    if (word.say === 'commit') commits++
    if (word.say === 'killed') at = word.at
    if (word.say === 'stopped') resolveStopped(true)
    if (word.say === 'done') done = word
    if (word.say === 'waits') atHand = word.batch
    for (const { n, resolve } of standing) if (atHand >= n) resolve()
    for (const { n, resolve } of waiting) if (commits >= n) resolve()
  }
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    const lines = (text + more).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) hear(JSON.parse(line) as Word)
  })
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    stderr += more
    for (const { text, resolve } of listening) if (stderr.includes(text)) resolve(true)
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    const still = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the driver stood still for ${STILL_MILLIS / 1000} s after ${commits} commits. ${stderr}`))
    }, STILL_MILLIS)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(still)
      isOver = true
      for (const { resolve: go } of [...waiting, ...standing]) go()
      resolveStopped(false)
      for (const { resolve: go } of listening) go(false)
      const how = signal === 'SIGKILL' ? 'killed' : code === 0 ? 'done' : 'failed'
      resolve({ how, at: how === 'killed' ? at : undefined, commits, done, stderr })
    })
  })
  return {
    process: child,
    ended,
    stopped,
    get commits() {
      return commits
    },
    heard: (wanted) =>
      new Promise((resolve) =>
        isOver || stderr.includes(wanted)
          ? resolve(stderr.includes(wanted))
          : listening.push({ text: wanted, resolve }),
      ),
    waits: (n) => new Promise((resolve) => (isOver || atHand >= n ? resolve() : standing.push({ n, resolve }))),
    committed: (n) => new Promise((resolve) => (isOver || commits >= n ? resolve() : waiting.push({ n, resolve }))),
  }
}
