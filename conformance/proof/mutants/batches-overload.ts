/**
 * Mutants of too much input: what is dropped under load, and what is read ahead.
 */
import { byTest, type Mutant } from './mutant.js'

const SHEDDING = 'runners/micro-batch/load-shedding.ts'
const TASKS = 'runners/micro-batch/tasks/task-shedding.ts'
const WORLD = 'runners/micro-batch/tasks/task-world.ts'
const STAGE = 'runners/micro-batch/tasks/partitioned-stage.ts'
const RUN = 'runners/micro-batch/load-shedding.test.ts'
const PARTITIONS = 'runners/micro-batch/tasks/task-shedding.test.ts'

/** Mutants of batches under load. */
export const batchesOverload: readonly Mutant[] = [
  byTest(
    [RUN, 'drops the same again, and no more'],
    'shed-bound-anew',
    'a batch that is done again drops by the bounds in its plan',
    SHEDDING,
    'planned === undefined ? cutOf(',
    'planned !== null ? cutOf(',
  ),
  byTest(
    [PARTITIONS, 'drop the same again where a worker ends'],
    'tasks-shed-by-any-chance',
    'what a task drops follows from its order and its elements',
    TASKS,
    'this.#chance(SEED + number + 1)',
    'Math.random',
  ),
  byTest(
    [PARTITIONS, 'drop what the driver decides'],
    'tasks-shed-without-order',
    'the bounds of the batch go with the orders of its tasks',
    STAGE,
    'shed: this.#run.shed(),',
    'shed: undefined,',
  ),
  byTest(
    [PARTITIONS, 'of one batch by a chance of its own'],
    'tasks-shed-draw-unnoticed',
    'a task that has dropped by chance has drawn from its randomness, so the next one has another',
    WORLD,
    'return () => this.#drawn(random)',
    'return random',
  ),
  byTest(
    [RUN, 'of tasks counts elements'],
    'tasks-shed-unweighted',
    'of what tasks tell, each utility stands for as many elements as any other',
    SHEDDING,
    'seen / utilities.length',
    '1',
  ),
]
