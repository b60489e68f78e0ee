/**
 * Mutants of the micro-batch runner: what is planned, kept and brought to sinks, and what a run that begins again makes of it. Seeds
 * of lane `sim` notice.
 */
import { bySeeds, byTest, type Mutant } from './mutant.js'

const EXECUTION = 'runners/micro-batch/batched-execution.ts'
const PARTS = 'runners/micro-batch/kept-parts.ts'
const OUTBOX = 'runners/micro-batch/outbox.ts'
const OLDER = 'runners/micro-batch/older-checkpoint.test.ts'
const JOURNAL = 'runners/micro-batch/batch-journal.ts'
const WORLD = 'runners/micro-batch/batch-world.ts'
const QUERY = 'runners/micro-batch/query-store.ts'
const WIRING = 'runners/core/execution/stage-wiring.ts'
const RECORDS = 'runners/core/kept-records.ts'

const LATER = 'if (kept !== undefined) keeper.restore(kept)'

/** Which part of what is kept is not taken back, in words of {@link LATER}. */
function unless(condition: string): string {
  return `if (kept !== undefined && !${condition}) keeper.restore(kept)`
}

const planning: readonly Mutant[] = [
  bySeeds(
    'batch-instant-anew',
    'a batch that is done again has the instant of its plan',
    EXECUTION,
    '[seed, batch])), again?.instant)',
    '[seed, batch])), (again?.instant ?? 0) + 60_000)',
  ),
  bySeeds(
    'batch-plan-cut',
    'all rounds of a plan are done again',
    JOURNAL,
    'this.#planned = planned\n',
    'this.#planned = planned?.slice(1)\n',
  ),
  bySeeds(
    'batch-plan-ignored',
    'a batch that was planned is read as it was planned',
    JOURNAL,
    'turns.find((each) => each.stage === stage && (each.partition ?? 0) === partition) ?? nothing(stage)',
    'turns.find((each) => each.stage < 0) ?? nothing(stage)',
  ),
  bySeeds(
    'batch-plan-counts-once',
    'rounds that are written down once are done as often as they were',
    JOURNAL,
    'before.times += last.times',
    'before.times += 0 * last.times',
  ),
  bySeeds(
    'batch-plan-forgotten',
    'a run that begins again looks for the plan of the batch that it was in',
    EXECUTION,
    'const planned = await store.planned()',
    'const planned = (await store.planned()) && undefined',
  ),
  bySeeds(
    'batch-read-anew',
    'what a plan says was read is not read anew',
    'runners/micro-batch/batched-parts.ts',
    '...decodePlan(plan.content, codecs),',
    '...decodePlan(plan.content, codecs), rounds: decodePlan(plan.content, codecs).rounds.map((round) => ({ ...round, turns: [] })),',
  ),
  bySeeds(
    'batch-never-planned',
    'a batch is planned before it is committed',
    EXECUTION,
    'if (!this.#isLogged) await this.#logPlan(plan, journal.hasElements)',
    '',
  ),
  bySeeds(
    'batch-plan-not-durable',
    'a plan that holds what cannot be read again survives a loss of power',
    EXECUTION,
    'await store.logPlan({ ...plan, content }, isDurable)',
    'await store.logPlan({ ...plan, content }, false)',
  ),
  bySeeds(
    'batch-acknowledged-before-plan',
    'what was read is acknowledged when the plan that holds it is durable',
    EXECUTION,
    'if (!this.#isLogged && (again !== undefined || journal.elements > 0))',
    'await this.#parts.acknowledgements.planned()\n    if (!this.#isLogged && (again !== undefined || journal.elements > 0))',
  ),
  bySeeds(
    'batch-elements-not-planned',
    'a plan holds the elements that cannot be read again',
    JOURNAL,
    'if (elements !== undefined && count > 0) this.hasElements = true',
    '',
  ),
  bySeeds(
    'batch-random-goes-on',
    'each batch begins its random numbers anew',
    WORLD,
    'this.#random = seededRandom(seed)\n',
    '',
  ),
  bySeeds(
    'batch-chance-of-the-process',
    'random numbers of a batch are those of its query, whoever does it',
    EXECUTION,
    'this.#parts.seed ?? store.id',
    'this.#parts.seed ?? real.random()',
  ),
  bySeeds(
    'batch-clock-not-restored',
    'the clock of a run that begins again does not go back',
    WORLD,
    '    this.#clock.restore(instant)\n    this.begin(0, instant)\n',
    '    void instant\n',
  ),
]

const keeping: readonly Mutant[] = [
  bySeeds(
    'batch-counter-lost',
    'a run goes on with the batch after the committed one',
    EXECUTION,
    'this.#committed = this.#resumedAfter = back.committed.batch',
    'this.#committed = this.#resumedAfter = back.committed.batch - 1',
  ),
  bySeeds(
    'batch-watermarks-lost',
    'a run that begins again has the watermarks of the committed batch',
    'runners/micro-batch/restored.ts',
    'if (watermark !== undefined) executor.restoreWatermark(watermark)',
    'if (watermark === undefined) executor.restoreWatermark(0)',
  ),
  bySeeds(
    'batch-changes-forgotten',
    'what has changed is committed with the batch',
    EXECUTION,
    'const own = this.#kept?.changes() ?? []',
    'const own = (this.#kept?.changes() ?? []).slice(1)',
  ),
  bySeeds(
    'batch-removals-forgotten',
    'what is gone is removed from what is kept',
    PARTS,
    'remove: (slot, id) => void changes.push({ part, slot, id, content: undefined }),',
    'remove: () => undefined,',
  ),
  bySeeds(
    'batch-nothing-restored',
    'a run that begins again has the state of the committed batch',
    PARTS,
    LATER,
    unless('part.startsWith("")'),
  ),
  bySeeds(
    'batch-cells-not-restored',
    'groupings go on with what they have collected',
    PARTS,
    LATER,
    unless('part.endsWith(" cells")'),
  ),
  bySeeds(
    'batch-work-not-restored',
    'sources go on where the committed batch ended',
    PARTS,
    LATER,
    unless('part.endsWith(" work")'),
  ),
  bySeeds(
    'batch-state-not-restored',
    'steps with state go on with it',
    PARTS,
    LATER,
    unless('part.endsWith(" state")'),
  ),
  bySeeds(
    'batch-sides-not-restored',
    'side inputs are what they were',
    PARTS,
    LATER,
    unless('part.includes(" side/")'),
  ),
  bySeeds(
    'batch-gates-not-restored',
    'elements that wait for a side input wait on',
    PARTS,
    LATER,
    unless('part.endsWith(" gate")'),
  ),
  bySeeds(
    'batch-metrics-not-kept',
    'counters count over all lives of a run',
    WIRING,
    "['metrics', this.#metrics.keeper()],",
    '',
  ),
  bySeeds(
    'batch-budgets-not-kept',
    'the budget of dead letters is that of the whole run',
    WIRING,
    "['dead letter budgets', this.budgets.keeper()],",
    '',
  ),
  bySeeds(
    'batch-timers-not-kept',
    'timers that were set fire in a later life',
    RECORDS,
    'for (const [timer, setting] of settings) writeSetting(out, timer, setting)',
    'out.reset()',
  ),
  bySeeds(
    'batch-results-not-restored',
    'a result has what was collected before the crash',
    'runners/micro-batch/kept-results.ts',
    'this.#collected.elements.push({',
    'if (this.#stored > 0) this.#collected.elements.push({',
  ),
]

const delivering: readonly Mutant[] = [
  bySeeds(
    'batch-deliveries-forgotten',
    'what a crash has kept from its sink is delivered when the run goes on',
    EXECUTION,
    'await this.#outbox.begin(back.committed)',
    'await Promise.resolve()',
  ),
  bySeeds(
    'batch-delivered-early',
    'nothing of a batch is delivered before it is committed',
    EXECUTION,
    "real.crashpoint('batch.commit')",
    "await this.#outbox.deliver(plan.batch, delivered)\n    real.crashpoint('batch.commit')",
  ),
  bySeeds(
    'batch-delivered-under-another-id',
    'what is delivered again has the id that it had',
    OUTBOX,
    'await this.deliver(batch, delivered, true)',
    'await this.deliver(batch + 1, delivered, true)',
  ),
  bySeeds(
    'batch-outbox-not-kept',
    'deliveries lie with the commit of their batch',
    OUTBOX,
    'if (delivered.length === 0) return new Uint8Array()',
    'if (delivered.length >= 0) return new Uint8Array()',
  ),
  bySeeds(
    'batch-marked-before-delivered',
    'a delivery is noted when it has been made',
    OUTBOX,
    'await this.#store.verify()',
    'await this.#store.delivered(batch)',
  ),
  byTest(
    [OLDER, 'a copy of the checkpoint that is put back'],
    'batch-older-checkpoint-unseen',
    'a sink that has more than was committed is seen before anything runs',
    OUTBOX,
    'if (newest === undefined || newest <= committed) continue',
    'if (newest !== null) continue',
  ),
  byTest(
    [OLDER, 'a copy that runs beside its original'],
    'batch-repetition-let-go',
    'what a sink takes for a repetition although it is none fails the run',
    OUTBOX,
    'if (isKnown && !mayRepeat)',
    'if (isKnown && !isKnown)',
  ),
  bySeeds(
    'batch-repetition-refused',
    'what a crash may have delivered is recognised, and the run goes on',
    OUTBOX,
    'if (isKnown && !mayRepeat)',
    'if (isKnown)',
  ),
  bySeeds(
    'batch-query-renamed',
    'sinks know a query by one name',
    OUTBOX,
    '{ query: this.#store.id, step, batch, shard: 0 }',
    '{ query: `${this.#store.id} ${batch}`, step, batch, shard: 0 }',
  ),
  bySeeds(
    'batch-query-id-lost',
    'a query keeps its name over all its lives',
    QUERY,
    "return this.#query?.id ?? ''",
    'return `${this.#query?.id} ${this.#lease?.epoch}`',
  ),
]

/** The list. */
export const batches: readonly Mutant[] = [...planning, ...keeping, ...delivering]
