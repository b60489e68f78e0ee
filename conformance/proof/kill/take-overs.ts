/**
 * Drivers that are taken over from at each crash point: one that is killed there, or stands still and wakes later, while another stands
 * by, cold, warm or hot; and one that stands still while nobody waits.
 *
 * Law: whoever takes over loses nothing and repeats nothing; whoever was taken over from writes nothing any more, and says so when it
 * wakes, wherever it stood. Where it stands still inside of a transaction nobody can take over before it has gone on.
 */
import type { Ended } from './drive.js'
import { type Bench, expectEnd, type Point } from './failure-point.js'
import { AIMED_POINTS, type KillCase, type SinkKind, systemOf } from './kill-case.js'
import { readOutput } from './places.js'

type Mode = 'cold' | 'warm' | 'hot'
const MODES: readonly Mode[] = ['cold', 'warm', 'hot']

/** Points inside of a transaction of the checkpoint: whoever stands still there has its file locked. */
const CHECKPOINT_LOCKED: ReadonlySet<string> = new Set([
  'store.create.files',
  'store.commit.changes',
  'store.compact.snapshot',
])
/** And of the sink: another driver takes over, and cannot deliver. */
const SINK_LOCKED: ReadonlySet<string> = new Set(['sqlite.commit', 'log.append.begun', 'log.append.written'])

/**
 * The lease is not taken here yet: there is nothing to take over, the second leads at once, and the first, let go, finds a query that
 * somebody has or that is over. From the next point on it has the lease, although there may be no query yet, and is fenced.
 */
const BEFORE_THE_LEASE = 'store.acquire.before'
/** Passed only where there is something to take back. */
const RESTORED = 'query.restored'

/** Sinks whose edges are passed by them alone. */
const OWN: readonly (readonly [RegExp, readonly SinkKind[]])[] = [
  [/^text\./, ['manifest']],
  [/^sqlite\./, ['append', 'upsert']],
  [/^log\./, ['log']],
]
/** One of each system. A repeated row shows in an appended table, not in one that is upserted. */
const ONE_OF_EACH: readonly SinkKind[] = ['manifest', 'append', 'log']

/** Nothing can be said of the point then: nobody was there to be waited for. It is tried again. */
export const TOO_BUSY = 'a lease has run out before the one that stands by was there: the machine is too busy'

interface Place {
  readonly at: string
  readonly sink: SinkKind
}

/** Each point with each sink that passes there. */
const PLACES: readonly Place[] = AIMED_POINTS.flatMap((at) =>
  (OWN.find(([pattern]) => pattern.test(at))?.[1] ?? ONE_OF_EACH).map((sink) => ({ at, sink })),
)

/** Which hit of the point: files of a bounded input are delivered once, at the end; a query begins once. */
function hitOf(at: string, { sink }: KillCase): number {
  if (/^(store\.(create|acquire|compact)|query\.)/.test(at)) return 1
  if (at.startsWith('text.') && at !== 'text.write.part') return 1
  return sink === 'manifest' && at.includes('deliver') ? 1 : 4
}

/** Starts a driver that stands still at a point. @throws when it has not come there. */
async function stoppedAt(
  { start, drive, of }: Bench,
  at: string,
  workers?: string,
): Promise<ReturnType<Bench['start']>> {
  if (at === RESTORED) await drive({ CRASH_AT: 'batch.committed:3' })
  const first = start({ STOP_AT: `${at}:${hitOf(at, of)}`, ...(workers === undefined ? {} : { WORKERS: workers }) })
  if (await first.stopped) return first
  throw new Error(`the first driver has not stopped: ${(await first.ended).stderr}`)
}

/** Ends drivers, however they are. */
async function ended(...drivers: readonly ReturnType<Bench['start']>[]): Promise<void> {
  for (const driver of drivers) {
    driver.process.kill('SIGKILL')
    await driver.ended.catch(() => undefined)
  }
}

/** Nobody stands by: a second driver is refused by name, a later one takes over and finishes, and then the first goes on. */
export async function standsStill(
  bench: Bench,
  at: string,
  later: () => Promise<Readonly<Record<string, string>> | undefined> = () => Promise.resolve({ CLOCK_AHEAD: '11000' }),
): Promise<string | undefined> {
  const { drive, of, folder } = bench
  const first = await stoppedAt(bench, at)
  try {
    const isHeld = at !== BEFORE_THE_LEASE
    if (isHeld && !CHECKPOINT_LOCKED.has(at) && !SINK_LOCKED.has(at)) {
      const fault = expectEnd(await drive(), 'failed', new RegExp(`MR-6101[^]*process ${first.process.pid} `))
      if (fault !== undefined) return `the second driver: ${fault}`
    }
    const second = await drive(await later())
    if (CHECKPOINT_LOCKED.has(at) || SINK_LOCKED.has(at)) return await keepsTheLock(first, second, at)
    const secondFault = expectEnd(second, 'done')
    if (secondFault !== undefined) return `after the lease has run out: ${secondFault}`
    const before = await readOutput(folder, of)
    first.process.kill('SIGCONT')
    const woken = await first.ended
    const after = await readOutput(folder, of)
    if (after.length !== before.length) return `the driver that woke has written ${after.length - before.length} rows`
    return isHeld ? expectEnd(woken, 'failed', /MR-6102/) : expectEnd(woken, 'done')
  } finally {
    await ended(first)
  }
}

/** Nobody gets past a lock: the second says so, and the first, let go, finishes, or is fenced where only the sink was locked. */
async function keepsTheLock(first: ReturnType<Bench['start']>, second: Ended, at: string): Promise<string | undefined> {
  const fault = expectEnd(second, 'failed', /locked|busy/i)
  first.process.kill('SIGCONT')
  const woken = await first.ended
  if (fault !== undefined) return `while the first has the file locked: ${fault}`
  if (SINK_LOCKED.has(at)) return expectEnd(woken, 'failed', /MR-6102/)
  // The file of a partition may be locked where that of the lease is not: then the second had taken it before it met the lock.
  return at === 'store.compact.snapshot' ? expectEnd(woken, 'failed', /MR-6102/) : expectEnd(woken, 'done')
}

/** What is wrong with how another has taken over and come to the end. */
async function finished(
  second: ReturnType<Bench['start']>,
  mode: Mode,
  { sink }: KillCase,
  at?: string,
): Promise<string | undefined> {
  const end = await second.ended
  const fault = expectEnd(end, 'done')
  if (fault !== undefined) return `the one that stood by: ${fault}`
  // A write of files makes them before they are delivered, and nobody but the leader may do that; a sink that is locked cannot be set up.
  // A hot one is a warm one there.
  const modes =
    mode === 'hot' && (sink === 'manifest' || (at !== undefined && SINK_LOCKED.has(at))) ? ['hot', 'warm'] : [mode]
  if (!end.stderr.includes('stands by (')) return TOO_BUSY
  if (!modes.some((as) => end.stderr.includes(`takes over (${as})`)))
    return `it has not stood by ${mode}: ${end.stderr}`
  return end.stderr.includes('a hot standby differs') ? `its batches were others: ${end.stderr}` : undefined
}

/** A driver stands still while another stands by, whose clock says that the lease has run out; it wakes while the other goes on. */
async function wakesLater(bench: Bench, at: string, mode: Mode): Promise<string | undefined> {
  const { start, drive, of } = bench
  const first = await stoppedAt(bench, at)
  const second = start({ STANDBY: mode, PACE: '15' })
  try {
    if (at === BEFORE_THE_LEASE) {
      const leads = expectEnd(await second.ended, 'done')
      first.process.kill('SIGCONT')
      return leads ?? expectEnd(await first.ended, 'done')
    }
    await second.waits(mode === 'cold' ? 0 : first.commits)
    second.process.kill('SIGUSR2')
    if (CHECKPOINT_LOCKED.has(at)) {
      if (!(await second.heard('cannot take over yet'))) return `it has got past a lock: ${(await second.ended).stderr}`
      first.process.kill('SIGCONT')
      const woken = await first.ended
      return (
        (await finished(second, mode, of, at)) ??
        (woken.how === 'done' ? undefined : expectEnd(woken, 'failed', /MR-6102/))
      )
    }
    await second.heard('takes over')
    if (SINK_LOCKED.has(at)) {
      const fault = expectEnd(await second.ended, 'failed', /locked|busy/i)
      first.process.kill('SIGCONT')
      return fault ?? expectEnd(await first.ended, 'failed', /MR-6102/) ?? expectEnd(await drive(), 'done')
    }
    await second.committed(1)
    first.process.kill('SIGCONT')
    const woken = await first.ended
    return (await finished(second, mode, of, at)) ?? expectEnd(woken, 'failed', /MR-6102/)
  } finally {
    await ended(first, second)
  }
}

/** A driver is killed while another stands by, which takes over at once. @param workers those of the one, and of the other. */
async function isKilled(
  bench: Bench,
  at: string,
  mode: Mode,
  [killed, standing]: readonly [string?, string?] = [],
): Promise<string | undefined> {
  const first = await stoppedAt(bench, at, killed)
  const second = bench.start({ STANDBY: mode, ...(standing === undefined ? {} : { WORKERS: standing }) })
  try {
    // A hot one cannot set up a sink that is locked: it would wait until the lease has run out.
    if (mode === 'hot' && SINK_LOCKED.has(at)) await second.heard('stands by (')
    else if (at !== BEFORE_THE_LEASE) await second.waits(mode === 'cold' ? 0 : first.commits)
    first.process.kill('SIGKILL')
    const isKilledThere = expectEnd(await first.ended, 'killed')
    if (isKilledThere !== undefined) return isKilledThere
    if (at === BEFORE_THE_LEASE) return expectEnd(await second.ended, 'done')
    return await finished(second, mode, bench.of, at)
  } finally {
    await ended(first, second)
  }
}

/** So many are killed, one after the other. */
const LEGS = 5

/** Drivers are killed one after the other while the next stands by; the last comes to the end. */
async function relay({ start, of, took }: Bench, mode: Mode): Promise<string | undefined> {
  const drivers = [start({ PACE: '30' })]
  try {
    for (let leg = 0; leg < LEGS; leg++) {
      const leader = drivers.at(-1) as ReturnType<Bench['start']>
      await leader.committed(2)
      const next = start({ PACE: '30', STANDBY: mode })
      drivers.push(next)
      await next.waits(mode === 'cold' ? 0 : 1)
      // It has what was committed until now, and a little is to come.
      await leader.committed(leader.commits + 2)
      // On a busy machine the run may come to its end before the next one is there.
      if (leader.process.exitCode !== null)
        return leg === 0 ? 'the run was over before anybody took over' : expectEnd(await next.ended, 'done')
      leader.process.kill('SIGKILL')
      const began = performance.now()
      await next.committed(1)
      took(`${mode}, after SIGKILL`, performance.now() - began)
    }
    return await finished(drivers.at(-1) as ReturnType<Bench['start']>, mode, of)
  } finally {
    await ended(...drivers)
  }
}

/** A driver stands still until its lease has really run out, and wakes when another has taken over. */
async function runsOut({ start, of, took }: Bench, mode: Mode): Promise<string | undefined> {
  const first = start({ STOP_AT: 'batch.commit:12' })
  await first.committed(2)
  const second = start({ STANDBY: mode, PACE: '30' })
  try {
    if (!(await first.stopped)) return `it has not stopped: ${(await first.ended).stderr}`
    const began = performance.now()
    await second.committed(1)
    took(`${mode}, after SIGSTOP`, performance.now() - began)
    first.process.kill('SIGCONT')
    const woken = await first.ended
    return (await finished(second, mode, of)) ?? expectEnd(woken, 'failed', /MR-6102/)
  } finally {
    await ended(first, second)
  }
}

const compacting = (at: string): Partial<KillCase> => (at.startsWith('store.compact') ? { compactAboveBytes: 200 } : {})

/** See the head of this file. */
export const takeOvers: readonly Point[] = [
  ...PLACES.filter(({ at, sink }) => sink === 'append' || /^(text|log)\./.test(at)).map(({ at, sink }): Point => ({
    name: `driver: one that stands still at ${at} (${sink}) and wakes after another has taken over`,
    of: { sink, ...compacting(at) },
    cell: { row: at, column: `${systemOf(sink)}, none` },
    isTimeless: true,
    isOver: !CHECKPOINT_LOCKED.has(at) && !SINK_LOCKED.has(at),
    happens: (bench) => standsStill(bench, at),
  })),
  ...PLACES.flatMap(({ at, sink }, place) => {
    const point = (name: string, mode: Mode, happens: Point['happens']): Point => ({
      name: `driver: one that ${name} by ${mode}`,
      of: { sink, ...compacting(at) },
      cell: { row: at, column: `${systemOf(sink)}, ${mode}` },
      isTimeless: true,
      isOver: true,
      happens,
    })
    // Whoever stands still does not know how the other has waited: one way for each sink, and all three at each point.
    const mode = MODES[place % MODES.length] as Mode
    return [
      ...MODES.map((each) =>
        point(`is killed at ${at} (${sink}) while another stands`, each, (bench) => isKilled(bench, at, each)),
      ),
      point(`stands still at ${at} (${sink}) and wakes when another goes on that stood`, mode, (bench) =>
        wakesLater(bench, at, mode),
      ),
    ]
  }),
]

/** A driver with workers is killed while another one stands by that has others, or as many, or none. */
export const takeOversWithWorkers: readonly Point[] = [
  ...['store.plan.after', 'batch.commit', 'store.commit.durable', 'delivery.begin'].flatMap((at) =>
    (['append', 'upsert', 'log'] as const).map((sink): Point => ({
      name: `driver: one with 3 workers that is killed at ${at} (${sink}) while another with 2 stands by hot`,
      of: { sink },
      isTimeless: true,
      isOver: true,
      happens: (bench) => isKilled(bench, at, 'hot', ['3:process', '2:thread']),
    })),
  ),
  ...(['append', 'manifest'] as const).map((sink): Point => ({
    name: `driver: one with 2 workers that is killed at batch.commit (${sink}) while another with 4 processes stands by warm`,
    of: { sink },
    isTimeless: true,
    isOver: true,
    happens: (bench) => isKilled(bench, 'batch.commit', 'warm', ['2:thread', '4:process']),
  })),
]

/** Take-overs whose time is looked at: by the real clock, those after a kill one after the other. */
export const timed: readonly Point[] = MODES.flatMap((mode) =>
  (['append', 'upsert', 'log'] as const).flatMap((sink): readonly Point[] => [
    {
      name: `driver: ${LEGS} that are killed in turn while another stands by ${mode} (${sink})`,
      of: { sink, batchSize: 1, batchMillis: 50 },
      isOver: true,
      happens: (bench) => relay(bench, mode),
    },
    {
      name: `driver: one that stands still until its lease has run out while another stands by ${mode} (${sink})`,
      of: { sink, batchSize: 3, batchMillis: 50 },
      isTimeless: true,
      isOver: true,
      happens: (bench) => runsOut(bench, mode),
    },
  ]),
)
