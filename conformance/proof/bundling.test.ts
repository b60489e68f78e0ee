import { expect, it } from 'vitest'
import { faultOf } from './bundling.js'

/** A sample; the full set is `npm run proof -- bundling`. */
const FROM = Number(process.env['MILLRACE_SEED'] ?? 1)
const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? 200)

it(`random pipelines equal the reference however they are bundled (seeds ${FROM} to ${FROM + SEEDS - 1})`, async () => {
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    expect(await faultOf(seed)).toBeUndefined()
  }
}, 60_000)
