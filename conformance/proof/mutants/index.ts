/**
 * The mutants there are, by what they break. A list of its own for each part; add a line for a new one.
 */
import { attempts } from './attempts.js'
import { elements } from './elements.js'
import { grouping } from './grouping.js'
import type { Mutant } from './mutant.js'
import { triggers } from './triggers.js'

/** All mutants. */
export const mutants: readonly Mutant[] = [...elements, ...attempts, ...grouping, ...triggers]
