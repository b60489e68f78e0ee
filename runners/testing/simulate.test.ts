import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import {
  definePipeline,
  fixedWindows,
  globalWindow,
  kv,
  type Pipeline,
  pipeline,
  run,
  state,
  sum,
  typed,
} from 'millrace'
import { generateSequence } from 'millrace/io/generate'
import { assertThat, at, type Perturbation, simulate, testStream, unrunAssertions } from 'millrace/testing'
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

const changing: readonly (readonly [string, (p: Pipeline) => unknown, string])[] = [
  ['chance', (p) => p.create('n', prices).map('chance', () => Math.random()), 'chance'],
  [
    'a time that passes between two runs',
    (
      (runs: { n: number }) => (p: Pipeline) =>
        p.create('n', prices).map('run', (n) => n + runs.n++)
    )({ n: 0 }),
    'run',
  ],
]

it.each(changing)('%s is told from order: two runs differ though nothing was changed', async (_, build, step) => {
  const report = await simulate((p: Pipeline) => build(p), quiet)
  expect(report).toMatchObject({ verdict: 'not-repeatable', tried: [], runs: 2 })
  expect(report.findings).toMatchObject([
    { perturbation: 'none', step, scenario: { perturbation: 'none', changes: [] } },
  ])
  expect(report.text).toMatch(/: not-repeatable, after 2 runs\n {2}two runs differ though nothing was changed: /)
  const repeat = report.findings[0]?.scenario as NonNullable<(typeof report.findings)[0]>['scenario']
  expect(await simulate((p: Pipeline) => build(p), { repeat, print: false })).toMatchObject({
    verdict: 'not-repeatable',
  })
  const order = await simulate((p: Pipeline) => build(p), { repeat: { perturbation: 'order', changes: [] }, print: false }) // prettier-ignore
  expect(order.verdict).toBe('not-repeatable')
})

/** Lets each value pass once, as long as its variable lives. */
const firstTimes = (p: Pipeline): void => {
  const seen = new Set<number>()
  p.create('n', prices)
    .filter('first time', (n) => !seen.has(n) && seen.add(n).size > 0)
    .collect('out')
}

/** Counts each bundle, and forgets to begin anew when one is attempted again. */
const forgetful = (p: Pipeline): void => {
  const buffer: number[] = []
  p.create('n', prices)
    .parDo('buffer', {
      output: typed<number>(),
      process: (n: number) => void buffer.push(n),
      finishBundle: ({ emit }) => emit(buffer.length, 0, globalWindow),
    })
    .collect('out')
}

it.each([
  ['what a filter remembers in a variable', firstTimes, 'first time'],
  ['a buffer that is not emptied at the start of a bundle', forgetful, 'buffer'],
] as const)('%s depends on attempts, and is told from order', async (_, build, step) => {
  const report = await simulate(build, quiet)
  expect(report.verdict, report.text).toBe('attempt-dependent')
  expect(report.findings[0]).toMatchObject({ perturbation: 'attempts', step, scenario: { changes: [] } })
})

it('runs of a pipeline that is built already share what its functions remember; a function builds anew', async () => {
  const p = pipeline()
  firstTimes(p)
  expect(await simulate(p, quiet)).toMatchObject({ verdict: 'not-repeatable', findings: [{ step: 'first time' }] })
  const sound = pipeline()
  sound.create('n', prices).distinct('each').collect('out')
  expect(await simulate(sound, quiet)).toMatchObject({ verdict: 'deterministic' })
  const defined = definePipeline({ name: 'first times', build: (p) => firstTimes(p) })
  expect(await simulate(defined, quiet)).toMatchObject({ verdict: 'attempt-dependent' })
})

it('refuses a function that builds other steps the next time', async () => {
  let builds = 0
  const build = (p: Pipeline): unknown => p.create('n', prices).collect(`out ${builds++}`)
  await expect(simulate(build, quiet)).rejects.toThrow(/came out with other steps than before/)
})

it('leaves no assertion behind that was not judged', async () => {
  await simulate((p: Pipeline) => assertThat('some', p.create('n', [1, 2])).isNotEmpty(), quiet)
  expect(unrunAssertions()).toEqual([])
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
  await expect(simulate(pipeline(), { ...quiet, seeds: [] })).rejects.toThrow(/a list of seeds/)
  await expect(simulate(pipeline(), { ...quiet, perturb: [] })).rejects.toThrow(/nothing would be tried/)
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
