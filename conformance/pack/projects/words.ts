/**
 * A reader's pipeline, in TypeScript: words per session. Compiled and run in projects that have nothing but the packed
 * package.
 */
import * as t from 'io-ts'
import { count, definePipeline, type KV, type PCollection, sessionWindows } from 'millrace'
import { assertThat } from 'millrace/testing'

const Line = t.type({ text: t.string, minute: t.number })

const lines: readonly t.TypeOf<typeof Line>[] = [
  { text: 'call me', minute: 0 },
  { text: 'me', minute: 5 },
  { text: 'call me', minute: 60 },
]

export default definePipeline({
  name: 'words',
  options: t.partial({ gapMinutes: t.number }),
  build(p, { gapMinutes = 10 }) {
    const counts: PCollection<KV<string, number>> = p
      .create('lines', lines, { codec: Line, timestamp: (line) => line.minute * 60_000 })
      .flatMap('split', (line) => line.text.split(' '))
      .windowInto('sessions', sessionWindows(gapMinutes * 60_000))
      .keyBy('word', (word) => word)
      .combinePerKey('count', count())
    const texts = counts.map('as text', ({ key, value }) => `${key} ${value}`)
    texts.print('counts').collect('texts')
    assertThat('counts', texts).containsInAnyOrder('call 1', 'me 2', 'call 1', 'me 1')
  },
})
