/**
 * The mutants there are, by what they break. A list of its own for each part; add a line for a new one.
 */
import { attempts } from './attempts.js'
import { batches } from './batches.js'
import { batchesOverload } from './batches-overload.js'
import { batchesTasks } from './batches-tasks.js'
import { elements } from './elements.js'
import { grouping } from './grouping.js'
import { joins } from './joins.js'
import type { Mutant } from './mutant.js'
import { outputModes } from './output-modes.js'
import { retracting } from './retracting.js'
import { sideInputs } from './side-inputs.js'
import { sinks } from './sinks.js'
import { sources } from './sources.js'
import { state } from './state.js'
import { stores } from './stores.js'
import { time } from './time.js'
import { triggers } from './triggers.js'

/** All mutants. */
export const mutants: readonly Mutant[] = [
  ...attempts,
  ...batches,
  ...batchesOverload,
  ...batchesTasks,
  ...elements,
  ...grouping,
  ...joins,
  ...outputModes,
  ...retracting,
  ...sideInputs,
  ...sinks,
  ...sources,
  ...state,
  ...stores,
  ...time,
  ...triggers,
]
