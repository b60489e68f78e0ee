import { describe, expect, it } from 'vitest'
import * as t from 'io-ts'
import { count, fixedWindows, kv, mean, min, pipeline, run, state, sum, typed } from 'millrace'
import { liftCombines } from '../core/lift-combines.js'
import { directRunner } from './direct-runner.js'

const strict = (seed: number) => ({ strict: true, seed })

describe('strict mode', () => {
  it('catches a step that changes its input, in every kind of step', async () => {
    const mutate = (o: { n: number }): { n: number } => {
      o.n++
      return o
    }
    const cases = {
      map: (p: ReturnType<typeof pipeline>) => p.create('objects', [{ n: 1 }]).map('step', mutate),
      asyncMap: (p: ReturnType<typeof pipeline>) =>
        p.create('objects', [{ n: 1 }]).map('step', async (o) => Promise.resolve(mutate(o))),
      filter: (p: ReturnType<typeof pipeline>) =>
        p.create('objects', [{ n: 1 }]).filter('step', (o) => mutate(o).n > 0),
      keyBy: (p: ReturnType<typeof pipeline>) => p.create('objects', [{ n: 1 }]).keyBy('step', (o) => mutate(o).n),
      parDo: (p: ReturnType<typeof pipeline>) =>
        p.create('objects', [{ n: 1 }]).parDo('step', { process: (o) => void mutate(o) }),
    }
    for (const [kind, build] of Object.entries(cases)) {
      const p = pipeline()
      build(p)
      await expect(run(p, strict(1)), kind).rejects.toThrow(/step "step" failed in process: the step changed its input/)
      const fast = pipeline()
      build(fast)
      await expect(run(fast), kind).resolves.toBeDefined()
    }
  })

  it('gives each reader a copy of its own', async () => {
    const p = pipeline()
    const objects = p.create('objects', [{ list: [1] }])
    const seen: unknown[] = []
    objects.map('a', (o) => void seen.push(o.list))
    objects.map('b', (o) => void seen.push(o.list))
    await run(p, strict(1))
    expect(seen[0]).toEqual(seen[1])
    expect(seen[0]).not.toBe(seen[1])
  })

  it('refuses elements that could not travel: class instances, functions, fields beside key and value', async () => {
    class Money {
      readonly cents = 1
    }
    for (const [value, message] of [
      [new Money(), /Money/],
      [() => 1, /function/],
      [{ deep: [new Money()] }, /\$\.deep\[0\]/],
    ] as const) {
      const p = pipeline()
      p.create('one', [1])
        .map('makes', () => value as unknown)
        .map('reads', (v) => v)
      await expect(run(p, strict(1))).rejects.toThrow(message)
    }
    const p = pipeline()
    p.create('pairs', [{ key: 'a', value: 1, extra: true }]).groupByKey('group')
    await expect(run(p, strict(1))).rejects.toThrow()
  })

  it('state is stored as its coder gives it back', async () => {
    const p = pipeline()
    p.create('pairs', [kv('a', 1), kv('a', 2)])
      .parDo('keeps', {
        output: t.number,
        state: { list: state.value(t.array(t.number)) },
        process(_pair, { state, emit }) {
          const list = state.list.read() ?? []
          list.push(1)
          emit(list.length)
          if (list.length === 1) state.list.write(list)
          list.push(2)
        },
      })
      .collect('out')
    expect((await run(p, strict(1))).collect('out')).toEqual([1, 2])
  })

  it('says with which seed it failed, and that seed fails again in the same way', async () => {
    const build = () => {
      const p = pipeline()
      let bundles = 0
      p.create(
        'numbers',
        Array.from({ length: 40 }, (_, i) => i),
      ).parDo('unlucky', {
        startBundle: () => void bundles++,
        process: (n) => {
          if (n === 20) throw new Error(`in bundle ${bundles}`)
        },
      })
      return p
    }
    const first: unknown = await run(build(), { strict: true }).catch((error: unknown) => error)
    const message = (first as Error).message
    const seed = Number(/strict mode used seed (\d+); run again with \{ strict: true, seed: \1 \}/.exec(message)?.[1])
    expect(seed).toBeGreaterThanOrEqual(0)
    for (let i = 0; i < 3; i++) {
      await expect(run(build(), { strict: true, seed })).rejects.toThrow(/in bundle (\d+)/.exec(message)?.[0])
    }
  })

  it('other seeds cut other bundles', async () => {
    const sizes = new Set<string>()
    for (let seed = 1; seed <= 10; seed++) {
      const p = pipeline()
      const cut: number[] = []
      p.create(
        'numbers',
        Array.from({ length: 40 }, (_, i) => i),
      ).parDo('count', {
        startBundle: () => void cut.push(0),
        process: () => void (cut[cut.length - 1] = (cut.at(-1) ?? 0) + 1),
      })
      await run(p, strict(seed))
      sizes.add(cut.join())
    }
    expect(sizes.size).toBeGreaterThan(7)
  })

  it('context.random is seeded', async () => {
    const draw = async (seed: number): Promise<unknown> => {
      const p = pipeline()
      p.create('numbers', [1, 2, 3])
        .parDo('draw', { output: typed<number>(), process: (_n, { random, emit }) => emit(random()) })
        .collect('out')
      return (await run(p, strict(seed))).collect('out')
    }
    expect(await draw(5)).toEqual(await draw(5))
    expect(await draw(5)).not.toEqual(await draw(6))
  })
})

describe('combine lifting', () => {
  it('gives the same results, with reserved steps between', async () => {
    const p = pipeline()
    const pairs = p
      .create(
        'pairs',
        Array.from({ length: 100 }, (_, i) => ({ key: i % 7, value: i })),
        { timestamp: ({ value }) => value },
      )
      .windowInto('tens', fixedWindows(10), { timestampCombiner: 'earliest' })
    pairs.combinePerKey('sum', sum()).collect('sum out')
    pairs.combinePerKey('mean', mean()).collect('mean out')
    pairs.combinePerKey('least', min()).collect('least out')
    pairs.values('values').combineGlobally('count', count()).collect('count out')
    const built = p.build()
    const lifted = liftCombines(built)
    expect([...lifted.graph.components.transforms.keys()].filter((id) => id.startsWith('sum'))).toEqual(
      expect.arrayContaining(['sum', 'sum/$precombine', 'sum/$group', 'sum/$merge', 'sum/$extract']),
    )
    for (const stageCompiler of ['generated', 'closures'] as const) {
      const [a, b] = [
        await directRunner().start(built, { stageCompiler, bundleSize: 9 }).result,
        await directRunner().start(lifted, { stageCompiler, bundleSize: 9 }).result,
      ]
      for (const name of ['sum out', 'mean out', 'least out', 'count out']) {
        const text = (result: typeof a): string[] =>
          result
            .collectWindowed(name)
            .map(({ value, timestamp, window }) => JSON.stringify([value, timestamp, window]))
            .sort()
        expect(text(b)).toEqual(text(a))
        expect(text(a).length).toBeGreaterThan(0)
      }
    }
  })

  it('leaves combines over sessions alone', async () => {
    const { sessionWindows } = await import('millrace')
    const p = pipeline()
    p.create('pairs', [kv('a', 1)])
      .windowInto('sessions', sessionWindows(5))
      .combinePerKey('sum', sum())
    const built = p.build()
    expect([...liftCombines(built).graph.components.transforms.keys()]).toEqual([
      ...built.graph.components.transforms.keys(),
    ])
  })
})
