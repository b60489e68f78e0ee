/**
 * A query goes on with the graph it has now. Where that is another one than the checkpoint was written by, this explains what has
 * changed, asks for what an author has to say, and puts what is kept into its new form in one durable step.
 *
 * Law: a checkpoint is refused as it is, or goes on whole; an end in between leaves it as it was.
 */
import { decodeFromBytes, dynamicCoder } from '../../../sdk/coders/index.js'
import { PipelineError } from '../../../sdk/errors.js'
import { coded } from '../../../sdk/error-codes.js'
import {
  differences,
  firstDifference,
  type GraphDifference,
  type GraphFingerprint,
  graphFingerprint,
} from '../../../sdk/graph/fingerprint.js'
import { authorPath } from '../../../sdk/graph/names.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { suggestion } from '../../../sdk/suggestion.js'
import { fuse } from '../../core/fusion.js'
import { mainInputs, type StagedPipeline } from '../../core/stage.js'
import { unhosted } from '../hosted-part.js'
import { emptyPlan, planTraits } from '../plan-content.js'
import type { CheckpointStore, CommitRecord, KeptChange, Lease, QueryRecord } from '../store/checkpoint-store.js'
import { type ChangeChoice, type ChangePlan, changePlan } from './change-plan.js'
import { changeLines, isUnnamed, wayOn } from './change-text.js'
import { entryMigration } from './entry-migration.js'
import { type KeptShape, PipelineParts } from './kept-shape.js'

/** What a checkpoint says of its graph. */
export interface StoredGraph extends GraphFingerprint {
  /** Absent in checkpoints of development versions. */
  readonly kept?: KeptShape
  /** How the graph became another, for what a commit of before says of its steps. */
  readonly since?: {
    readonly batch: number
    /** New names of stages whose watermark goes on, by the old ones. */
    readonly stages: readonly (readonly [string, string])[]
  }
}

/** What is known of the graph at hand. */
export class GraphNow {
  /** As it is run. */
  readonly built: BuiltPipeline
  /** Of what the author has written. */
  readonly fingerprint: GraphFingerprint
  readonly staged: StagedPipeline
  readonly parts: PipelineParts
  readonly kept: KeptShape
  #text: string | undefined

  /**
   * Of a pipeline that may have been asked about before: runs of one process may follow each other.
   *
   * @param run the graph that is run in its place, and keeps what is kept.
   */
  static of(built: BuiltPipeline, run: BuiltPipeline = built): GraphNow {
    let graph = GRAPHS.get(run)
    if (graph === undefined) GRAPHS.set(run, (graph = new GraphNow(built, run)))
    return graph
  }

  private constructor(built: BuiltPipeline, run: BuiltPipeline) {
    this.built = run
    this.fingerprint = graphFingerprint(built.graph)
    this.staged = fuse(run)
    this.parts = new PipelineParts(this.staged)
    this.kept = this.parts.shape()
  }

  /** As a query's record has it. */
  text(since?: StoredGraph['since']): string {
    const stored: StoredGraph = { ...this.fingerprint, kept: this.kept }
    return since === undefined ? (this.#text ??= JSON.stringify(stored)) : JSON.stringify({ ...stored, since })
  }
}

const GRAPHS = new WeakMap<BuiltPipeline, GraphNow>()

/** What goes on. */
export interface Adopted {
  readonly query: QueryRecord
  /** What was done, for people; empty where nothing has changed. */
  readonly notes: readonly string[]
}

/** The graph that a record names. */
export function storedGraph({ graph }: QueryRecord): StoredGraph {
  if (newest?.text !== graph) newest = { text: graph, stored: JSON.parse(graph) as StoredGraph }
  return newest.stored
}

/** It is long, and read several times as a query goes on. */
let newest: { readonly text: string; readonly stored: StoredGraph } | undefined

/** Goes on with a query. @throws when the author has to say something first, or what is kept cannot go on. */
export async function adoptGraph(
  store: CheckpointStore,
  lease: Lease,
  query: QueryRecord,
  now: GraphNow,
  choice: ChangeChoice,
  partitions: number = query.partitions,
): Promise<Adopted> {
  const before = storedGraph(query)
  const { kept } = before
  const isSame = before.hash === now.fingerprint.hash
  const moved = { ...query, partitions }
  const movedNotes =
    partitions === query.partitions ? [] : [`the state moved to ${partitions} partitions, from ${query.partitions}`]
  const isWhole = query.graph === now.text()
  if (isWhole || (isSame && (kept === undefined || JSON.stringify(kept) === JSON.stringify(now.kept)))) {
    if (kept === undefined || partitions !== query.partitions)
      await store.update(lease, { ...moved, graph: now.text(before.since) })
    const isIdle = choice.renameSteps.size > 0 || choice.dropState.length > 0
    const idle = isIdle
      ? ['the pipeline is the one whose state is kept: renamed steps and dropped state changed nothing']
      : []
    return { query: kept === undefined ? { ...moved, graph: now.text() } : moved, notes: [...movedNotes, ...idle] }
  }
  if (kept === undefined) throw refusedWhole(store.place, query, before, now.fingerprint)
  const committed = await store.committed()
  const after = { fingerprint: now.fingerprint, parts: now.parts.all(), built: now.built }
  checkRenames(choice, kept, now.kept)
  const plan = changePlan({ fingerprint: before, kept }, after, choice, await countEntries(store, query, committed))
  checkChoice(plan, choice, store.place, query)
  // The first batch may be planned before anything is committed.
  const planned = await plannedChange(store, plan, kept)
  if (committed !== undefined) await checkDeliveries(store, plan, committed, before, now.fingerprint)
  const change: KeptChange = {
    entry: entryMigration(now.built, plan, kept, now.kept),
    ...(planned === undefined ? {} : { plan: planned }),
  }
  const since =
    committed === undefined ? undefined : { batch: committed.batch, stages: stagesThatGoOn(before, plan, now) }
  const adopted = { ...moved, graph: now.text(since) }
  await store.update(lease, adopted, change)
  return { query: adopted, notes: [...movedNotes, ...notesOf(plan)] }
}

function notesOf(plan: ChangePlan): readonly string[] {
  if (!plan.isAutomatic) return ['the pipeline has changed:', ...changeLines(plan)]
  const steps = [...new Set(plan.fates.flatMap(({ outcome, step }) => (outcome === 'migrated' ? [`"${step}"`] : [])))]
  return steps.length === 0
    ? []
    : [`codecs take more than they did; what is kept was written anew: ${steps.join(', ')}`]
}

async function countEntries(
  store: CheckpointStore,
  { partitions }: QueryRecord,
  committed: CommitRecord | undefined,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  if (committed === undefined) return counts
  for (let partition = 0; partition < partitions; partition++)
    for await (const { part } of store.partition(partition).read(committed.batch)) {
      const [name] = unhosted(part)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  return counts
}

function refusedWhole(place: string, { pipeline }: QueryRecord, before: StoredGraph, now: GraphFingerprint): Error {
  return coded(
    'MR-6021',
    new Error(
      `${place} keeps the state of pipeline "${pipeline}", which was another one: ${firstDifference(before, now) ?? ''}. It was written by a version of millrace that does not say how, so it cannot be migrated. Run the pipeline as it was, or begin anew with another checkpoint.`,
    ),
  )
}

function checkRenames({ renameSteps }: ChangeChoice, before: KeptShape, now: KeptShape): void {
  const paths = ({ steps }: KeptShape): ReadonlySet<string> =>
    // Scopes are named, too.
    new Set(
      steps.flatMap((step) =>
        authorPath(step)
          .split('/')
          .map((_, at, all) => all.slice(0, at + 1).join('/')),
      ),
    )
  const [was, is] = [paths(before), paths(now)]
  for (const [from, to] of renameSteps) {
    if (!was.has(from))
      throw named(`renameSteps names "${from}", which the pipeline had not when it was last run.`, from, was)
    if (!is.has(to))
      throw named(`renameSteps says that "${from}" is called "${to}" now, and the pipeline has no such step.`, to, is)
  }
}

function named(message: string, given: string, known: Iterable<string>): PipelineError {
  return new PipelineError('MR-6051', `${message}${suggestion(given, [...known])}`)
}

function checkChoice(plan: ChangePlan, { onChange }: ChangeChoice, place: string, { pipeline }: QueryRecord): void {
  const [unknown] = plan.unknownDrops
  if (unknown !== undefined) {
    const known = plan.fates.map(({ address }) => address)
    throw named(`dropState names "${unknown}", and there is nothing of that name.`, unknown, known)
  }
  if (plan.isAutomatic) return
  const lines = changeLines(plan)
    .map((line) => `\n  ${line}`)
    .join('')
  if (onChange !== 'migrate')
    throw coded(
      'MR-6021',
      new Error(
        `${place} keeps the state of pipeline "${pipeline}", which was another one:${lines}\nTo go on with what is kept, say ${wayOn(plan)}; a step that only got another name is renamed: renameSteps: { old: 'new' } (--rename-step old=new). Or run the pipeline as it was, or begin anew with another checkpoint.`,
      ),
    )
  if (plan.fates.some(isUnnamed))
    throw coded(
      'MR-6050',
      new Error(
        `${place} keeps state that the pipeline has no place for any more, or that something new in it would not know of, and nobody has said that this may be:${lines}\nSay ${wayOn(plan)}, or renameSteps: { old: 'new' } (--rename-step old=new) where a step only got another name. Nothing was changed.`,
      ),
    )
}

/**
 * The plan that waits was made by the old graph. What it has read from sources that can be read again is read again; elements that lie
 * nowhere else must go through the graph that has read them.
 */
async function plannedChange(
  store: CheckpointStore,
  plan: ChangePlan,
  kept: KeptShape,
): Promise<Uint8Array | undefined> {
  const planned = await store.planned()
  if (planned === undefined) return undefined
  const sources = new Set(kept.parts.filter(({ keeps }) => keeps === 'work').map(({ step }) => step))
  const isTouched = ({ step }: GraphDifference): boolean => sources.has(step)
  if (plan.isAutomatic && !plan.differences.some(isTouched)) return undefined
  if (planTraits(planned.content).holdsElements)
    throw coded(
      'MR-6053',
      new Error(
        `batch ${planned.batch} of ${store.place} is planned and not finished, and holds elements that cannot be read again. Run the pipeline as it was until that batch is committed, end it with SIGTERM or stop(), and change it then.`,
      ),
    )
  return emptyPlan()
}

/** What waits for its sinks is delivered by the step that made it. */
async function checkDeliveries(
  store: CheckpointStore,
  { renamed }: ChangePlan,
  { batch, deliveries }: CommitRecord,
  before: GraphFingerprint,
  now: GraphFingerprint,
): Promise<void> {
  if (deliveries.length === 0 || (await store.deliveredUntil()) >= batch) return
  const changed = new Set(
    differences(before, now)
      .filter(({ kind, of }) => kind !== 'changed' || of === 'its delivery')
      .map(({ step }) => step),
  )
  for (const [step] of decodeFromBytes(dynamicCoder, deliveries) as readonly (readonly [string, unknown])[]) {
    if (!changed.has(step) && renamed(step) === step) continue
    throw coded(
      'MR-6053',
      new Error(
        `what step "${authorPath(step)}" delivers in batch ${batch} of ${store.place} has not been taken by its sink yet, and the step is gone, renamed or delivers something else now. Run the pipeline as it was until it is taken, end it with SIGTERM or stop(), and change it then.`,
      ),
    )
  }
}

/** Stages whose watermark goes on. A source that begins anew begins with its impulse. */
function stagesThatGoOn(
  before: StoredGraph,
  { parts, renamed }: ChangePlan,
  { staged }: GraphNow,
): readonly [string, string][] {
  const goesOn = new Set(
    parts.flatMap(({ from, to }) => (from.keeps === 'work' && to !== undefined ? [to.shape.step] : [])),
  )
  const fresh = new Set<string>()
  for (const stage of staged.stages) {
    const { root } = stage
    if (root.kind !== 'splittable' || goesOn.has(root.info.id)) continue
    fresh.add(root.info.id)
    for (const input of mainInputs(stage)) {
      const producer = staged.stages[staged.producer.get(input) ?? -1]
      const readers = staged.stages.filter((each) => mainInputs(each).includes(input))
      if (producer?.root.kind === 'impulse' && readers.length === 1) fresh.add(producer.root.info.id)
    }
  }
  const there = new Set(staged.stages.map(({ root }) => root.info.id))
  const names = new Set(before.entries.map(({ step }) => step))
  return [...names].flatMap((name): readonly [string, string][] => {
    const now = renamed(name)
    return there.has(now) && !fresh.has(now) ? [[name, now]] : []
  })
}

/** Watermarks of a commit under the names that stages have now. */
export function watermarksNow(
  query: QueryRecord,
  batch: number,
  watermarks: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const { since } = storedGraph(query)
  if (since === undefined || since.batch !== batch) return watermarks
  return new Map(
    since.stages.flatMap(([old, now]): readonly [string, number][] => {
      const watermark = watermarks.get(old)
      return watermark === undefined ? [] : [[now, watermark]]
    }),
  )
}
