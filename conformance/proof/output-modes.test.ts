/**
 * Output modes over random streams: elements in disorder, a watermark that moves while they are read, windows of any kind. The
 * reference knows no mode, no batch and no watermark: what is appended, updated last, and in the last table must be what it says.
 */
import {
  flatten,
  kv,
  type KV,
  outputMode,
  type PCollection,
  pipeline,
  type Pipeline,
  type ResultTable,
  run,
  type RunOptions,
  sum,
  typed,
  watermarks,
} from 'millrace'
import { replay } from 'millrace/io/generate'
import { expect, it } from 'vitest'
import { drawOf, modulo } from './draw.js'
import { type Program, programOf, windowFnOf } from './random-streams.js'
import { reference } from './streams-reference.js'

const FROM = Number(process.env['MILLRACE_SEED'] ?? 1)
const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? 8)
const KEYS = 3

/** A result with its window, as text. */
type Line = string
const lineOf = (key: number, value: number, start: number, end: number): Line => `${key}=${value} in ${start}-${end}`

/** The program's streams and windows, without what it groups them by. */
function programAt(seed: number): Program {
  const groupings = [{ keys: KEYS, reduction: 'sum' } as const]
  return { ...programOf(seed), side: undefined, doubles: false, groupings, timestampCombiner: 'endOfWindow' }
}

function scoresOf(p: Pipeline, program: Program): PCollection<KV<number, number>> {
  const streams = program.streams.map(({ arrivals, watermark }, i) =>
    p.apply(
      `stream ${i}`,
      replay(arrivals, {
        timestamp: ({ timestamp }) => timestamp,
        watermark: watermark === 'perfect' ? watermark : watermarks.outOfOrder(watermark),
      }),
    ),
  )
  return flatten('all', streams)
    .windowInto('windows', windowFnOf(program.windowing), { allowedLateness: program.allowedLateness })
    .map('score', ({ value }) => kv(modulo(value, KEYS), value))
}

/** All modes at once: they group the same elements. */
function modesOf(program: Program): Pipeline {
  const p = pipeline()
  const scores = scoresOf(p, program)
  for (const mode of ['append', 'update'] as const) {
    scores
      .apply(mode, outputMode(mode).combinePerKey(sum()))
      .parDo(`lines of ${mode}`, {
        output: typed<Line>(),
        process: ({ key, value }, { window, emit }) => emit(lineOf(key, value, window.start, window.end)),
      })
      .collect(mode)
  }
  for (const expired of ['keep', 'drop'] as const)
    scores.apply(expired, outputMode('complete', { expired }).combinePerKey(sum())).collect(expired)
  return p
}

const linesOf = (table: ResultTable<number, number>): readonly Line[] =>
  table.map(({ key, value, window: { start, end } }) => lineOf(key, value, start, end))

const placeOf = (line: Line): string => line.replace(/=\S+/, '')

function optionsOf(seed: number): readonly RunOptions[] {
  const draw = drawOf(seed)
  const batchSize = draw.int(1, 20)
  return [
    { runner: 'direct', bundleSize: draw.int(1, 9) },
    { runner: 'direct', strict: true, seed },
    { runner: 'micro-batch', batchSize },
    { runner: 'micro-batch', batchSize, strict: true, seed, reexecute: draw.chance(0.5) },
    { runner: 'micro-batch', batchSize, workers: 2, partitions: 3, isolation: 'memory' },
  ]
}

it(`modes of random streams equal the reference (seeds ${FROM} to ${FROM + SEEDS - 1})`, async () => {
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    const program = programAt(seed)
    const expected = reference(program)
      .map(({ key, start, end, values: [value = 0] }) => ({ start, end, line: lineOf(key, value, start, end), key }))
      .sort((a, b) => a.start - b.start || a.end - b.end || a.key - b.key)
      .map(({ line }) => line)
    for (const options of optionsOf(seed)) {
      const what = `seed ${seed}, ${JSON.stringify(options)}`
      const result = await run(modesOf(program), options)
      expect([...result.collect<Line>('append')].sort(), `${what}: append`).toEqual([...expected].sort())

      const last = new Map(result.collect<Line>('update').map((line) => [placeOf(line), line]))
      expect(new Set(last.values()), `${what}: last updates`).toEqual(
        // Windows that were united said something before.
        program.windowing.kind === 'sessions' ? new Set([...last.values(), ...expected]) : new Set(expected),
      )

      const kept = result.collect<ResultTable<number, number>>('keep').map(linesOf)
      expect(kept.at(-1) ?? [], `${what}: last table`).toEqual(expected)
      for (const table of [...kept, ...result.collect<ResultTable<number, number>>('drop').map(linesOf)])
        expect(new Set(table.map(placeOf)).size, `${what}: rows of a table`).toBe(table.length)
      const dropping = result.collect<ResultTable<number, number>>('drop').map(linesOf).at(-1) ?? []
      expect(expected, `${what}: last table of what has not expired`).toEqual(expect.arrayContaining([...dropping]))
    }
  }
}, 120_000)
