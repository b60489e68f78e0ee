/**
 * Runs the pipeline twice: by the runner's name, and by a runner made here.
 */
import { run } from 'millrace'
import { directRunner } from 'millrace/direct'
import words from './words.js'

for (const runner of ['direct', directRunner()] as const) {
  const result = await run(words, { runner, options: { gapMinutes: 10 }, strict: true })
  const texts: readonly string[] = result.collect<string>('texts')
  if ([...texts].sort().join() !== 'call 1,call 1,me 1,me 2') throw new Error(`wrong counts: ${texts.join()}`)
}
console.log('the counts are right')
