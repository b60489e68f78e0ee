/**
 * A driver that others take over from: one that stands still at a crash point and wakes later, and one that is killed while another
 * stands by.
 *
 * Law: whoever was taken over from writes nothing any more. Where it stands still inside of a transaction, nobody can take over, and
 * it goes on as if nothing had been.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Bench, expectEnd } from './failure-point.js'
import { type Ended } from './drive.js'
import { AIMED_POINTS, type KillCase, type SinkKind } from './kill-case.js'
import { readOutput } from './places.js'

/** Points inside of a transaction: whoever stands still there has the file locked. */
const LOCKED: ReadonlySet<string> = new Set([
  'store.commit.changes',
  'store.compact.snapshot',
  'sqlite.commit',
  'log.append.begun',
  'log.append.written',
])

/** Sinks whose edges are passed by them alone. */
const OWN: readonly (readonly [RegExp, readonly SinkKind[]])[] = [
  [/^text\./, ['manifest']],
  [/^sqlite\./, ['append', 'upsert']],
  [/^log\./, ['log']],
]
const ALL: readonly SinkKind[] = ['append', 'upsert', 'log', 'manifest']

/** Where a driver stands still, with each sink that passes there. */
export const STANDING_STILL: readonly { readonly at: string; readonly sink: SinkKind }[] = AIMED_POINTS.flatMap((at) =>
  (OWN.find(([pattern]) => pattern.test(at))?.[1] ?? ALL).map((sink) => ({ at, sink })),
)

/** Which hit of the point: files of a bounded input are delivered once, at the end; a query begins once. */
function hitOf(at: string, { sink }: KillCase): number {
  if (at.startsWith('store.create') || at.startsWith('store.acquire') || at.startsWith('text.')) return 1
  if (at.startsWith('store.compact')) return 1
  return sink === 'manifest' && at.includes('deliver') ? 1 : 4
}

/** A driver stops; another is refused, later takes over and finishes; the first goes on, and must be able to write nothing. */
export async function standsStill(
  { start, drive, of, folder }: Bench,
  at: string,
  later: () => Promise<Readonly<Record<string, string>> | undefined> = () => Promise.resolve({ CLOCK_AHEAD: '11000' }),
): Promise<string | undefined> {
  const first = start({ STOP_AT: `${at}:${hitOf(at, of)}` })
  if (!(await first.stopped)) return `the first driver has not stopped: ${(await first.ended).stderr}`
  try {
    const isBegun = at !== 'store.acquire.before'
    if (isBegun && !LOCKED.has(at)) {
      const refused = await drive()
      const fault = expectEnd(refused, 'failed', new RegExp(`MR-6101[^]*process ${first.process.pid} `))
      if (fault !== undefined) return `the second driver: ${fault}`
    }
    const second = await drive(await later())
    if (LOCKED.has(at)) return await keepsTheLock(first, second)
    const secondFault = expectEnd(second, 'done')
    if (secondFault !== undefined) return `after the lease has run out: ${secondFault}`
    const before = await readOutput(folder, of)
    first.process.kill('SIGCONT')
    const woken = await first.ended
    const after = await readOutput(folder, of)
    if (after.length !== before.length) return `the driver that woke has written ${after.length - before.length} rows`
    // One that had written nothing yet may find a query that is over, and has nothing to do.
    if (woken.how === 'done' && /^store\.(create|acquire)/.test(at)) return undefined
    return expectEnd(woken, 'failed', /MR-6102/)
  } finally {
    first.process.kill('SIGKILL')
    await first.ended.catch(() => undefined)
  }
}

/** Nobody gets past a lock: the second says so, and the first, let go, is the one that finishes. */
async function keepsTheLock(first: ReturnType<Bench['start']>, second: Ended): Promise<string | undefined> {
  const fault = expectEnd(second, 'failed', /locked|busy/i)
  first.process.kill('SIGCONT')
  const woken = await first.ended
  if (fault !== undefined) return `while the first has the file locked: ${fault}`
  // The second may have taken the lease before it met the lock.
  return woken.how === 'done' ? undefined : expectEnd(woken, 'failed', /MR-6102/)
}

/** How long a standby took from the end of the first driver to its own next commit. */
export interface TakeOver {
  readonly millis: number
}

/** A driver is killed, or stands still, while another stands by; the other takes over by itself, and finishes. */
export async function standsBy(
  { start, of, folder }: Bench,
  standby: 'cold' | 'warm' | 'hot',
  how: 'SIGKILL' | 'SIGSTOP',
  told: (takeOver: TakeOver) => void,
): Promise<string | undefined> {
  // One that stood still at any moment might have a file locked.
  const first = start({ PACE: '80', ...(how === 'SIGSTOP' ? { STOP_AT: 'batch.commit:20' } : {}) })
  await first.committed(2)
  const second = start({ STANDBY: standby })
  try {
    await second.waits(standby === 'cold' ? 0 : 3)
    await first.committed(18)
    if (how === 'SIGSTOP') await first.stopped
    else first.process.kill(how)
    const began = performance.now()
    await second.committed(1)
    told({ millis: performance.now() - began })
    const ended = await second.ended
    const fault = expectEnd(ended, 'done')
    if (fault !== undefined) return `the standby: ${fault}`
    if (!ended.stderr.includes(`takes over (${standby})`)) return `it has not stood by ${standby}: ${ended.stderr}`
    const before = await readOutput(folder, of)
    if (how === 'SIGKILL') return undefined
    first.process.kill('SIGCONT')
    const woken = await first.ended
    await pause(50)
    const after = await readOutput(folder, of)
    if (after.length !== before.length) return `the driver that woke has written ${after.length - before.length} rows`
    return expectEnd(woken, 'failed', /MR-6102/)
  } finally {
    for (const driver of [first, second]) {
      driver.process.kill('SIGKILL')
      await driver.ended.catch(() => undefined)
    }
  }
}
