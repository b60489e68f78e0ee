/**
 * Graphs that change between two runs on one checkpoint: what is explained, what goes on, what has to be named, and that an end in the
 * middle of it loses nothing.
 */
import { cpSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as t from 'io-ts'
import {
  afterCount,
  afterWatermark,
  type Env,
  fixedWindows,
  type Pipeline,
  repeatedly,
  sessionWindows,
  slidingWindows,
  state,
  timer,
  typed,
} from 'millrace'
import { microBatchRunner } from 'millrace/micro-batch'
import { describe, expect, it } from 'vitest'
import { Feed, refusal, runOn } from '../../../conformance/support/feeds.js'
import { testFolders } from '../../../conformance/support/test-folders.js'
import { nodeEnv } from '../../direct/node.js'
import { nodeCapabilities } from '../node.js'

const folder = testFolders('graphs')
const newPlace = (): string => join(folder(), 'kept')
const MINUTE = 60_000

/** A checkpoint of a pipeline that has read some numbers, and what comes next. */
async function written(
  build: (p: Pipeline, feed: Feed<number>) => unknown,
  numbers: readonly number[] = [1, 2, 3],
): Promise<{ readonly checkpoint: string; readonly feed: Feed<number> }> {
  const checkpoint = newPlace()
  const feed = new Feed<number>()
  for (const n of numbers) feed.add(n, n * 1000)
  await runOn(checkpoint, (p) => build(p, feed), [feed])
  return { checkpoint, feed }
}

const migrate = { onChange: 'migrate' } as const

/** Counts what comes, in a step and cell of some name. */
const counting =
  (step = 'count', cell = 'n') =>
  (p: Pipeline, feed: Feed<number>): void => {
    p.apply('feed', feed.read())
      .keyBy('by', () => 'k')
      .parDo(step, {
        output: t.number,
        state: { [cell]: state.value(t.number, { initial: 0 }) },
        process(_, { state: cells, emit }) {
          const held = cells[cell]
          if (held === undefined) return
          held.write(held.read() + 1)
          emit(held.read())
        },
      })
      .map('seen', (n) => n)
      .collect('counts')
  }

/** Sums of windows. */
const summing =
  (windowed: (p: ReturnType<ReturnType<Feed<number>['read']>>) => ReturnType<ReturnType<Feed<number>['read']>>) =>
  (p: Pipeline, feed: Feed<number>): void => {
    windowed(p.apply('feed', feed.read()))
      .keyBy('by', () => 'k')
      .combinePerKey('sum', { of: (n) => n, monoid: { concat: (a: number, b: number) => a + b, empty: 0 } })
      .map('of key', ({ value }) => value)
      .collect('sums')
  }

describe('a step', () => {
  it('that comes in between is a change that must be said, and everything goes on', async () => {
    const { checkpoint, feed } = await written(counting())
    const withMap = (p: Pipeline): void => {
      p.apply('feed', feed.read())
        .map('as it is', (n) => n)
        .keyBy('by', () => 'k')
        .parDo('count', {
          output: t.number,
          state: { n: state.value(t.number, { initial: 0 }) },
          process(_, { state: { n }, emit }) {
            n.write(n.read() + 1)
            emit(n.read())
          },
        })
        .map('seen', (n) => n)
        .collect('counts')
    }
    const text = await refusal(runOn(checkpoint, withMap, [feed]))
    expect(text).toContain('step "as it is" is new')
    expect(text).toContain('its input changed its source from "feed/$read.out" to "as it is.out"')
    expect(text).toContain("onChange: 'migrate'")
    feed.add(4, 4000)
    const result = await runOn(checkpoint, withMap, [feed], migrate)
    expect(result.collect('counts')).toEqual([1, 2, 3, 4])
    expect(result.metrics.elements.get('seen.out')).toBe(4)
  })

  it('with another name keeps what it has when it is renamed, and must be named when it is not', async () => {
    const { checkpoint, feed } = await written(counting())
    feed.add(4, 4000)
    const renamed = (p: Pipeline): void => counting('number')(p, feed)
    const text = await refusal(runOn(checkpoint, renamed, [feed], migrate))
    expect(text).toContain('step "count" is gone')
    expect(text).toContain(
      "state and timers (3 entries): would be dropped, no step of the pipeline keeps it any more (dropState: 'count#state')",
    )
    expect(text).toContain('step "number" is new')
    expect(text).toContain('state and timers: begins empty')
    const dropped = join(folder(), 'dropped')
    cpSync(checkpoint, dropped, { recursive: true })
    const anew = await runOn(dropped, renamed, [feed], { ...migrate, dropState: ['count'] })
    expect(anew.collect('counts')).toEqual([1, 2, 3, 1])
    const result = await runOn(checkpoint, renamed, [feed], { ...migrate, renameSteps: { count: 'number' } })
    expect(result.collect('counts')).toEqual([1, 2, 3, 4])
  })

  it('that has another name by mistake is named with what there is', async () => {
    const { checkpoint, feed } = await written(counting())
    const options = { ...migrate, renameSteps: { cuont: 'number' } }
    const text = await refusal(runOn(checkpoint, (p) => counting('number')(p, feed), [feed], options))
    expect(text).toContain('renameSteps names "cuont"')
    expect(text).toContain('"count"')
    const drops = { ...migrate, dropState: ['cuont'] }
    expect(await refusal(runOn(checkpoint, (p) => counting('number')(p, feed), [feed], drops))).toContain(
      'dropState names "cuont"',
    )
  })

  it('that is a source and is dropped begins to read anew', async () => {
    const { checkpoint, feed } = await written(counting())
    const build = (p: Pipeline): void => {
      p.apply('other feed', feed.read())
        .keyBy('by', () => 'k')
        .parDo('count', {
          output: t.number,
          state: { n: state.value(t.number, { initial: 0 }) },
          process(_, { state: { n }, emit }) {
            n.write(n.read() + 1)
            emit(n.read())
          },
        })
        .map('seen', (n) => n)
        .collect('counts')
    }
    const text = await refusal(runOn(checkpoint, build, [feed], migrate))
    expect(text).toContain('how far it has read (2 entries): would be dropped')
    const result = await runOn(checkpoint, build, [feed], { ...migrate, dropState: ['feed'] })
    expect(result.collect('counts')).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('that was migrated once needs no word more, and what is said changes nothing', async () => {
    const { checkpoint, feed } = await written(counting())
    const renamed = (p: Pipeline): void => counting('number')(p, feed)
    const options = { ...migrate, renameSteps: { count: 'number' } }
    await runOn(checkpoint, renamed, [feed], options)
    feed.add(4, 4000)
    await runOn(checkpoint, renamed, [feed], options)
    feed.add(5, 5000)
    const result = await runOn(checkpoint, renamed, [feed], { ...migrate, dropState: ['number'] })
    expect(result.collect('counts')).toEqual([1, 2, 3, 4, 5])
  })
})

describe('a state cell', () => {
  it('that comes begins empty beside the one that is there, whatever their order', async () => {
    const { checkpoint, feed } = await written(counting())
    feed.add(4, 4000)
    const build = (p: Pipeline): void => {
      p.apply('feed', feed.read())
        .keyBy('by', () => 'k')
        .parDo('count', {
          output: t.number,
          state: { all: state.bag(t.number), n: state.value(t.number, { initial: 0 }) },
          process({ value }, { state: { all, n }, emit }) {
            all.add(value)
            n.write(n.read() + 1)
            emit(n.read() * 100 + [...all.read()].length)
          },
        })
        .map('seen', (n) => n)
        .collect('counts')
    }
    expect(await refusal(runOn(checkpoint, build, [feed]))).toContain('state cell "all": begins empty')
    expect((await runOn(checkpoint, build, [feed], migrate)).collect('counts')).toEqual([1, 2, 3, 401])
  })

  it('that goes, or is of another kind, is dropped when it is named', async () => {
    const { checkpoint, feed } = await written(counting())
    feed.add(4, 4000)
    const build = (p: Pipeline): void => counting('count', 'm')(p, feed)
    const text = await refusal(runOn(checkpoint, build, [feed], migrate))
    expect(text).toContain(
      `state cell "n" (in the 3 entries of its step): would be dropped, the step has no such cell any more (dropState: 'count#n')`,
    )
    const result = await runOn(checkpoint, build, [feed], { ...migrate, dropState: ['count#n'] })
    expect(result.collect('counts')).toEqual([1, 2, 3, 1])
  })

  it('whose codec takes fewer values is checked value by value, and refused as it is when one does not fit', async () => {
    const keeping = (codec: t.Type<string | number>) => (p: Pipeline, feed: Feed<number>) => {
      p.apply('feed', feed.read())
        .keyBy('by', (n) => n % 2)
        .parDo('last', {
          output: typed<unknown>(),
          state: { last: state.value(codec) },
          process({ key, value }, { state: { last }, emit }) {
            emit(last.read() ?? 'none')
            last.write(key === 0 && value < 10 ? 'even' : value)
          },
        })
        .collect('last')
    }
    const wide = t.union([t.string, t.number])
    const narrow = t.number as unknown as t.Type<string | number>
    const fits = await written(keeping(wide), [1, 3])
    fits.feed.add(5, 5000)
    const read = (place: typeof fits) =>
      runOn(place.checkpoint, (p) => keeping(narrow)(p, place.feed), [place.feed], migrate)
    expect((await read(fits)).collect('last')).toEqual(['none', 1, 3])
    const not = await written(keeping(wide), [1, 2])
    const text = await refusal(read(not))
    expect(text).toMatch(/step "last": a value that is kept does not fit the new codec: .*"even"/)
    not.feed.add(12, 5000)
    const before = await runOn(not.checkpoint, (p) => keeping(wide)(p, not.feed), [not.feed])
    expect(before.collect('last')).toEqual(['none', 'none', 'even'])
  })
})

describe('timers', () => {
  const ticking =
    (names: readonly string[]) =>
    (p: Pipeline, feed: Feed<number>): void => {
      p.apply('feed', feed.read())
        .keyBy('by', () => 'k')
        .parDo('ring', {
          output: t.string,
          timers: Object.fromEntries(names.map((name) => [name, timer.eventTime()])),
          process(_, { timers, timestamp }) {
            for (const name of names) timers[name]?.set(timestamp + 10 * MINUTE)
          },
          onTimer: Object.fromEntries(
            names.map((name) => [name, ({ emit }: { readonly emit: (text: string) => void }) => emit(name)]),
          ),
        })
        .collect('rung')
    }

  it('go on by their names, and are dropped when they are named', async () => {
    const { checkpoint, feed } = await written(ticking(['first', 'second']), [1])
    feed.isClosed = true
    const build = (p: Pipeline): void => ticking(['other', 'second'])(p, feed)
    expect(await refusal(runOn(checkpoint, build, [feed], migrate))).toContain(
      `timer "first" (in the 3 entries of its step): would be dropped, the step has no such timer any more (dropState: 'ring#first')`,
    )
    const result = await runOn(checkpoint, build, [feed], { ...migrate, dropState: ['ring#first'] })
    expect(result.collect('rung')).toEqual(['second'])
  })
})

describe('what is grouped', () => {
  const fixed = (size: number) => summing((numbers) => numbers.windowInto('in', fixedWindows(size)))

  it('goes on in windows that are open when windows have another size', async () => {
    const { checkpoint, feed } = await written(fixed(10 * MINUTE))
    feed.add(10, 11 * MINUTE).isClosed = true
    const build = (p: Pipeline): void => fixed(5 * MINUTE)(p, feed)
    const text = await refusal(runOn(checkpoint, build, [feed]))
    expect(text).toContain('changed its windows from fixed(offsetMillis 0, sizeMillis 600000)')
    expect(text).toContain('what it has accumulated (3 entries): kept')
    const result = await runOn(checkpoint, build, [feed], migrate)
    expect(result.collectWindowed('sums').map(({ value, window }) => [value, window.maxTimestamp + 1])).toEqual([
      [6, 10 * MINUTE],
      [10, 15 * MINUTE],
    ])
  })

  it.each([
    [
      'sessions',
      (numbers: never) =>
        (numbers as ReturnType<ReturnType<Feed<number>['read']>>).windowInto('in', sessionWindows(MINUTE)),
    ],
    [
      'sliding windows',
      (numbers: never) =>
        (numbers as ReturnType<ReturnType<Feed<number>['read']>>).windowInto(
          'in',
          slidingWindows(10 * MINUTE, { every: MINUTE }),
        ),
    ],
    [
      'another trigger',
      (numbers: never) =>
        (numbers as ReturnType<ReturnType<Feed<number>['read']>>).windowInto('in', fixedWindows(10 * MINUTE), {
          trigger: afterWatermark({ early: repeatedly(afterCount(2)) }),
        }),
    ],
  ])('has no place in %s, and is dropped when it is named', async (_, windowed) => {
    const { checkpoint, feed } = await written(fixed(10 * MINUTE))
    feed.add(10, 5000).isClosed = true
    const build = (p: Pipeline): void => summing(windowed as never)(p, feed)
    expect(await refusal(runOn(checkpoint, build, [feed], migrate))).toContain("(dropState: 'sum#values')")
    const result = await runOn(checkpoint, build, [feed], { ...migrate, dropState: ['sum'] })
    expect(new Set(result.collect('sums'))).toEqual(new Set([10]))
  })

  it('goes on with a trigger of the same form, and with more lateness', async () => {
    const counted = (count: number, lateness: number) =>
      summing((numbers) =>
        numbers.windowInto('in', fixedWindows(10 * MINUTE), {
          trigger: afterWatermark({ early: repeatedly(afterCount(count)), late: afterCount(1) }),
          accumulation: 'accumulating',
          allowedLateness: lateness,
        }),
      )
    const { checkpoint, feed } = await written(counted(5, 0))
    feed.add(4, 4000).isClosed = true
    const result = await runOn(checkpoint, (p) => counted(4, MINUTE)(p, feed), [feed], migrate)
    expect(result.collect('sums')).toContain(10)
    expect(result.collect<number>('sums').every((sum) => sum === 10)).toBe(true)
  })
})

describe('keys', () => {
  it('of another codec cannot be migrated', async () => {
    const keyed = (codec: t.Mixed) => (p: Pipeline, feed: Feed<number>) => {
      p.apply('feed', feed.read())
        .windowInto('in', fixedWindows(MINUTE))
        .keyBy('by', (n) => ({ n: n % 2 }), { codec: codec as never })
        .groupByKey('group')
        .map('size', ({ value }) => [...value].length)
        .collect('sizes')
    }
    const { checkpoint, feed } = await written(keyed(t.type({ n: t.Int })))
    feed.isClosed = true
    const build = (p: Pipeline): void => keyed(t.type({ n: t.number }))(p, feed)
    const text = await refusal(runOn(checkpoint, build, [feed]))
    expect(text).toContain(
      'the codec of its keys changed from { n: Int } to { n: number }, and keys decide where state lies',
    )
    expect(text).toContain("(dropState: 'group#values')")
    const result = await runOn(checkpoint, build, [feed], { ...migrate, dropState: ['group'] })
    expect(result.collect('sizes')).toEqual([])
  })
})

describe('the number of partitions', () => {
  it('may be another at each start, also together with a changed pipeline', async () => {
    const byKey = (step: string) => (p: Pipeline, feed: Feed<number>) => {
      p.apply('feed', feed.read())
        .keyBy('by', (n) => n % 10)
        .parDo(step, {
          output: t.number,
          state: { n: state.value(t.number, { initial: 0 }) },
          process(_, { state: { n }, emit }) {
            n.write(n.read() + 1)
            emit(n.read())
          },
        })
        .collect('counts')
    }
    const numbers = Array.from({ length: 20 }, (_, i) => i)
    const { checkpoint, feed } = await written(byKey('count'), numbers)
    const partitionsNow = (): number =>
      readdirSync(checkpoint).filter((name) => /^state-\d+(\.\d+)?\.sqlite$/.test(name)).length
    for (const [at, partitions] of [3, 8, 2, 1].entries()) {
      for (const n of numbers) feed.add(n, 1000 * (at + 1) * 20)
      const isLast = partitions === 1
      await runOn(checkpoint, (p) => byKey(isLast ? 'number' : 'count')(p, feed), [feed], {
        partitions,
        ...(isLast ? { ...migrate, renameSteps: { count: 'number' } } : {}),
      })
      expect(partitionsNow()).toBe(partitions)
    }
    const result = await runOn(checkpoint, (p) => byKey('number')(p, feed), [feed])
    const counts = result.collect<number>('counts')
    expect(counts.length).toBe(100)
    for (let n = 1; n <= 10; n++) expect(counts.filter((count) => count === n).length).toBe(10)
  })

  it('stays when nobody says another', async () => {
    const { checkpoint, feed } = await written(counting())
    await runOn(checkpoint, (p) => counting()(p, feed), [feed], { partitions: 4 })
    feed.add(4, 4000)
    const result = await runOn(checkpoint, (p) => counting()(p, feed), [feed])
    expect(result.collect('counts')).toEqual([1, 2, 3, 4])
    expect(existsSync(join(checkpoint, 'state-3.1.sqlite'))).toBe(true)
  })
})

describe('a crash while a checkpoint is migrated', () => {
  it('leaves it as it was or as it is to be, at each point', async () => {
    const { checkpoint, feed } = await written(counting())
    feed.add(4, 4000)
    const renamed = (p: Pipeline): void => counting('number')(p, feed)
    const options = { ...migrate, renameSteps: { count: 'number' }, partitions: 2 }
    let driver = 0
    for (let point = 1, isThrough = false; !isThrough; point++) {
      const copy = join(folder(), 'kept')
      cpSync(checkpoint, copy, { recursive: true })
      let left = point
      let crashed = ''
      const env: Env = {
        ...nodeEnv(),
        crashpoint(name) {
          if (crashed !== '' || name === 'query.restored') return void (crashed ||= 'through')
          if (--left > 0) return
          crashed = name
          throw new Error(`crash at ${name}`)
        },
      }
      const runner = (): ReturnType<typeof microBatchRunner> =>
        microBatchRunner({}, { ...nodeCapabilities(), driver: { own: `driver ${driver++}`, isGone: () => true } })
      await runOn(copy, renamed, [feed], { ...options, runner: runner(), env }).catch(() => undefined)
      isThrough = crashed === 'through'
      const result = await runOn(copy, renamed, [feed], { ...options, runner: runner() })
      expect({ crashed, counts: result.collect('counts') }).toEqual({ crashed, counts: [1, 2, 3, 4] })
    }
  })
})

describe('a batch that was not finished', () => {
  it('is finished by the pipeline that has read it, where its elements are nowhere else', async () => {
    const checkpoint = newPlace()
    const feed = new Feed<number>().add(1, 1000).add(2, 2000)
    const env: Env = {
      ...nodeEnv(),
      crashpoint(name) {
        if (name === 'batch.commit' && feed.given > 0) throw new Error('crash')
      },
    }
    const reading = (cell: string) => (p: Pipeline) => counting('count', cell)(p, feed)
    let drivers = 0
    const runner = (): ReturnType<typeof microBatchRunner> =>
      microBatchRunner({}, { ...nodeCapabilities(), driver: { own: `driver of ${drivers++}`, isGone: () => true } })
    feed.isReplayable = false
    expect(await refusal(runOn(checkpoint, reading('n'), [feed], { runner: runner(), env }))).toBe('crash')
    const changed = { ...migrate, dropState: ['count'] }
    const text = await refusal(runOn(checkpoint, reading('m'), [feed], { ...changed, runner: runner() }))
    expect(text).toMatch(/batch 1 of .* is planned and not finished, and holds elements that cannot be read again/)
    await runOn(checkpoint, reading('n'), [feed], { runner: runner() })
    feed.add(3, 3000)
    const result = await runOn(checkpoint, reading('m'), [feed], { ...changed, runner: runner() })
    expect(result.collect('counts')).toEqual([1, 2, 1])
  })

  it('and has not delivered all, is delivered by the step that made it', async () => {
    let isAway = true
    const taken: number[] = []
    const delivering = (step: string) => (p: Pipeline, feed: Feed<number>) => {
      p.apply('feed', feed.read()).parDo(step, {
        delivery: {
          codec: t.number,
          repeats: 'visible',
          deliver(items) {
            if (isAway) throw new Error('the sink is away')
            taken.push(...items)
          },
        },
        process: (n, { deliver }) => deliver(n),
      })
    }
    const checkpoint = newPlace()
    const feed = new Feed<number>().add(1, 1000)
    expect(await refusal(runOn(checkpoint, (p) => delivering('hand over')(p, feed), [feed]))).toContain('away')
    isAway = false
    const renamed = { ...migrate, renameSteps: { 'hand over': 'send' } }
    const text = await refusal(runOn(checkpoint, (p) => delivering('send')(p, feed), [feed], renamed))
    expect(text).toContain('what step "hand over" delivers in batch 1')
    await runOn(checkpoint, (p) => delivering('hand over')(p, feed), [feed])
    feed.add(2, 2000)
    await runOn(checkpoint, (p) => delivering('send')(p, feed), [feed], renamed)
    expect(taken).toEqual([1, 2])
  })
})
