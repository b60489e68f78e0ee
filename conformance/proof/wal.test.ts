import { expect, it } from 'vitest'
import { faultOf } from './wal.js'

/** A sample; the full set is `npm run proof -- wal`. */
const FROM = Number(process.env['MILLRACE_SEED'] ?? 1)
const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? 6)

it(`what is left of a checkpoint is a prefix of its batches (seeds ${FROM} to ${FROM + SEEDS - 1})`, async () => {
  for (let seed = FROM; seed < FROM + SEEDS; seed++) expect(await faultOf(seed)).toBeUndefined()
}, 120_000)
