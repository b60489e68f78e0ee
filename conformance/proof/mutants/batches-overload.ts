/**
 * Mutants of too much input: what is dropped under load, and what is read ahead.
 */
import { byTest, type Mutant } from './mutant.js'

const SHEDDING = 'runners/micro-batch/load-shedding.ts'
const TASKS = 'runners/micro-batch/tasks/task-shedding.ts'
const WORLD = 'runners/micro-batch/tasks/task-world.ts'
const STAGE = 'runners/micro-batch/tasks/partitioned-stage.ts'
const PARTITION = 'runners/micro-batch/tasks/partition.ts'
const TASK_RUN = 'runners/micro-batch/tasks/partitioned-run.ts'
const QUEUES = 'runners/micro-batch/tasks/host-queues.ts'
const SPILLED = 'runners/micro-batch/queue/spilled-parts.ts'
const RUN = 'runners/micro-batch/load-shedding.test.ts'
const PARTITIONS = 'runners/micro-batch/tasks/task-shedding.test.ts'
const AHEAD = 'runners/micro-batch/queue/partition-queues.test.ts'

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
  byTest(
    [AHEAD, 'has no twin elsewhere'],
    'queues-twins-of-readers',
    'a partition that reads ahead has no twin: what one of the two has would be lost',
    PARTITION,
    '|| this.#isAhead) return',
    ') return',
  ),
  byTest(
    [AHEAD, 'while workers come and go between batches'],
    'queues-left-behind',
    'before workers come or go, what was read ahead is taken',
    TASK_RUN,
    'if (this.ahead?.rests() === false) return false',
    '',
  ),
  byTest(
    [AHEAD, 'is not read while the run is paused'],
    'queues-read-on',
    'nothing is read ahead while nobody wants to read',
    QUEUES,
    "reader.ahead.isPaused = ahead.state === 'rests'",
    'reader.ahead.isPaused = false',
  ),
  byTest(
    [AHEAD, 'removes what workers have left'],
    'queues-of-the-killed-stay',
    'what a worker that was killed has left on the disk goes with the next, or with the run',
    SPILLED,
    'left.begin(epoch)',
    'left.isBegun',
  ),
]
