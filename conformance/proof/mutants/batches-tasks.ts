/**
 * Mutants of partitions on workers: what goes from partition to partition, what is made anew when a worker is lost, and whose answer
 * counts. Seeds of lane `sim` notice, or a test that ends workers where it hurts.
 */
import { bySeeds, byTest, type Mutant } from './mutant.js'

const HOST = 'runners/micro-batch/tasks/partition-host.ts'
const PARTITION = 'runners/micro-batch/tasks/partition.ts'
const WORKERS = 'runners/micro-batch/tasks/workers.ts'
const STAGE = 'runners/micro-batch/tasks/partitioned-stage.ts'
const RUN = 'runners/micro-batch/tasks/partitioned-run.ts'
const EXCHANGE = 'runners/micro-batch/tasks/task-exchange.ts'
const VERSION = 'runners/micro-batch/tasks/kept-version.ts'
const TEST = 'runners/micro-batch/tasks/recovery.test.ts'
const DIVISION = 'runners/core/kept-division.ts'
const CELLS = 'runners/core/kept-cells.ts'
const BEGUN = 'runners/micro-batch/begun.test.ts'
const WORK_LIST = 'runners/core/execution/work-list.ts'
const HOSTS = 'runners/micro-batch/hosts.ts'
const QUERY = 'runners/micro-batch/query-store.ts'
const WORKER = 'runners/micro-batch/tasks/worker.ts'
const FOLLOWING = 'runners/micro-batch/following.ts'
const STANDBY = 'runners/micro-batch/standby.test.ts'
const DIVIDED = 'runners/micro-batch/tasks/divide-anew.test.ts'

/** Mutants of tasks. */
export const batchesTasks: readonly Mutant[] = [
  bySeeds(
    'tasks-keys-stay',
    'elements of one key go to one partition',
    EXCHANGE,
    ': route.partitionOf',
    ': () => this.#own',
  ),
  bySeeds(
    'tasks-side-inputs-to-one',
    'side inputs go to all partitions',
    EXCHANGE,
    'const to = length === this.#partitions ? [lane] : Array.from({ length: this.#partitions }, (_, i) => i)',
    'const to = [lane]',
  ),
  bySeeds(
    'tasks-any-answer',
    'an answer that was doubled on its way is no answer to the next task',
    WORKERS,
    "!('request' in message) || message.request !== waiting.request",
    "!('request' in message)",
  ),
  bySeeds(
    'tasks-state-not-restored',
    'a partition that is made anew has the state of the committed batch',
    HOST,
    'await kept.restore(entriesIn(entries))',
    'await kept.restore(entriesIn(entries.slice(entries.length)))',
  ),
  byTest(
    [TEST, 'are made anew where a worker ends at any message'],
    'tasks-nothing-kept-in-memory',
    'without a store, memory has what a partition is made of',
    VERSION,
    'for (const change of each) entries.put(change)',
    'for (const change of each.slice(each.length)) entries.put(change)',
  ),
  bySeeds(
    'tasks-replay-skipped',
    'a partition that is made anew does the tasks of the batch again',
    PARTITION,
    'const log = [...this.#log]',
    'const log = this.#log.slice(this.#log.length)',
  ),
  bySeeds(
    'tasks-blocks-lost',
    'tasks that are done again get the blocks they had',
    PARTITION,
    'const done = await life.task(order)\n        if (isRecovery)',
    'const done = await life.task({ ...order, blocks: [] })\n        if (isRecovery)',
  ),
  byTest(
    [TEST, 'is not asked for again where its partition is made anew'],
    'tasks-read-anew',
    'what a task has read is not read anew when it is done again',
    PARTITION,
    'if (order.source === undefined) return order\n  const reads',
    'if (order.source !== undefined) return order\n  const reads',
  ),
  bySeeds(
    'tasks-watermark-of-one',
    'the output watermark of a stage is the smallest of its partitions',
    STAGE,
    'least = Math.min(least, watermark)',
    'least = partition === 0 ? watermark : least',
  ),
  bySeeds(
    'tasks-shipped-work-forgotten',
    'work on its way to another partition holds the watermark',
    STAGE,
    'driver.hasWork(partition, id) ? this.outputWatermark : share.watermark',
    'share.watermark',
  ),
  bySeeds(
    'tasks-changes-forgotten',
    'what partitions have changed is committed with the batch',
    PARTITION,
    'if (this.#log.length === 0) return []',
    'if (this.#log.length < 3) return []',
  ),
  byTest(
    [TEST, 'has its batch done again'],
    'tasks-hash-not-compared',
    'a task that is done again and gives something else is noticed',
    PARTITION,
    'if (done.hash !== hash) throw new Diverged(order.stage)',
    '',
  ),
  byTest(
    [TEST, 'has its batch done again'],
    'tasks-counted-twice',
    'a batch that is given up has counted nothing',
    RUN,
    '    this.driver.abandon(stage)\n    this.#back()\n',
    '    this.driver.abandon(stage)\n',
  ),
  byTest(
    [TEST, 'is done on another worker too'],
    'tasks-no-twin',
    'a task that is slow is done on another worker, too',
    PARTITION,
    'attempt.hasTwin = true\n',
    'attempt.hasTwin = true\n    if (attempt.hasTwin) return\n',
  ),
  byTest(
    [DIVIDED, 'goes on whole with other workers'],
    'divided-tables-to-one',
    'windows that are open have a table in each partition',
    DIVISION,
    'for (const table of tables.values()) divided.toAll(table)',
    'for (const table of tables.values()) divided.byKey(table)',
  ),
  byTest(
    [DIVIDED, 'goes on whole with other workers'],
    'divided-unions-kept',
    'unions of slices are made anew in each partition',
    DIVISION,
    '...limits.map(() => Number.NEGATIVE_INFINITY)',
    '...limits',
  ),
  byTest(
    [DIVIDED, 'goes on whole with other workers'],
    'divided-windows-to-one',
    'windows of state expire in each partition',
    DIVISION,
    'for (const window of windows.values()) divided.toAll(window)',
    'for (const window of windows.values()) divided.byKey(window)',
  ),
  byTest(
    [DIVIDED, 'goes on whole with other workers'],
    'divided-work-to-all',
    'a restriction is read by one partition',
    DIVISION,
    'const own = divided[i % hosts] as KeptEntry[]',
    'for (const own of divided)',
  ),
  byTest(
    [DIVIDED, 'goes on whole with other workers'],
    'divided-waiting-by-host',
    'elements that wait go to the partition of their key',
    DIVISION,
    'slotOf === undefined ? host % hosts : hostOf(slotOf(entry.content))',
    'host % hosts',
  ),
  byTest(
    [DIVIDED, 'goes on whole with other workers'],
    'divided-not-written',
    'the next commit has what was divided',
    QUERY,
    'newestOf([...this.#divided.changes, ...changes])',
    'changes',
  ),
  byTest(
    [DIVIDED, 'goes on whole with other workers'],
    'divided-slices-twice',
    'slices that windows have taken in are kept no longer',
    CELLS,
    '      this.#tables.gone(slice)\n',
    '',
  ),
  byTest(
    [DIVIDED, 'goes on whole with other workers'],
    'divided-slices-lost',
    'a run that shares no slices has what lay in them',
    CELLS,
    'if (slices === undefined) this.#takeInSlices(ofSlices)',
    'if (slices === undefined) return',
  ),
  byTest(
    [DIVIDED, 'of a plan of other partitions is not done'],
    'divided-plan-kept',
    'a plan of other partitions is not done',
    HOSTS,
    '    await store.emptyPlan()\n',
    '',
  ),
  byTest(
    ['io/text/begun-again.test.ts', 'a file that comes before the others changes nothing'],
    'begun-besides',
    'what comes to a source in a turn that is done again is what came',
    WORK_LIST,
    'if (planned !== undefined) return',
    'if (planned !== undefined && planned.length > 0) return',
  ),
  byTest(
    ['io/text/begun-again.test.ts', 'a followed file that is rotated gives each line once'],
    'tail-begins-anew',
    'a file that is followed is the one that had the name when reading began',
    'io/text/tail-lines.ts',
    'new TailReader(files, mark ?? startAt,',
    "new TailReader(files, typeof mark === 'object' && mark.offset > 0 ? mark : startAt,",
  ),
  byTest(
    [BEGUN, 'a source that begins at the newest is asked once'],
    'begun-asked-again',
    'a source that is done again begins where it began',
    WORK_LIST,
    'this.#begin(each, since)\n    }',
    'this.#begin({ ...each, restriction: this.#of.doFn.restriction(each.element, this.context()) }, since)\n    }',
  ),
  byTest(
    [STANDBY, 'lets nothing be acknowledged a second time'],
    'standby-told-again',
    'what a driver has told that another follows is not told again',
    HOST,
    'for (const { processor } of this.#executors) processor.runtime.finalizers.abandon()',
    '',
  ),
  byTest(
    [STANDBY, 'goes on as a warm one where steps write files before they deliver'],
    'standby-workers-write',
    'nothing leaves the workers of a driver that follows another',
    WORKER,
    'begin.isFenced ? this.#fence.env(this.#env) : this.#env',
    'this.#env',
  ),
  byTest(
    [STANDBY, 'whose workers have written nothing yet writes files when it leads'],
    'standby-workers-stay-fenced',
    'workers write when their driver leads',
    WORKER,
    'this.#fence.lower()',
    '',
  ),
  byTest(
    ['runners/micro-batch/following.test.ts', 'a difference in what is kept as'],
    'standby-waits-compared',
    'for how long a source still waits is no difference',
    FOLLOWING,
    'TIMED.test(unhosted(part)[0])',
    'TIMED.test(part)',
  ),
  byTest(
    [STANDBY, 'of a driver with'],
    'standby-any-cut',
    'a batch whose work is cut otherwise is not done',
    HOSTS,
    'if (rounds.length === 0 || hosts === own) return',
    'if (rounds.length === 0 || hosts >= 0) return',
  ),
]
