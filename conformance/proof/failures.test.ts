import { expect, it } from 'vitest'
import { faultOf } from './failures.js'

/** A sample; the full set is `npm run proof -- failures`. */
const FROM = Number(process.env['MILLRACE_SEED'] ?? 1)
const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? 50)

it(`random calls leave all their outputs or one dead letter (seeds ${FROM} to ${FROM + SEEDS - 1})`, async () => {
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    expect(await faultOf(seed)).toBeUndefined()
  }
}, 60_000)
