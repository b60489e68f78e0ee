/** What `simulate` says of pipelines whose process ends and begins again. */
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { type DeliveryRepeats, fixedWindows, type Pipeline, pipeline, state, sum, typed } from 'millrace'
import { type Finding, simulate, type SimulationVerdict } from 'millrace/testing'

const onlyCrashes = { perturb: [], crashes: true, print: false } as const
const numbers = [3, 5, 4, 8, 3, 1]

/** A sink that a test can look into: it is outside, and outlives every process. */
const sending =
  (repeats: DeliveryRepeats, sent: number[] = []) =>
  (p: Pipeline): unknown =>
    p.create('n', numbers).parDo('send', {
      output: typed<never>(),
      delivery: { codec: typed<number>(), repeats, deliver: (items) => void sent.push(...items) },
      process: (n, { deliver }) => deliver(n),
    })

const pipelines: readonly (readonly [string, (p: Pipeline) => unknown, SimulationVerdict, string | undefined])[] = [
  [
    'a number kept in state',
    (p) =>
      p
        .create('n', numbers)
        .keyBy('parity', (n) => n % 2)
        .parDo('number', {
          output: typed<string>(),
          state: { count: state.value(t.number, { initial: 0 }) },
          process({ value }, { state: { count }, emit }) {
            count.write(count.read() + 1)
            emit(`${value} is number ${count.read()}`)
          },
        })
        .collect('out'),
    'deterministic',
    undefined,
  ],
  [
    'sums of windows',
    (p) =>
      p
        .create('n', numbers, { timestamp: (n) => n })
        .windowInto('by threes', fixedWindows(3))
        .combineGlobally('sum', sum(), { whenEmpty: 'nothing' })
        .collect('out'),
    'deterministic',
    undefined,
  ],
  [
    'chance and the time of day, as the context gives them',
    (p) =>
      p
        .create('n', numbers)
        .parDo('draw', { output: typed<number>(), process: (n, { random, now, emit }) => emit(n + random() + now) })
        .collect('out'),
    'deterministic',
    undefined,
  ],
  [
    'a buffer in a variable, which the end of the process takes along',
    (p) => {
      const buffer: number[] = []
      p.create('n', numbers)
        .flatMap('wait for all', (n) => (buffer.push(n) < numbers.length ? [] : buffer.splice(0)))
        .collect('out')
    },
    'lost-after-crash',
    'wait for all',
  ],
  [
    'what was seen, in a variable: a process that begins again has seen nothing',
    (p) => {
      const seen = new Set<number>()
      p.create('n', numbers)
        .filter('first of each', (n) => !seen.has(n) && seen.add(n).has(n))
        .collect('out')
    },
    'repeated-after-crash',
    'first of each',
  ],
  [
    'a number in a variable',
    (p) => {
      let count = 0
      p.create('n', numbers)
        .map('number', (n) => `${n} is number ${++count}`)
        .collect('out')
    },
    'crash-dependent',
    'number',
  ],
  ['a sink on which repetitions are seen', sending('visible'), 'repeated-after-crash', 'send'],
  ['a sink that recognises what it has', sending('recognised'), 'deterministic', undefined],
  ['a sink that repetitions do not harm', sending('harmless'), 'deterministic', undefined],
]

describe('crashes of a process, and of the power of its machine, are judged', () => {
  it.each(pipelines)('%s', async (_, build, verdict, step) => {
    const report = await simulate(build, onlyCrashes)
    expect(report.tried).toEqual(['crashes'])
    expect([report.verdict, report.findings[0]?.step]).toEqual([verdict, step])
    expect(report.runs).toBeGreaterThan(verdict === 'lost-after-crash' ? 3 : 30)
  })
})

/** The finding of a sink that shows repetitions. */
async function repeated(): Promise<Finding> {
  const { findings } = await simulate(sending('visible'), onlyCrashes)
  return findings[0] as Finding
}

it('a crash is named by its point, alone, and can be had again', async () => {
  const finding = await repeated()
  const { scenario, crashPoints } = finding
  expect(scenario.changes).toHaveLength(1)
  expect(scenario.changes).toMatchObject([{ kind: 'crash', point: crashPoints?.[0] }])
  const plain = JSON.parse(JSON.stringify(scenario)) as typeof scenario
  const again = await simulate(sending('visible'), { repeat: plain, print: false })
  expect(again).toMatchObject({ verdict: 'repeated-after-crash', tried: ['crashes'] })
  expect(again.findings[0]).toMatchObject({ message: finding.message, crashPoints, afterCrash: 'repeated' })
  expect(again.text).toContain(`after the end at ${crashPoints?.[0]}`)
  const none = await simulate(sending('visible'), { repeat: { ...plain, changes: [] }, print: false })
  expect(none.verdict).toBe('deterministic')
})

it('the same pipeline gives the same report', async () => {
  const [first, second] = [
    await simulate(sending('visible'), onlyCrashes),
    await simulate(sending('visible'), onlyCrashes),
  ]
  expect(second).toEqual(first)
})

it('points and kinds can be chosen: an end before the delivery repeats nothing, one after it does', async () => {
  const tried = async (point: string): Promise<SimulationVerdict> => {
    const crashes = { points: [point], kinds: ['process'] } as const
    return (await simulate(sending('visible'), { perturb: [], crashes, print: false })).verdict
  }
  expect(await tried('delivery.begin')).toBe('deterministic')
  expect(await tried('delivery.done')).toBe('repeated-after-crash')
})

it('what was sent before the crash stays sent, though the process is another', async () => {
  const sent: number[] = []
  const { changes: _, ...scenario } = (await repeated()).scenario
  const crash = { kind: 'crash', point: 'delivery.done', pass: 1, loses: 'process' } as const
  await simulate(sending('visible', sent), { repeat: { ...scenario, changes: [crash] }, print: false })
  // Two more runs were without a crash, and one without batches.
  expect(sent.length % numbers.length).not.toBe(0)
})

it('crashes are tried beside everything else, and the gravest comes first', async () => {
  const build = (p: Pipeline): void => {
    const seen = new Set<number>()
    p.create('n', numbers)
      .filter('first of each', (n) => !seen.has(n) && seen.add(n).has(n))
      .collect('firsts')
      .combineGlobally('last', { of: (n: number) => n, semigroup: { concat: (_: number, b: number) => b } })
      .collect('out')
  }
  const report = await simulate(build, { seeds: 3, perturb: ['order', 'crashes'], print: false })
  expect(report.tried).toEqual(['order', 'crashes'])
  expect(report.findings.map(({ perturbation }) => perturbation)).toEqual(['crashes', 'order'])
})

it('options that do not fit are refused', async () => {
  const attempt = (crashes: object): Promise<unknown> => simulate(pipeline(), { perturb: [], crashes, print: false })
  await expect(attempt({ kind: 'power' })).rejects.toThrow(/kinds/)
  await expect(attempt({ kinds: ['flood'] })).rejects.toThrow(/know no kind "flood"/)
  await expect(attempt({ kinds: [] })).rejects.toThrow(/nothing would be tried/)
  await expect(attempt({ points: [] })).rejects.toThrow(/nothing would be tried/)
})
