/**
 * A reader's program, in CommonJS: `require` loads the package because nothing in it awaits while it loads.
 */
const { count, kv, run, sessionWindows } = require('millrace')
const { directRunner } = require('millrace/direct')

const lines = [kv(0, 'call me'), kv(5, 'me'), kv(60, 'call me')]
run(
  (p) =>
    p
      .create('lines', lines, { timestamp: (line) => line.key * 60_000 })
      .flatMap('split', (line) => line.value.split(' '))
      .windowInto('sessions', sessionWindows('10 minutes'))
      .keyBy('word', (word) => word)
      .combinePerKey('count', count())
      .collect('counts'),
  { runner: directRunner() },
).then((result) => {
  const texts = result.collect('counts').map(({ key, value }) => `${key} ${value}`)
  if (texts.sort().join() !== 'call 1,call 1,me 1,me 2') throw new Error(`wrong counts: ${texts.join()}`)
  console.log('the counts are right')
})
