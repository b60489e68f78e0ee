import { expect, it } from 'vitest'
import { faultOf } from './streams.js'

/** A sample; the full set is `npm run proof -- streams`. */
const FROM = Number(process.env['MILLRACE_SEED'] ?? 1)
const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? 60)

it(`random streams and scripts equal the reference (seeds ${FROM} to ${FROM + SEEDS - 1})`, async () => {
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    expect(await faultOf(seed)).toBeUndefined()
  }
}, 60_000)
