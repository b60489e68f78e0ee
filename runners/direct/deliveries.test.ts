import * as t from 'io-ts'
import { expect, it } from 'vitest'
import {
  type DeliveryId,
  type Env,
  errorCode,
  flatten,
  kv,
  pipeline,
  run,
  state,
  timer,
  UnsupportedFeature,
} from 'millrace'
import { systemEnv } from 'millrace/direct'
import { inEveryMode } from '../../conformance/support/modes.js'
import { checkFeatures } from '../core/features.js'

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const sorted = (numbers: readonly number[]): readonly number[] => [...numbers].sort((a, b) => a - b)

/** A sink that keeps what it is given. */
function sink<T>(codec: t.Type<T>, log: string[] = []) {
  const items: T[] = []
  const ids: DeliveryId[] = []
  const delivery = {
    codec,
    repeats: 'harmless' as const,
    deliver(given: readonly T[], { id }: { readonly id: DeliveryId }) {
      log.push('deliver')
      ids.push(id)
      items.push(...given)
    },
  }
  return { items, ids, delivery }
}

inEveryMode((options) => {
  it('is brought to its sink once, whatever calls are made twice', async () => {
    const { items, ids, delivery } = sink(t.number)
    const p = pipeline()
    p.create('numbers', upTo(120)).parDo('write', {
      delivery,
      process: (n, { deliver }) => deliver(n),
    })
    await run(p, options)
    expect(sorted(items)).toEqual(upTo(120))
    const [first] = ids
    expect(first?.query).toMatch(/^[0-9a-z]{16}$/)
    expect(ids).toEqual(ids.map((_, i) => ({ query: first?.query, step: 'write', batch: i, shard: 0 })))
  })

  it('comes from elements, timers, windows that expire and the end of a bundle', async () => {
    const { items, delivery } = sink(t.string)
    const p = pipeline()
    p.create('numbers', [kv('a', 1), kv('b', 2)]).parDo('write', {
      delivery,
      state: { seen: state.value(t.number) },
      timers: { end: timer.eventTime() },
      process({ key, value }, { deliver, state: { seen }, timers: { end }, window }) {
        seen.write(value)
        end.set(window.maxTimestamp)
        deliver(`element ${key}`)
      },
      finishBundle: ({ deliver }) => deliver('bundle'),
      onTimer: { end: ({ key, deliver }) => deliver(`timer ${key}`) },
      onWindowExpiration: ({ key, deliver }) => deliver(`window ${key}`),
    })
    await run(p, options)
    expect([...new Set(items)].sort()).toEqual([
      'bundle',
      'element a',
      'element b',
      'timer a',
      'timer b',
      'window a',
      'window b',
    ])
    expect(items.filter((item) => item !== 'bundle')).toHaveLength(6)
  })

  it('is taken back with a call that failed, and delivered with the attempt that did not', async () => {
    const { items, delivery } = sink(t.string)
    const attempts = new Map<number, number>()
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.collect('letters'))
    p.create('numbers', upTo(30)).parDo('write', {
      delivery,
      onError: bad,
      retry: { attempts: 3 },
      process(n, { deliver }) {
        const made = (attempts.get(n) ?? 0) + 1
        attempts.set(n, made)
        deliver(`${n}`)
        if (n % 10 === 7 || (n % 10 === 3 && made % 3 === 1)) throw new Error('no')
      },
    })
    const result = await run(p, options)
    expect([...items].sort()).toEqual(
      upTo(30)
        .filter((n) => n % 10 !== 7)
        .map(String)
        .sort(),
    )
    expect(result.collect('bad/letters')).toHaveLength(3)
  })

  it('keeps the order of elements, also of calls that end out of order', async () => {
    const { items, delivery } = sink(t.number)
    const p = pipeline()
    p.create('numbers', upTo(20)).parDo('write', {
      delivery,
      async process(n, { deliver }) {
        for (let i = 0; i < 20 - n; i++) await Promise.resolve()
        deliver(n)
      },
    })
    await run(p, { ...options, ...(options.strict === true ? { bundleSize: 100 } : {}) })
    expect(sorted(items)).toEqual(upTo(20))
    if (options.strict !== true) expect(items).toEqual(upTo(20))
  })

  it('comes before whoever reads what the step emits', async () => {
    const log: string[] = []
    const { items, delivery } = sink(t.number, log)
    const p = pipeline()
    const written = p.create('numbers', upTo(40)).parDo('write', {
      output: t.number,
      delivery,
      process(n, { deliver, emit }) {
        deliver(n)
        emit(n)
      },
    })
    const late: number[] = []
    const look = (n: number): number => {
      if (!items.includes(n)) late.push(n)
      return n
    }
    written.map('read', look).collect('read')
    flatten('both', [written, written.map('again', look)])
      .map('more', look)
      .collect('more')
    const result = await run(p, options)
    expect(late).toEqual([])
    expect(sorted(result.collect<number>('read'))).toEqual(upTo(40))
    expect(result.collect('more')).toHaveLength(80)
  })

  it('fails the run when the sink fails, with the step', async () => {
    const p = pipeline()
    p.create('numbers', [1]).parDo('write', {
      delivery: { codec: t.number, repeats: 'visible', deliver: () => Promise.reject(new Error('the disk is full')) },
      process: (n, { deliver }) => deliver(n),
    })
    await expect(run(p, options)).rejects.toThrow(/step "write" failed in deliver[^]*the disk is full/)
  })

  it('gives the sink the resource of its step', async () => {
    const lines: string[] = []
    const p = pipeline()
    p.create('numbers', [1, 2]).parDo('write', {
      setup: ({ step }) => ({ prefix: `${step}: ` }),
      delivery: {
        codec: t.number,
        repeats: 'visible',
        deliver(items, { resource, step }) {
          for (const item of items) lines.push(`${resource.prefix}${item} by ${step}`)
        },
      },
      process: (n, { deliver }) => deliver(n),
    })
    await run(p, options)
    expect(lines.sort()).toEqual(['write: 1 by write', 'write: 2 by write'])
  })

  it('is refused where its call has ended, and where nothing is declared', async () => {
    const p = pipeline()
    let kept: ((item: number) => void) | undefined
    p.create('numbers', upTo(3)).parDo('write', {
      delivery: sink(t.number).delivery,
      concurrency: 1,
      async process(n, { deliver }) {
        kept?.(n)
        kept = deliver
        await Promise.resolve()
      },
    })
    expect(errorCode(await run(p, options).catch((error: unknown) => error))).toBe('MR-3002')
    const q = pipeline()
    q.create('numbers', [1]).parDo('write', {
      process: (n: number, context) => (context as unknown as { deliver(item: number): void }).deliver(n),
    })
    const refused = await run(q, options).catch((error: unknown) => error)
    expect(errorCode(refused)).toBe('MR-3014')
  })

  it('is checked by its codec in the call that hands it over', async () => {
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.map('which', ({ element }) => element).collect('letters'))
    const { items, delivery } = sink(t.number)
    p.create('numbers', [1, 'two', 3] as unknown[]).parDo('write', {
      delivery,
      onError: bad,
      process: (n, { deliver }) => deliver(n as number),
    })
    const result = await run(p, options)
    expect(sorted(items)).toEqual([1, 3])
    expect(result.collect('bad/letters')).toEqual(['two'])
  })
})

it('in strict mode what is delivered is what its codec keeps of it', async () => {
  const { items, delivery } = sink(t.type({ at: t.number }))
  const given = { at: 1 }
  const p = pipeline()
  p.create('numbers', [1, 2]).parDo('write', {
    delivery,
    process(n, { deliver }) {
      given.at = n
      deliver(given)
      given.at = 0
    },
  })
  await run(p, { strict: true, seed: 1 })
  expect(items.map(({ at }) => at).sort()).toEqual([1, 2])
})

it('stands between two points at which a crash is tried', async () => {
  const points: string[] = []
  const env: Env = { ...systemEnv(), crashpoint: (name) => void points.push(name) }
  const p = pipeline()
  p.create('numbers', [1]).parDo('write', {
    delivery: sink(t.number, points).delivery,
    process: (n, { deliver }) => deliver(n),
  })
  await run(p, { env })
  expect(points).toEqual(['delivery.begin', 'deliver', 'delivery.done'])
})

it('is a feature that a runner may lack', () => {
  const p = pipeline()
  p.create('numbers', [1]).parDo('write', {
    delivery: sink(t.number).delivery,
    process: (n, { deliver }) => deliver(n),
  })
  const features = new Set(['reshuffle'] as const)
  expect(() => checkFeatures(p.build(), 'small', features)).toThrow(UnsupportedFeature)
  expect(() => checkFeatures(p.build(), 'small', features)).toThrow(/delivery \(step "write"\)/)
})

it('refuses what is no delivery', () => {
  const declare = (delivery: unknown) => () =>
    pipeline()
      .create('numbers', [1])
      .parDo('write', { delivery: delivery as never, process: () => undefined })
  const deliver = (): void => undefined
  expect(declare({ repeats: 'harmless', deliver })).toThrow(expect.objectContaining({ code: 'MR-3028' }))
  expect(declare({ codec: t.number, repeats: 'harmless' })).toThrow(expect.objectContaining({ code: 'MR-3028' }))
  expect(declare({ codec: t.number, repeats: 'never', deliver })).toThrow(expect.objectContaining({ code: 'MR-1002' }))
  expect(declare({ codec: t.number, repeats: 'harmless', deliver, retries: 3 })).toThrow(
    expect.objectContaining({ code: 'MR-1001' }),
  )
})
