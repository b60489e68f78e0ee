/**
 * The pipeline whose processes are killed: an endless sequence, of which every key keeps the numbers it has seen. For each number a line goes to
 * a file, which outlives all that is killed.
 */
import { appendFileSync } from 'node:fs'
import * as t from 'io-ts'
import { definePipeline, kv, state } from 'millrace'
import { generateSequence } from 'millrace/io/generate'

/** Keys among which numbers are shared out. */
export const KEYS = 8

export default definePipeline({
  name: 'kept-numbers',
  options: t.type({ file: t.string, perSecond: t.number }),
  build(p, { file, perSecond }) {
    p.apply('numbers', generateSequence({ to: 10_000_000, rate: { elements: perSecond, per: '1 s' } }))
      .map('to keys', (n) => kv(`key ${n % KEYS}`, n))
      .parDo('keep', {
        output: t.void,
        state: { seen: state.set(t.number), count: state.value(t.number) },
        process: ({ value }, { state: { seen, count } }) => {
          const isAgain = seen.has(value)
          seen.add(value)
          const now = (count.read() ?? 0) + 1
          count.write(now)
          appendFileSync(file, `${value} ${now}${isAgain ? ' again' : ''}\n`)
        },
      })
  },
})
