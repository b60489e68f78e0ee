/**
 * A reader's program, in JavaScript modules.
 */
import { count, kv, run, sessionWindows } from 'millrace'
import { directRunner } from 'millrace/direct'

const lines = [kv(0, 'call me'), kv(5, 'me'), kv(60, 'call me')]
const result = await run(
  (p) =>
    p
      .create('lines', lines, { timestamp: (line) => line.key * 60_000 })
      .flatMap('split', (line) => line.value.split(' '))
      .windowInto('sessions', sessionWindows('10 minutes'))
      .keyBy('word', (word) => word)
      .combinePerKey('count', count())
      .collect('counts'),
  { runner: directRunner() },
)
const texts = result.collect('counts').map(({ key, value }) => `${key} ${value}`)
if (texts.sort().join() !== 'call 1,call 1,me 1,me 2') throw new Error(`wrong counts: ${texts.join()}`)
console.log('the counts are right')
