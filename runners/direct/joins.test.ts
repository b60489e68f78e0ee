/**
 * Joins against nested loops: over random elements, orders of arrival, watermarks and bundles, in every mode.
 */
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type Change,
  fixedWindows,
  globalWindows,
  insert,
  isChange,
  joinAsOf,
  joinTables,
  joinWithin,
  type KV,
  kv,
  leftJoin,
  type PCollection,
  type Pipeline,
  pipeline,
  retract,
  run,
  seededRandom,
  sessionWindows,
} from 'millrace'
import { at, testStream } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'

interface Item {
  readonly side: 0 | 1
  readonly key: string
  readonly id: number
  readonly at: number
}

interface Scenario {
  readonly seed: number
  readonly items: readonly Item[]
  readonly lateness: number
  readonly sides: (p: Pipeline) => {
    readonly left: PCollection<KV<string, number>>
    readonly right: PCollection<KV<string, number>>
  }
}

/** Random elements in a random order, with watermarks that pass none by more than the allowed lateness. */
function scenario(seed: number): Scenario {
  const random = seededRandom(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const span = 5 + below(60)
  const items = Array.from({ length: 2 + below(25) }, (_, id): Item => ({
    side: below(2) as 0 | 1,
    key: 'ab'.charAt(below(2)),
    id,
    at: below(span),
  }))
  const lateness = below(2) * below(10)
  const sides = (p: Pipeline): ReturnType<Scenario['sides']> => {
    const waiting = [...items]
    let script = testStream<Item>()
    let watermark = -Infinity
    while (waiting.length > 0) {
      const bundle = Array.from({ length: Math.min(waiting.length, 1 + below(4)) }, () =>
        waiting.splice(below(waiting.length), 1).map((item) => at(item.at, item)),
      ).flat()
      script = script.add(...bundle)
      const allowed = Math.min(...waiting.map((item) => item.at)) + lateness
      const next = Math.min(allowed, watermark === -Infinity ? below(span) : watermark + below(20))
      if (random() < 0.6 && next > watermark && next < 1e9) script = script.advanceWatermarkTo((watermark = next))
    }
    const all = p.apply('script', script.end()).windowInto('kept', globalWindows(), { allowedLateness: lateness })
    const of = (side: 0 | 1, name: string): PCollection<KV<string, number>> =>
      all.filter(`of ${name}`, (item) => item.side === side).map(name, ({ key, id }) => kv(key, id))
    return { left: of(0, 'left'), right: of(1, 'right') }
  }
  return { seed, items, lateness, sides }
}

const seeds = Array.from({ length: 12 }, (_, i) => i + 1)
const texts = (rows: readonly unknown[]): readonly string[] => rows.map((row) => JSON.stringify(row)).sort()

inEveryMode((options) => {
  describe.each(['inner', 'left', 'right', 'full'] as const)('joinWithin, %s', (kind) => {
    it.each(seeds)('gives what nested loops give, seed %i', async (seed) => {
      const { items, sides } = scenario(seed)
      const [before, after] = [seed % 7, (seed * 5) % 11]
      const [lefts, rights] = [items.filter(({ side }) => side === 0), items.filter(({ side }) => side === 1)]
      const isPair = (l: Item, r: Item): boolean => l.key === r.key && r.at - l.at >= -before && r.at - l.at <= after
      const expected = [
        ...lefts.flatMap((l) =>
          rights.filter((r) => isPair(l, r)).map((r) => [l.key, l.id, r.id, Math.max(l.at, r.at)]),
        ),
        ...(kind === 'left' || kind === 'full'
          ? lefts.filter((l) => !rights.some((r) => isPair(l, r))).map((l) => [l.key, l.id, '-', l.at])
          : []),
        ...(kind === 'right' || kind === 'full'
          ? rights.filter((r) => !lefts.some((l) => isPair(l, r))).map((r) => [r.key, '-', r.id, r.at])
          : []),
      ]
      const p = pipeline()
      joinWithin('join', sides(p), { within: { before, after }, kind }).collect('out')
      const result = await run(p, options)
      const rows = result
        .collectWindowed<KV<string, { left?: number; right?: number }>>('out')
        .map(({ value: { key, value }, timestamp }) => [key, value.left ?? '-', value.right ?? '-', timestamp])
      expect(texts(rows)).toEqual(texts(expected))
      expect(result.metrics.get('join', 'tooLate') ?? 0).toBe(0)
    })
  })

  it.each(seeds)('joinAsOf gives the version as of each element, seed %i', async (seed) => {
    const { items, sides } = scenario(seed)
    const keep = seed % 3 === 0 ? 9 : undefined
    // Of versions of one time the last to come would count.
    const isFirst = (item: Item): boolean =>
      items.find((other) => other.side === 1 && other.key === item.key && other.at === item.at) === item
    const versions = items.filter((item) => item.side === 1 && isFirst(item))
    const expected = items
      .filter(({ side }) => side === 0)
      .map((element) => {
        const version = versions
          .filter((each) => each.key === element.key && each.at <= element.at)
          .sort((a, b) => b.at - a.at)[0]
        const holds = version !== undefined && version.id % 4 !== 0 && element.at - version.at <= (keep ?? Infinity)
        return [element.key, element.id, holds ? version.id : '-', element.at]
      })
    const ids = new Set(versions.map(({ id }) => id))
    const p = pipeline()
    const { left: stream, right } = sides(p)
    const table = right
      .filter('one of a time', ({ value }) => ids.has(value))
      .map('versions', ({ key, value }) => kv(key, value % 4 === 0 ? undefined : value))
    for (const kind of ['left', 'inner'] as const)
      joinAsOf(`as of ${kind}`, { stream, table }, { kind, ...(keep === undefined ? {} : { keep }) }).collect(
        `${kind} out`,
      )
    const result = await run(p, options)
    const rows = (kind: string): readonly unknown[] =>
      result
        .collectWindowed<KV<string, { stream: number; table?: number }>>(`${kind} out`)
        .map(({ value: { key, value }, timestamp }) => [key, value.stream, value.table ?? '-', timestamp])
    expect(texts(rows('left'))).toEqual(texts(expected))
    expect(texts(rows('inner'))).toEqual(texts(expected.filter((row) => row[2] !== '-')))
  })

  describe.each(['inner', 'left', 'right', 'full'] as const)('joinTables, %s', (kind) => {
    it.each(seeds)('its changes add up to the join of the newest versions, seed %i', async (seed) => {
      const { items, sides } = scenario(seed)
      const isFirst = (item: Item): boolean =>
        items.find(({ side, key, at: time }) => side === item.side && key === item.key && time === item.at) === item
      const ids = new Set(items.filter(isFirst).map(({ id }) => id))
      const p = pipeline()
      const all = sides(p)
      const versions = (side: 'left' | 'right'): PCollection<KV<string, number | undefined>> =>
        all[side]
          .filter(`one of a time ${side}`, ({ value }) => ids.has(value))
          .map(`versions ${side}`, ({ key, value }) => kv(key, value % 4 === 0 ? undefined : value))
      joinTables('join', { left: versions('left'), right: versions('right') }, { kind }).collect('out')
      const changes = (await run(p, options)).collect<Change<KV<string, { left?: number; right?: number }>>>('out')
      const standing = new Map<string, string>()
      for (const { kind: what, value } of changes) {
        const text = JSON.stringify(value)
        expect(standing.get(value.key)).toBe(what === 'retract' ? text : undefined)
        if (what === 'retract') standing.delete(value.key)
        else standing.set(value.key, text)
      }
      const newest = (side: 0 | 1, key: string): number | undefined => {
        const last = items
          .filter((item) => item.side === side && item.key === key && ids.has(item.id))
          .sort((a, b) => b.at - a.at)[0]
        return last === undefined || last.id % 4 === 0 ? undefined : last.id
      }
      const expected = ['a', 'b'].flatMap((key) => {
        const [left, right] = [newest(0, key), newest(1, key)]
        const isRow =
          (left !== undefined && right !== undefined) ||
          (left !== undefined && (kind === 'left' || kind === 'full')) ||
          (right !== undefined && (kind === 'right' || kind === 'full'))
        return isRow ? [JSON.stringify({ key, value: { left, right } })] : []
      })
      expect([...standing.values()].sort()).toEqual(expected.sort())
    })
  })

  it('joinTables takes changes, and a retraction of another row deletes nothing', async () => {
    const p = pipeline()
    const script = testStream<Change<KV<string, number>>>()
      .add(at(1, insert(kv('a', 1))))
      .add(at(2, insert(kv('a', 2))), at(2, retract(kv('a', 1))))
      .add(at(3, retract(kv('a', 2))))
    const right = p.create('right', [kv('a', 'x')], { timestamp: () => 0 })
    joinTables('join', { left: p.apply('left', script.end()), right }).collect('out')
    const changes = (await run(p, options)).collect<Change<KV<string, { left: number; right: string }>>>('out')
    const last = changes.at(-1)
    expect(changes.filter(isChange).reduce((sum, { kind }) => sum + (kind === 'insert' ? 1 : -1), 0)).toBe(0)
    expect(last).toEqual(retract(kv('a', { left: 2, right: 'x' })))
  })

  it('what comes too late for its partners is dropped and counted', async () => {
    const p = pipeline()
    const left = p.apply(
      'left',
      testStream<KV<string, number>>()
        .advanceWatermarkTo(50)
        .add(at(20, kv('a', 1)))
        .end(),
    )
    const right = p.apply('right', testStream<KV<string, number>>().advanceWatermarkTo(50).end())
    joinWithin('join', { left, right }, { within: 10, kind: 'full' }).collect('out')
    joinAsOf('as of', { stream: left, table: right }, { kind: 'left' }).collect('as of out')
    const result = await run(p, options)
    expect([result.collect('out'), result.collect('as of out')]).toEqual([[], []])
    expect(['join', 'as of'].map((step) => result.metrics.get(step, 'tooLate'))).toEqual([1, 1])
  })

  it('an element without partner comes when none can come any more, not before, and is not late', async () => {
    const p = pipeline()
    const script = testStream<KV<string, number>>()
      .add(at(5, kv('a', 1)))
      .advanceWatermarkTo(15)
    const left = p.apply('left', script.advanceWatermarkTo(16).end())
    const right = p.apply('right', testStream<KV<string, number>>().advanceWatermarkTo(100).end())
    joinWithin('join', { left, right }, { within: 10, kind: 'left' })
      .windowInto('ones', fixedWindows(10))
      .groupByKey('group')
      .collect('out')
    const out = (await run(p, options)).collectWindowed('out')
    expect(out.map(({ value, pane, window }) => [value, pane.timing, window.start])).toEqual([
      [kv('a', [{ left: 1, right: undefined }]), 'onTime', 0],
    ])
  })

  it('in windows, only elements of one window are pairs, and its end tells who has none', async () => {
    const p = pipeline()
    const timestamp = ({ value }: KV<string, number>): number => value
    const left = p.create('left', [kv('a', 8)], { timestamp }).windowInto('l', fixedWindows(10))
    const right = p.create('right', [kv('a', 9), kv('a', 11)], { timestamp }).windowInto('r', fixedWindows(10))
    joinWithin('join', { left, right }, { within: 5, kind: 'full' }).collect('out')
    const rows = (await run(p, options)).collect<KV<string, unknown>>('out').map(({ value }) => value)
    expect(texts(rows)).toEqual(texts([{ left: 8, right: 9 }, { right: 11 }]))
  })

  it('elements without timestamps are of one time', async () => {
    const p = pipeline()
    const sides = { left: p.create('left', [kv('a', 1), kv('b', 2)]), right: p.create('right', [kv('a', 3)]) }
    joinWithin('join', sides, { within: 5, kind: 'left' }).collect('out')
    joinAsOf('as of', { stream: sides.left, table: sides.right }, { kind: 'left' }).collect('as of out')
    const result = await run(p, options)
    expect(texts(result.collect('out'))).toEqual(
      texts([kv('a', { left: 1, right: 3 }), kv('b', { left: 2, right: undefined })]),
    )
    expect(texts(result.collect('as of out'))).toEqual(
      texts([kv('a', { stream: 1, table: 3 }), kv('b', { stream: 2, table: undefined })]),
    )
  })
})

describe('construction of joins', () => {
  const sides = (p: Pipeline) => ({ left: p.create('l', [kv('a', 1)]), right: p.create('r', [kv('a', 'x')]) })

  it('types say which side may be missing', () => {
    const p = pipeline()
    const both = sides(p)
    expectTypeOf(joinWithin('inner', both, { within: 5 })).toEqualTypeOf<
      PCollection<KV<string, import('millrace').Joined<number, string>>>
    >()
    const left = joinWithin('left', both, { within: 5, kind: 'left' })
    left.map('right of it', ({ value }) => {
      expectTypeOf(value.left).toEqualTypeOf<number>()
      expectTypeOf(value.right).toEqualTypeOf<string | undefined>()
    })
    leftJoin('classical', both).map('left of it', ({ value }) => {
      expectTypeOf(value.right).toEqualTypeOf<string | undefined>()
    })
    joinAsOf('as of', { stream: both.left, table: both.right }).map('table', ({ value }) => {
      expectTypeOf(value.table).toEqualTypeOf<string>()
    })
    // @ts-expect-error keys of different types
    joinWithin('keys', { left: both.left, right: p.create('n', [kv(1, 2)]) }, { within: 5 })
  })

  it.each([
    [
      'windows that merge',
      /joinWithin "join" joins in windows that merge/,
      (p: Pipeline) => {
        const { left, right } = sides(p)
        const [l, r] = [left.windowInto('lw', sessionWindows(5)), right.windowInto('rw', sessionWindows(5))]
        joinWithin('join', { left: l, right: r }, { within: 5 })
      },
    ],
    [
      'different windows',
      /different windows/,
      (p: Pipeline) => {
        const { left, right } = sides(p)
        joinAsOf('join', { stream: left.windowInto('lw', fixedWindows(5)), table: right })
      },
    ],
    [
      'a wrong kind',
      /joinTables "join" needs kind to be/,
      (p: Pipeline) => void joinTables('join', sides(p), { kind: 'outer' as never }),
    ],
    ['no interval', /joinWithin "join" needs within/, (p: Pipeline) => void joinWithin('join', sides(p), {} as never)],
    ['a wrong interval', /within.before/, (p: Pipeline) => void joinWithin('join', sides(p), { within: -1 })],
  ])('refuses %s', (_, message, build) => {
    expect(() => build(pipeline())).toThrow(message)
  })
})
