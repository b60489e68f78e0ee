/**
 * The contests: five trivial maps, word count, windowed count. Each hand-written program is what a competent programmer
 * would write for that question alone; each pipeline is what an author of pipelines would.
 */
import { fixedWindows, pipeline, run, seededRandom, source, sum, typed, watermarks, OffsetRangeTracker } from 'millrace'
import { generateSequence } from 'millrace/io/generate'
import type { Contest } from './measure.js'

type NumberFn = (x: number) => number

/**
 * Six chains of five functions, each written out: a chain that shared its functions with another would be measured with
 * what the JavaScript engine learnt from that other one.
 */
const chains: readonly (readonly [NumberFn, NumberFn, NumberFn, NumberFn, NumberFn])[] = [
  [(x) => x + 1, (x) => x * 2, (x) => x ^ 0x55, (x) => x - 3, (x) => x & 0xffffff],
  [(x) => x + 2, (x) => 2 * x, (x) => x ^ 0x56, (x) => x - 4, (x) => 0xffffff & x],
  [(x) => x + 3, (x) => x << 1, (x) => x ^ 0x57, (x) => x - 5, (x) => x & 0xfffffe],
  [(x) => x + 4, (x) => x + x, (x) => x ^ 0x58, (x) => x - 6, (x) => x & 0xfffffd],
  [(x) => x + 5, (x) => x * 2 + 1, (x) => x ^ 0x59, (x) => x - 7, (x) => x & 0xfffffb],
  [(x) => x + 6, (x) => x * 2 - 1, (x) => x ^ 0x5a, (x) => x - 8, (x) => x & 0xfffff7],
]

const loops: readonly ((n: number) => number)[] = [
  (n) => {
    let total = 0
    for (let x = 0; x < n; x++) total += ((((x + 1) * 2) ^ 0x55) - 3) & 0xffffff
    return total
  },
  (n) => {
    let total = 0
    for (let x = 0; x < n; x++) total += ((((x + 2) * 2) ^ 0x56) - 4) & 0xffffff
    return total
  },
  (n) => {
    let total = 0
    for (let x = 0; x < n; x++) total += ((((x + 3) << 1) ^ 0x57) - 5) & 0xfffffe
    return total
  },
  (n) => {
    let total = 0
    for (let x = 0; x < n; x++) total += ((((x + 4) * 2) ^ 0x58) - 6) & 0xfffffd
    return total
  },
  (n) => {
    let total = 0
    for (let x = 0; x < n; x++) total += ((((x + 5) * 2 + 1) ^ 0x59) - 7) & 0xfffffb
    return total
  },
  (n) => {
    let total = 0
    for (let x = 0; x < n; x++) total += ((((x + 6) * 2 - 1) ^ 0x5a) - 8) & 0xfffff7
    return total
  },
]

/** Sum of `n` numbers after five maps, as a pipeline; `chain` chooses the functions. */
export async function fiveMaps(chain: number, n: number): Promise<unknown> {
  const [a, b, c, d, e] = chains[chain] as (typeof chains)[number]
  const p = pipeline()
  p.apply('numbers', generateSequence({ to: n }))
    .map('a', a)
    .map('b', b)
    .map('c', c)
    .map('d', d)
    .map('e', e)
    .combineGlobally('sum', sum())
    .collect('total')
  return (await run(p)).collect('total')[0]
}

/** Five maps, six times. */
export function fiveMapsContests(count: number): readonly Contest[] {
  return loops.map((loop, chain) => ({
    name: `five maps ${chain + 1}`,
    unit: 'element',
    count,
    hand: () => loop(count),
    ours: () => fiveMaps(chain, count),
  }))
}

/** Lines of words whose frequencies fall like 1/rank, over 20,000 different words. */
export function zipfLines(words: number, seed: number): readonly string[] {
  const random = seededRandom(seed)
  const letters = 'etaoinshrdlucmfwypvbgkjqxz'
  const vocabulary = Array.from({ length: 20_000 }, (_, rank) => {
    let word = ''
    for (let rest = rank + 26; rest > 0; rest = Math.floor(rest / 26)) word += letters[rest % 26] ?? ''
    return word
  })
  const lines: string[] = []
  for (let left = words; left > 0;) {
    const line: string[] = []
    for (let i = 0; i < 10 && left > 0; i++, left--) {
      line.push(vocabulary[Math.min(vocabulary.length - 1, Math.floor(vocabulary.length ** random()) - 1)] as string)
    }
    lines.push(line.join(' '))
  }
  return lines
}

/** Word count over lines in memory, against `split` and a `Map`. */
export function wordCountContest(words: number): Contest {
  const lines = zipfLines(words, 42)
  const split = (line: string): string[] => line.split(' ')
  return {
    name: 'word count',
    unit: 'word',
    count: words,
    hand() {
      const counts = new Map<string, number>()
      for (const line of lines) {
        for (const word of line.split(' ')) counts.set(word, (counts.get(word) ?? 0) + 1)
      }
      let total = 0
      for (const n of counts.values()) total += n
      return [counts.size, total]
    },
    async ours() {
      let different = 0
      let total = 0
      const p = pipeline()
      p.create('lines', lines)
        .flatMap('split', split)
        .countPerElement('count')
        .parDo('total', {
          process({ value }) {
            different++
            total += value
          },
        })
      await run(p)
      return [different, total]
    },
  }
}

/** Count per key and 10 s window over events that are up to 50 ms out of order, windows closed by the watermark. */
export function windowedCountContest(events: number, keys: number): Contest {
  const size = 10_000
  const names = Array.from({ length: keys }, (_, i) => `campaign-${(i * 7919).toString(36)}`)
  const random = seededRandom(7)
  const keyOf = Array.from({ length: events }, () => names[Math.floor(random() * keys)] as string)
  const timeOf = Float64Array.from(
    { length: events },
    (_, i) => 1.7e12 + Math.floor(i / 10) - Math.floor(random() * 50),
  )
  const elementAt = (_element: unknown, i: number): string => keyOf[i] as string
  const timestampAt = (_element: unknown, i: number): number => timeOf[i] as number
  const stream = source({
    output: typed<string>(),
    bounded: false,
    replayable: true,
    watermark: watermarks.outOfOrder(50),
    restriction: () => ({ from: 0, to: events }),
    restrictionCodec: typed<{ from: number; to: number }>(),
    tracker: (range) => new OffsetRangeTracker(range),
    elementAt,
    timestampAt,
    process: () => undefined,
  })
  return {
    name: `windowed count, ${keys} keys`,
    unit: 'event',
    count: events,
    hand() {
      const windows = new Map<number, Map<string, number>>()
      let panes = 0
      let total = 0
      const close = (start: number, counts: Map<string, number>): void => {
        for (const n of counts.values()) {
          panes++
          total += n
        }
        windows.delete(start)
      }
      let lastStart = Number.NaN
      let counts = new Map<string, number>()
      let latest = Number.NEGATIVE_INFINITY
      for (let i = 0; i < events; i++) {
        const time = timeOf[i] as number
        const start = Math.floor(time / size)
        if (start !== lastStart) {
          lastStart = start
          const known = windows.get(start)
          if (known === undefined) windows.set(start, (counts = new Map<string, number>()))
          else counts = known
        }
        const key = keyOf[i] as string
        counts.set(key, (counts.get(key) ?? 0) + 1)
        if (time > latest) latest = time
        if (i % 1000 === 999) {
          for (const [open, its] of windows) if ((open + 1) * size <= latest - 50) close(open, its)
          lastStart = Number.NaN
        }
      }
      for (const [open, its] of windows) close(open, its)
      return [panes, total]
    },
    async ours() {
      let panes = 0
      let total = 0
      const p = pipeline()
      p.apply('events', stream)
        .windowInto('10 s', fixedWindows('10 seconds'))
        .countPerElement('count')
        .parDo('total', {
          process({ value }) {
            panes++
            total += value
          },
        })
      await run(p)
      return [panes, total]
    },
  }
}
