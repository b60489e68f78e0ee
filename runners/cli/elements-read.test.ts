import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { flatten, kv, type Pipeline, pipeline, run, sum } from 'millrace'
import { assertThat } from 'millrace/testing'
import { generateSequence } from 'millrace/io/generate'
import { readLines } from 'millrace/io/text'
import { elementsRead } from './elements-read.js'

/** This file: it has lines. */
const file = fileURLToPath(import.meta.url)
const lineCount = readFileSync(file, 'utf8').split('\n').length - 1
const lines = (p: Pipeline) => p.apply('read', readLines(file))

it.each<[string, (p: Pipeline) => unknown, number | 'lines']>([
  ['values of the program, however many steps they pass', (p) => p.create('n', [1, 2, 3]).map('a', (n) => n).map('b', (n) => n).filter('c', () => false), 3], // prettier-ignore
  ['what is read twice, once', (p) => { const n = p.create('n', [1, 2]); n.map('a', (x) => x); n.map('b', (x) => x) }, 2], // prettier-ignore
  ['two sources', (p) => flatten('both', [p.create('n', [1, 2]), p.create('m', [3])]), 3],
  ['a sequence', (p) => p.apply('numbers', generateSequence({ to: 50 })), 50],
  ['lines, and not the names of their files', lines, 'lines'],
  ['lines in a scope', (p) => p.apply('scope', (q) => lines(q).map('trim', (line) => line.trim())), 'lines'],
  ['no groupings', (p) => p.create('n', [kv('a', 1), kv('a', 2)]).combinePerKey('sum', sum()), 2],
  ['no defaults of empty input', (p) => p.create('n', [] as number[]).combineGlobally('sum', sum()), 0],
  ['no assertions', (p) => assertThat('all', p.create('n', [1])).containsInAnyOrder(1), 1],
  ['no impulse', (p) => p.impulse('once'), 0],
  ['no dead letters', (p) => p.create('n', [1, 2]).map('parse', () => { throw new Error('no') }, { onError: p.errors('bad', (l) => l.print('x', { limit: 0 })) }), 2], // prettier-ignore
])('counts as read %s', async (_, build, expected) => {
  const p = pipeline()
  build(p)
  const built = p.build()
  for (const options of [{}, { strict: true, seed: 1 }]) {
    const { metrics } = await run(p, options)
    expect(elementsRead(built.graph, metrics.elements)).toBe(expected === 'lines' ? lineCount : expected)
  }
})
