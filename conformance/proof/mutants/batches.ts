/**
 * Mutants of the micro-batch runner: what is planned, kept and brought to sinks, and what a run that begins again makes of it. Seeds
 * of lane `sim` notice.
 */
import type { Mutant } from './mutant.js'

const EXECUTION = 'runners/micro-batch/batched-execution.ts'
const PARTS = 'runners/micro-batch/kept-parts.ts'
const OUTBOX = 'runners/micro-batch/outbox.ts'
const JOURNAL = 'runners/micro-batch/batch-journal.ts'
const WITHIN = 300

function mutant(name: string, breaks: string, file: string, from: string, to: string): Mutant {
  return { name, breaks, file, from, to, caughtBy: [], caughtWithin: WITHIN }
}

const LATER = 'if (kept !== undefined) keeper.restore(kept)'

/** The list. */
export const batches: readonly Mutant[] = [
  mutant(
    'batch-instant-anew',
    'a batch that is done again has the instant of its plan',
    EXECUTION,
    '[seed, batch])), again?.instant)',
    '[seed, batch])), (again?.instant ?? 0) + 60_000)',
  ),
  mutant(
    'batch-counter-lost',
    'a run goes on with the batch after the committed one',
    EXECUTION,
    'this.#committed = this.#resumedAfter = committed.batch',
    'this.#committed = this.#resumedAfter = committed.batch - 1',
  ),
  mutant(
    'batch-watermarks-lost',
    'a run that begins again has the watermarks of the committed batch',
    EXECUTION,
    'if (watermark !== undefined) executor.restoreWatermark(watermark)',
    'if (watermark === undefined) executor.restoreWatermark(0)',
  ),
  mutant(
    'batch-deliveries-forgotten',
    'what a crash has kept from its sink is delivered when the run goes on',
    EXECUTION,
    'await this.#outbox.deliverAgain(committed)',
    'await Promise.resolve()',
  ),
  mutant(
    'batch-delivered-early',
    'nothing of a batch is delivered before it is committed',
    EXECUTION,
    "real.crashpoint('batch.commit')",
    "await this.#outbox.deliver(plan.batch, delivered)\n    real.crashpoint('batch.commit')",
  ),
  mutant(
    'batch-changes-forgotten',
    'what has changed is committed with the batch',
    EXECUTION,
    'const changes = this.#kept?.changes() ?? []',
    'const changes = (this.#kept?.changes() ?? []).slice(1)',
  ),
  mutant(
    'batch-removals-forgotten',
    'what is gone is removed from what is kept',
    PARTS,
    'remove: (slot, id) => void changes.push({ part, slot, id, content: undefined }),',
    'remove: () => undefined,',
  ),
  mutant(
    'batch-nothing-restored',
    'a run that begins again has the state of the committed batch',
    PARTS,
    LATER,
    'if (kept !== undefined && part === "") keeper.restore(kept)',
  ),
  mutant(
    'batch-cells-not-restored',
    'groupings go on with what they have collected',
    PARTS,
    LATER,
    'if (kept !== undefined && !part.endsWith(" cells")) keeper.restore(kept)',
  ),
  mutant(
    'batch-work-not-restored',
    'sources go on where the committed batch ended',
    PARTS,
    LATER,
    'if (kept !== undefined && !part.endsWith(" work")) keeper.restore(kept)',
  ),
  mutant(
    'batch-results-not-restored',
    'a result has what was collected before the crash',
    'runners/micro-batch/kept-results.ts',
    'this.#collected.elements.push({',
    'if (this.#stored > 0) this.#collected.elements.push({',
  ),
  mutant(
    'batch-delivered-under-another-id',
    'what is delivered again has the id that it had',
    OUTBOX,
    'await this.deliver(batch, delivered)',
    'await this.deliver(batch + 1, delivered)',
  ),
  mutant(
    'batch-outbox-not-kept',
    'deliveries lie with the commit of their batch',
    OUTBOX,
    'if (delivered.length === 0) return new Uint8Array()',
    'if (delivered.length >= 0) return new Uint8Array()',
  ),
  mutant(
    'batch-query-renamed',
    'sinks know a query by one name',
    OUTBOX,
    '{ query: this.#store.id, step, batch, shard: 0 }',
    '{ query: `${this.#store.id} ${batch}`, step, batch, shard: 0 }',
  ),
  mutant(
    'batch-plan-cut',
    'all rounds of a plan are done again',
    JOURNAL,
    'this.#planned = planned\n',
    'this.#planned = planned?.slice(1)\n',
  ),
  mutant(
    'batch-plan-ignored',
    'a batch that was planned is read as it was planned',
    JOURNAL,
    'return turns.find((turn) => turn.stage === stage) ?? nothing(stage)',
    'return turns.length < 0 ? undefined : nothing(stage)',
  ),
  mutant(
    'batch-plan-counts-once',
    'rounds that are written down once are done as often as they were',
    JOURNAL,
    'before.times += last.times',
    'before.times += 0 * last.times',
  ),
]
