import { describe, expect, it } from 'vitest'
import { combineFields, type CombineFn, combineValues, count, kv, pipeline, run, withHotKeyFanout } from 'millrace'
import { inEveryMode } from '../../conformance/support/modes.js'

/** Sums by a table that exists only while it is alive. */
function withTable(log: string[], name = 'table'): CombineFn<number, number, number> {
  let table: ReadonlyMap<number, number> | undefined
  const alive = (): ReadonlyMap<number, number> => {
    if (table === undefined) throw new Error(`${name} is not set up`)
    return table
  }
  return {
    setup: async () => {
      await Promise.resolve()
      log.push(`setup ${name}`)
      table = new Map([
        [1, 10],
        [2, 20],
      ])
    },
    createAccumulator: () => alive().size - 2,
    addInput: (sum, n) => sum + (alive().get(n) ?? 0),
    mergeAccumulators: (a, b) => a + b + alive().size - 2,
    extractOutput: (sum) => sum + alive().size - 2,
    teardown: () => {
      log.push(`teardown ${name}`)
      table = undefined
    },
  }
}

inEveryMode((mode) => {
  it('is set up once before its first call, and torn down after its last', async () => {
    const log: string[] = []
    const p = pipeline()
    const combiner = withTable(log)
    const numbers = p.create('numbers', [1, 2, 2])
    numbers.keyBy('key', (n) => n).combinePerKey('per key', combiner).collect('per key') // prettier-ignore
    numbers.combineGlobally('all', combiner).collect('all')
    numbers.filter('none', () => false).combineGlobally('of nothing', combiner).collect('of nothing') // prettier-ignore
    const result = await run(p, mode)
    expect(result.collect('all')).toEqual([50])
    expect([...result.collect('per key')].map((each) => JSON.stringify(each)).sort()).toEqual([
      '{"key":1,"value":10}',
      '{"key":2,"value":40}',
    ])
    expect(result.collect('of nothing')).toEqual([0])
    expect(log).toEqual(['setup table', 'teardown table'])
  })

  it('keeps its life inside others', async () => {
    const log: string[] = []
    const p = pipeline()
    const pairs = p.create('pairs', [kv('a', 1), kv('a', 2)])
    const fields = combineFields({ one: withTable(log, 'one'), two: withTable(log, 'two'), number: count() })
    pairs.combinePerKey('fields', fields).map('value', ({ value }) => value).collect('fields') // prettier-ignore
    pairs.combinePerKey('hot', withHotKeyFanout(withTable(log, 'hot'), 3)).map('sum', ({ value }) => value).collect('hot') // prettier-ignore
    const result = await run(p, mode)
    expect(result.collect('fields')).toEqual([{ one: 30, two: 30, number: 2 }])
    expect(result.collect('hot')).toEqual([30])
    expect(log).toEqual(['setup one', 'setup two', 'setup hot', 'teardown hot', 'teardown two', 'teardown one'])
  })
})

describe('a combiner that fails', () => {
  it('to be set up is named, and torn down', async () => {
    const log: string[] = []
    const p = pipeline()
    const setup = (): never => {
      throw new Error('no table')
    }
    p.create('numbers', [1]).combineGlobally('sum', { ...withTable(log), setup }, { whenEmpty: 'nothing' })
    await expect(run(p)).rejects.toThrow(/step "sum.*failed in setup: no table/)
    expect(log).toEqual(['teardown table'])
  })

  it('to be torn down fails the run, and the others are torn down', async () => {
    const log: string[] = []
    const p = pipeline()
    const teardown = (): never => {
      throw new Error('still in use')
    }
    const numbers = p.create('numbers', [1])
    numbers.combineGlobally('first', withTable(log), { whenEmpty: 'nothing' })
    numbers.combineGlobally('second', { ...withTable(log), teardown }, { whenEmpty: 'nothing' })
    await expect(run(p)).rejects.toThrow(/still in use/)
    expect(log.filter((line) => line === 'teardown table')).toHaveLength(1)
  })

  it('in the run is torn down', async () => {
    const log: string[] = []
    const p = pipeline()
    p.create('numbers', [1])
      .map('fail', (): number => {
        throw new Error('no')
      })
      .combineGlobally('sum', withTable(log), { whenEmpty: 'nothing' })
    await expect(run(p)).rejects.toThrow(/no/)
    expect(log).toEqual(['setup table', 'teardown table'])
  })
})

it('values that are grouped already are not reduced by a combiner that has a life', () => {
  const groups = pipeline().create('groups', [kv('a', [1])])
  expect(() => groups.apply('sum', combineValues(withTable([])))).toThrow(/no way to set a combiner up/)
})
