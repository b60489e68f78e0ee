/**
 * The program of lane `wal`: seeds, and what needs a system of its own.
 */
import type { LaneProgram } from './lane.js'
import { seededLane } from './seeded-lane.js'
import { faultOf } from './wal.js'

/** 20,000 cuts. */
const SEEDS = 800

/** Makes the program. */
export function walLane(): LaneProgram {
  return seededLane({ lane: 'wal', seeds: SEEDS, faultOf })
}
