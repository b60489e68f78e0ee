/**
 * How often does each word occur? Text files in; the most frequent words on the screen, all of them in a file.
 *
 *     npx millrace run pipelines/wordcount.ts
 *     npx millrace run pipelines/wordcount.ts --input 'texts/*.txt' --top 5
 */
import * as t from 'io-ts'
import { definePipeline, type KV, top } from 'millrace'
import { readLines, writeLines } from 'millrace/io/text'

export default definePipeline({
  name: 'wordcount',
  options: t.partial({ input: t.string, output: t.string, top: t.number }),
  build(p, { input = 'data/*.txt', output = 'out/counts.txt', top: size = 10 }) {
    const counts = p.apply('read', readLines(input)).flatMap('words', wordsOf).countPerElement('count')
    counts
      .combineGlobally('most frequent', top(size, { by: byCount }))
      .flatMap('rows', (words) => words.map(({ key, value }) => `${key} ${value}`))
      .print('words', { limit: size })
    counts.map('row', ({ key, value }) => `${key}\t${value}`).apply('write', writeLines(output))
  },
})

/** Words are letters and what joins them: `well-known` is two, `don't` is one. */
export function wordsOf(line: string): readonly string[] {
  return line.toLowerCase().match(/\p{L}+(?:['’]\p{L}+)*/gu) ?? []
}

function byCount(a: KV<string, number>, b: KV<string, number>): number {
  return a.value - b.value || (a.key < b.key ? 1 : -1)
}
