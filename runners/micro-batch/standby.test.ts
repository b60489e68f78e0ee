/** A second driver waits cold, warm or hot, takes over, and nothing is lost, repeated or let out before. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as t from 'io-ts'
import { fixedWindows, type Logger, pipeline, type Pipeline, run, start, state } from 'millrace'
import { writeLines } from 'millrace/io/text'
import { microBatchRunner } from 'millrace/micro-batch'
import { describe, expect, it } from 'vitest'
import { slowNumbers } from '../../conformance/support/slow-numbers.js'
import { testFolders } from '../../conformance/support/test-folders.js'
import type { RunnerOptions, RunningPipeline } from '../runner.js'
import { differingParts } from './following.js'
import { nodeCapabilities } from './node.js'

const folder = testFolders('standby')
const NUMBERS = 30
const numbers = slowNumbers(NUMBERS, 1)

/** Counts by key, and hands each count over. */
function counting(delivered: string[], own: (n: number) => number = (n) => n): Pipeline {
  const p = pipeline()
  p.apply('numbers', numbers)
    .keyBy('by', (n) => n % 3)
    .parDo('count', {
      output: t.string,
      state: { count: state.value(t.number, { initial: 0 }), note: state.value(t.number) },
      process({ key, value }, { state: { count, note }, emit }) {
        count.write(count.read() + 1)
        note.write(own(value))
        emit(`${key}: ${count.read()}`)
      },
    })
    .parDo('hand over', {
      delivery: { codec: t.string, repeats: 'visible', deliver: (items) => void delivered.push(...items) },
      process: (text, { deliver }) => deliver(text),
    })
  return p
}

const expected = Array.from({ length: NUMBERS }, (_, n) => `${n % 3}: ${Math.floor(n / 3) + 1}`)

function runner(): ReturnType<typeof microBatchRunner> {
  return microBatchRunner({ batchInterval: '90 ms' }, nodeCapabilities())
}

function logger(lines: string[]): Logger {
  const write = (fields: object | string, message?: string): void =>
    void lines.push(`${message ?? ''} ${JSON.stringify(fields)}`)
  return { trace: write, debug: write, info: write, warn: write, error: write, fatal: write } as unknown as Logger
}

/** @param of runs that must come to it: how one of them has ended says more than that it has not. */
async function until(holds: () => boolean, ...of: readonly RunningPipeline[]): Promise<void> {
  const ended: unknown[] = []
  for (const { result } of of)
    void result.then(
      ({ state: end }) => ended.push(end),
      (error: unknown) => ended.push(error),
    )
  for (const end = Date.now() + 20_000; !holds();) {
    if (ended.length > 0 && ended.length === of.length) throw new Error('all have ended before', { cause: ended })
    if (Date.now() > end) throw new Error('it has not come to that', { cause: ended })
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
const batches = (running: RunningPipeline): { committed: number; standby?: { batch: number } } =>
  running.status().batches ?? { committed: 0 }

const IN_PLACE: RunnerOptions = {}
const ON_WORKERS: RunnerOptions = { workers: 2, isolation: 'memory' }

describe.each([
  ['cold', 'in place', IN_PLACE],
  ['warm', 'in place', IN_PLACE],
  ['hot', 'in place', IN_PLACE],
  ['warm', 'on two workers', ON_WORKERS],
  ['hot', 'on two workers', ON_WORKERS],
] as const)('a %s standby, %s', (standby, _, where) => {
  const inOrder = (texts: readonly string[]): readonly string[] => (where === IN_PLACE ? texts : texts.toSorted())

  it('waits, lets nothing out, and takes over where the other has ended', { timeout: 60_000 }, async () => {
    const checkpoint = join(folder(), 'kept')
    const first: string[] = []
    const second: string[] = []
    const lines: string[] = []
    const leader = start(counting(first), { ...where, runner: runner(), checkpoint })
    await until(() => batches(leader).committed >= 2, leader)
    const waiting = start(counting(second), { ...where, runner: runner(), checkpoint, standby, logger: logger(lines) })
    await until(() => (batches(waiting).standby?.batch ?? -1) >= (standby === 'cold' ? 0 : 4), waiting)
    expect(second).toEqual([])
    const at = batches(leader).committed
    await until(() => batches(leader).committed > at, leader)
    leader.cancel()
    await leader.result
    const { state: end } = await waiting.result
    expect(end).toBe('DONE')
    expect(inOrder([...first, ...second])).toEqual(inOrder(expected))
    expect([first.length > 0, second.length > 0]).toEqual([true, true])
    expect(lines.join('\n')).toContain(`stands by (${standby})`)
    expect(lines.join('\n')).toContain(`takes over (${standby})`)
    expect(lines.join('\n')).not.toContain('differs')
  })

  it('is stopped while it waits, and has done nothing', { timeout: 60_000 }, async () => {
    const checkpoint = join(folder(), 'kept')
    const first: string[] = []
    const second: string[] = []
    const leader = start(counting(first), { ...where, runner: runner(), checkpoint })
    await until(() => batches(leader).committed >= 2, leader)
    const waiting = start(counting(second), { ...where, runner: runner(), checkpoint, standby })
    await until(() => batches(waiting).standby !== undefined, waiting)
    waiting.stop()
    expect((await waiting.result).state).toBe('STOPPED')
    await leader.result
    expect([inOrder(first), second]).toEqual([inOrder(expected), []])
  })

  it('leads at once where nobody does', async () => {
    const delivered: string[] = []
    await run(counting(delivered), { ...where, runner: runner(), checkpoint: join(folder(), 'kept'), standby })
    expect(inOrder(delivered)).toEqual(inOrder(expected))
  })
})

describe('a hot standby', () => {
  it(
    'reports a step that is not deterministic by its part of the state, and takes nothing of it over',
    { timeout: 60_000 },
    async () => {
      const checkpoint = join(folder(), 'kept')
      const lines: string[] = []
      const first: string[] = []
      const second: string[] = []
      const leader = start(
        counting(first, () => 1),
        { runner: runner(), checkpoint },
      )
      await until(() => batches(leader).committed >= 2, leader)
      const waiting = start(
        counting(second, () => 2),
        { runner: runner(), checkpoint, standby: 'hot', logger: logger(lines) },
      )
      await until(() => lines.some((line) => line.includes('as a warm one')), waiting)
      const differing = lines.filter((line) => line.includes('a hot standby differs'))
      expect(differing.length).toBeGreaterThan(0)
      for (const line of differing) expect(line).toMatch(/batch \d+ has changed something else .* in \\?"count /)
      leader.cancel()
      await leader.result
      await waiting.result
      expect([...first, ...second]).toEqual(expected)
    },
  )

  it.each([
    [{ workers: 3, isolation: 'memory' }, { workers: 1, isolation: 'memory' }, 'hot', undefined],
    [{ workers: 1, isolation: 'memory' }, { workers: 4, isolation: 'memory' }, 'hot', undefined],
    [{ workers: 2, isolation: 'memory' }, {}, 'warm', /cannot go on without workers now: another driver goes on/],
    [
      { workers: 1, isolation: 'memory' },
      {},
      'warm',
      /planned for 1 partition on workers, and here it would be done without/,
    ],
    [
      {},
      { workers: 2, isolation: 'memory' },
      'warm',
      /planned without workers, and here it would be done for 1 partition on/,
    ],
    [
      { workers: 2, isolation: 'memory' },
      { workers: 2, partitions: 5, isolation: 'memory' },
      'warm',
      /cannot be divided into 5/,
    ],
  ] as readonly (readonly [RunnerOptions, RunnerOptions, string, RegExp | undefined])[])(
    'of a driver with %j takes over with %j as a %s one',
    { timeout: 60_000 },
    async (its, own, as, why) => {
      const checkpoint = join(folder(), 'kept')
      const lines: string[] = []
      const first: string[] = []
      const second: string[] = []
      const leader = start(counting(first), { ...its, runner: runner(), checkpoint })
      await until(() => batches(leader).committed >= 2, leader)
      const waiting = start(counting(second), { ...own, runner: runner(), checkpoint, standby: 'hot', logger: logger(lines) }) // prettier-ignore
      await until(() => (batches(waiting).standby?.batch ?? -1) >= 4, waiting)
      leader.cancel()
      await leader.result
      expect((await waiting.result).state).toBe('DONE')
      expect([...first, ...second].toSorted()).toEqual(expected.toSorted())
      expect(second.length).toBeGreaterThan(0)
      const text = lines.join('\n')
      expect(text).toContain(`takes over (${as})`)
      expect(text).not.toContain('differs')
      if (why === undefined) expect(text).not.toContain('as a warm one')
      else expect(text).toMatch(why)
    },
  )

  it.each([IN_PLACE, ON_WORKERS])(
    'lets nothing be acknowledged a second time: %j',
    { timeout: 60_000 },
    async (where) => {
      const checkpoint = join(folder(), 'kept')
      const told: string[] = []
      const build = (name: string): Pipeline => {
        const p = pipeline()
        p.apply('numbers', numbers)
          .parDo('tell', {
            output: t.number,
            bundleFinalizer: true,
            process(n, { emit, afterCommit }) {
              afterCommit(() => void told.push(`${n} by ${name}`))
              emit(n)
            },
          })
          .keyBy('by', (n) => n % 3)
          .parDo('count', {
            output: t.number,
            state: { count: state.value(t.number, { initial: 0 }) },
            process: (_, { state: { count } }) => count.write(count.read() + 1),
          })
        return p
      }
      const leader = start(build('the first'), { ...where, runner: runner(), checkpoint })
      await until(() => batches(leader).committed >= 2, leader)
      const waiting = start(build('the second'), { ...where, runner: runner(), checkpoint, standby: 'hot' })
      await until(() => (batches(waiting).standby?.batch ?? -1) >= 2, waiting)
      // It has done some that the other has committed.
      const at = batches(waiting).standby?.batch ?? 0
      await until(() => (batches(waiting).standby?.batch ?? -1) >= at + 4, waiting)
      expect(told.filter((line) => line.endsWith('second'))).toEqual([])
      leader.cancel()
      await leader.result
      await waiting.result
      const numbersTold = told.map((line) => Number.parseInt(line))
      expect(new Set(numbersTold).size).toBe(numbersTold.length)
      expect(told.some((line) => line.endsWith('second'))).toBe(true)
      // What waits for a commit is gone with the process that waits: of the batch at which one has ended nobody hears.
      expect(numbersTold.length).toBeGreaterThan(NUMBERS - 10)
    },
  )

  it.each([IN_PLACE, ON_WORKERS])(
    'goes on as a warm one where steps write files before they deliver: %j',
    { timeout: 60_000 },
    async (where) => {
      const made = folder()
      const lines: string[] = []
      const minutes = 20
      const build = (): Pipeline => {
        const p = pipeline()
        // A file a few batches: whenever the standby comes, it meets one before the run is over.
        p.apply('numbers', slowNumbers(minutes * 60, 10))
          .windowInto('minutes', fixedWindows('1 minute'))
          .map('text', String)
          .apply('write', writeLines(join(made, 'out-{window.start|yyyy-MM-dd-HH-mm}.txt'), { shards: 1 }))
        return p
      }
      const checkpoint = join(made, 'kept')
      const leader = start(build(), { ...where, runner: runner(), checkpoint })
      await until(() => batches(leader).committed >= 2, leader)
      const waiting = start(build(), { ...where, runner: runner(), checkpoint, standby: 'hot', logger: logger(lines) })
      await until(() => lines.some((line) => line.includes('takes over') || line.includes('as a warm one')), waiting)
      expect(lines.join('\n')).toMatch(/it writes files while it stands by[^]* It goes on as a warm one/)
      leader.cancel()
      await leader.result
      await waiting.result
      expect(readdirSync(made).filter((name) => name.startsWith('out'))).toEqual(
        Array.from({ length: minutes }, (_, minute) => `out-1970-01-01-00-${String(minute).padStart(2, '0')}.txt`),
      )
    },
  )

  it('whose workers have written nothing yet writes files when it leads', { timeout: 60_000 }, async () => {
    const made = folder()
    const lines: string[] = []
    const build = (): Pipeline => {
      const p = pipeline()
      p.apply('numbers', numbers)
        .filter('later ones', (n) => n >= NUMBERS / 2)
        .windowInto('ten at a time', fixedWindows('10 seconds'))
        .map('text', String)
        .apply('write', writeLines(join(made, 'out-{window.start|yyyy-MM-dd-HH-mm-ss}.txt'), { shards: 1 }))
      return p
    }
    const checkpoint = join(made, 'kept')
    const leader = start(build(), { ...ON_WORKERS, runner: runner(), checkpoint })
    await until(() => batches(leader).committed >= 2, leader)
    const waiting = start(build(), {
      ...ON_WORKERS,
      runner: runner(),
      checkpoint,
      standby: 'hot',
      logger: logger(lines),
    })
    await until(() => (batches(waiting).standby?.batch ?? -1) >= 4, waiting)
    leader.cancel()
    await leader.result
    await waiting.result
    expect(lines.join('\n')).toContain('takes over (hot)')
    expect(readdirSync(made).filter((name) => name.startsWith('out'))).toEqual(
      [10, 20].map((second) => `out-1970-01-01-00-00-${second}.txt`),
    )
  })

  it('tells the parts in which changes differ', () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
    const change = (part: string, id: string, content?: string) => ({
      part,
      slot: 0,
      id: bytes(id),
      content: content === undefined ? undefined : bytes(content),
    })
    const theirs = [change('a', '1', 'x'), change('b', '1', 'x'), change('c', '1'), change('d', '1', 'x')]
    const own = [change('d', '1', 'x'), change('c', '1', 'x'), change('a', '1', 'x'), change('e', '1', 'x')]
    expect(differingParts(theirs, own)).toEqual(['b', 'c', 'e'])
  })
})

it('a standby without a checkpoint is refused', async () => {
  const p = pipeline()
  p.create('numbers', [1]).collect('out')
  await expect(run(p, { runner: 'micro-batch', standby: 'warm' })).rejects.toMatchObject({ code: 'MR-6072' })
  await expect(run(p, { standby: 'warm' })).rejects.toMatchObject({ code: 'MR-1016' })
})
