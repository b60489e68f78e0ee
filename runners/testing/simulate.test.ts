import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { fixedWindows, kv, type Pipeline, pipeline, run, state, sum, typed } from 'millrace'
import { generateSequence } from 'millrace/io/generate'
import { assertThat, at, type Perturbation, simulate, testStream } from 'millrace/testing'
import { nodeEnv } from '../direct/node.js'

const quiet = { seeds: 6, print: false }
const prices = [3, 5, 4, 8, 1, 9, 2]

/** Elements at times, in windows of ten, that allow so much lateness. */
const timed = (p: Pipeline, allowedLateness: number) =>
  p
    .create('values', [1, 2, 13, 24, 5], { timestamp: (n) => n })
    .windowInto('tens', fixedWindows(10), { allowedLateness, accumulation: 'accumulating' })

const pipelines: readonly (readonly [string, (p: Pipeline) => unknown, readonly Perturbation[]])[] = [
  [
    'maps and filters',
    (p) =>
      p
        .create('n', prices)
        .map('double', (n) => n * 2)
        .filter('big', (n) => n > 5)
        .collect('out'),
    ['duplicates'],
  ],
  ['distinct elements', (p) => p.create('n', prices).distinct('each').collect('out'), []],
  [
    'a sum',
    (p) =>
      p
        .create('n', prices)
        .combineGlobally(
          'sum',
          sum((n: number) => n),
        )
        .collect('out'),
    ['duplicates'],
  ],
  [
    'groups as they are',
    (p) =>
      p
        .create('n', prices)
        .keyBy('parity', (n) => n % 2)
        .groupByKey('group')
        .collect('out'),
    ['duplicates'],
  ],
  [
    'the last value in order of arrival',
    (p) =>
      p
        .create('n', prices)
        .combineGlobally('last', { of: (n: number) => n, semigroup: { concat: (_: number, b: number) => b } })
        .collect('out'),
    ['order', 'duplicates'],
  ],
  [
    'the first element of a group',
    (p) =>
      p
        .create('n', prices)
        .keyBy('k', () => 'k')
        .groupByKey('group')
        .map('first', ({ value }) => [...value][0] as number)
        .print('show'),
    ['order'],
  ],
  [
    'windows that drop what is late',
    (p) => timed(p, 0).countPerElement('count').collect('out'),
    ['late', 'duplicates'],
  ],
  [
    'windows that wait for what is late',
    (p) =>
      timed(p, 1000)
        .keyBy('k', () => 'k')
        .combinePerKey('max', { of: (n: number) => n, semigroup: { concat: (a: number, b: number) => Math.max(a, b) } })
        .collect('out'),
    [],
  ],
]

describe('simulate says what changes the results of', () => {
  it.each(pipelines)('%s', async (_, build, changes) => {
    // prettier-ignore
    const { findings, verdict, text } = await simulate(build, quiet)
    expect(
      findings.map(({ perturbation }) => perturbation),
      text,
    ).toEqual(changes)
    expect(verdict === 'deterministic').toBe(changes.length === 0)
    expect(text).toContain(verdict)
  })
})

it('a step that keeps something between calls depends on attempts', async () => {
  const build = (p: Pipeline): void => {
    let count = 0
    p.create('n', prices).map('number', (n) => { count++; return n }).combineGlobally('sum', sum((n: number) => n)).map('counted', () => count).collect('out') // prettier-ignore
  }
  const { findings } = await simulate(build, { ...quiet, perturb: ['attempts'] })
  expect(findings).toMatchObject([{ perturbation: 'attempts', step: 'counted' }])
})

it('a step with state that depends on order is found, and the step is named', async () => {
  const build = (p: Pipeline): void => {
    p.create('n', prices)
      .map('same', (n) => n)
      .keyBy('one', () => 'k')
      .parDo('rises', {
        output: typed<number>(),
        state: { last: state.value(t.number, { initial: 0 }) },
        process({ value }, { state, emit }) {
          if (value > state.last.read()) emit(value)
          state.last.write(value)
        },
      })
      .map('after', (n) => n)
      .collect('out')
  }
  const { findings, verdict } = await simulate(build, { ...quiet, perturb: ['order', 'attempts'] })
  expect(verdict).toBe('order-dependent')
  expect(findings[0]).toMatchObject({
    step: 'rises',
    message: expect.stringMatching(/^"after" comes out with/) as string,
  })
})

it('a scenario is as small as it can be, is plain data, and shows the difference again', async () => {
  const build = (p: Pipeline): void => {
    const latest = { of: (n: number) => n, semigroup: { concat: (_: number, b: number) => b } }
    p.apply('values', testStream<number>().add(...prices.map((n, i) => at(i, n))).end()).windowInto('all', fixedWindows(100)).keyBy('k', () => 'k').combinePerKey('last', latest).collect('out') // prettier-ignore
  }
  const { findings } = await simulate(build, { ...quiet, perturb: ['order', 'late'] })
  const scenario = JSON.parse(JSON.stringify(findings[0]?.scenario)) as NonNullable<(typeof findings)[0]>['scenario']
  expect(scenario.changes.length).toBeLessThanOrEqual(1)
  const again = await simulate(build, { repeat: scenario, print: false })
  expect(again).toMatchObject({ verdict: 'order-dependent', tried: ['order'] })
  expect(again.findings[0]?.message).toBe(findings[0]?.message)
  const none = await simulate(build, { repeat: { perturbation: 'order', changes: [] }, print: false })
  expect(none.verdict).toBe('deterministic')
})

it('a late element is named, with the watermark that it missed', async () => {
  const { findings } = await simulate((p: Pipeline) => timed(p, 0).countPerElement('count').collect('out'), { ...quiet, perturb: ['late'] }) // prettier-ignore
  expect(findings[0]?.scenario).toMatchObject({ changes: [{ kind: 'late', source: 'values' }] })
  expect(findings[0]?.message).toMatch(/"count" comes out without \{ key: \d+, value: 1 \} in \[/)
  expect(findings[0]?.scenario.watermark).toBeGreaterThan(0)
})

it('assertions that no longer hold, and steps that fail, are differences', async () => {
  const build = (p: Pipeline): void => assertThat('three', p.create('n', [1, 2, 3])).hasSize(3)
  const { findings } = await simulate(build, quiet)
  expect(findings).toMatchObject([{ perturbation: 'duplicates', step: undefined, message: expect.stringMatching(/the run fails: assertion "assert three" failed: expected 3 elements, got 4/) as string }]) // prettier-ignore
})

it('several sources wait for each other in other ways; side inputs too', async () => {
  const build = (p: Pipeline): void => {
    const names = p.create('names', [kv('a', 'Ann'), kv('b', 'Bob')]).asMap('by id')
    p.create('ids', ['a', 'b', 'a']).parDo('name', { output: typed<string>(), sides: { names }, process: (id, { sides, emit }) => emit(sides.names.get(id) ?? '?') }).collect('out') // prettier-ignore
  }
  const { verdict } = await simulate(build, { ...quiet, perturb: ['order', 'attempts'] })
  expect(verdict).toBe('deterministic')
})

it('says so where it cannot work, and throws what an unperturbed run throws', async () => {
  const endless = (p: Pipeline): unknown =>
    p.apply('ticks', generateSequence({ rate: { elements: 1, per: '1 second' } })).collect('out')
  await expect(simulate(endless, quiet)).rejects.toThrow(/cannot record source "ticks", which has no end/)
  await expect(simulate(() => undefined, quiet)).rejects.toThrow(/found no source/)
  await expect(simulate(pipeline(), { ...quiet, seeds: 0 })).rejects.toThrow()
  await expect(simulate(pipeline(), { ...quiet, perturb: ['magic' as never] })).rejects.toThrow(
    /knows no perturbation "magic"/,
  )
  const failing = (p: Pipeline): unknown => p.create('n', [1]).map('fail', () => { throw new Error('always') }) // prettier-ignore
  await expect(simulate(failing, quiet)).rejects.toThrow(/always/)
})

it('prints its report, and nothing that the pipeline prints', async () => {
  const lines: string[] = []
  const env = { ...nodeEnv(), print: (line: string) => void lines.push(line) }
  const report = await simulate((p: Pipeline) => p.create('n', [1, 2]).print('show'), { seeds: 2, run: { env } })
  expect(lines.join('\n')).toBe(report.text)
  expect(lines[0]).toMatch(/^pipeline: repeats, after \d+ runs$/)
})

it('leaves the pipeline as it was', async () => {
  const p = pipeline()
  p.create('n', prices).collect('out')
  await simulate(p, quiet)
  expect((await run(p)).collect('out')).toEqual(prices)
})
