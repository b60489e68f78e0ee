/**
 * Some seeds of the kill lane, and a driver that is taken for dead; the full sets are `npm run proof -- kill` and `-- points`.
 */
import { expect, it } from 'vitest'
import { pointsLane } from './failure-points.js'
import { faultOf } from './kill-cycles.js'
import { KillTable } from './kill-table.js'

it('drivers that are killed lose nothing and repeat nothing', async () => {
  const table = new KillTable()
  expect(await faultOf(1, table)).toBeUndefined()
  expect(table.total).toBeGreaterThan(2)
}, 120_000)

it('a driver that stood still while another took over writes nothing when it wakes', async () => {
  const lines: string[] = []
  const lane = pointsLane((line) => void lines.push(line))
  // One with nobody waiting, and one with another that stands by.
  expect(await lane(['--only', 'stands still at delivery.begin (append)']), lines.join('\n')).toEqual({
    passed: 2,
    failed: 0,
  })
}, 120_000)
