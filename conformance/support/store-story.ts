/**
 * A run over a CheckpointStore as a seed tells it, with the states that its commits make, so that whatever a crash leaves can be judged.
 *
 * Law: the changes of a batch depend on seed and batch only; so a store that says it committed batch n holds state n or is wrong.
 */
import { seededRandom } from '../../sdk/env.js'
import type { Change, CheckpointStore, CommitRecord, Lease } from '../../runners/micro-batch/store/checkpoint-store.js'
import { partitionOf } from '../../runners/micro-batch/store/partition-of.js'
import type { StoreBench } from './store-bench.js'

/** How a story goes. */
export interface Story {
  readonly batches: number
  readonly seed: number
  /** Called when a commit has been acknowledged. */
  readonly onCommit?: (batch: number) => void
  /** Ends with a plan that is not committed. */
  readonly planned?: boolean
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const KEYS = 30

/** Changes of a batch. */
function changesOf(batch: number, seed: number): readonly Change[] {
  const random = seededRandom(seed * 1_000 + batch)
  return Array.from({ length: Math.floor(random() * 12) }, (): Change => {
    const key = Math.floor(random() * KEYS)
    const content = random() < 0.2 ? undefined : encoder.encode(`${batch}:${'x'.repeat(Math.floor(random() * 150))}`)
    return { part: key % 2 === 0 ? 'even' : 'odd', slot: (key * 37) % 256, id: encoder.encode(`k${key}`), content }
  })
}

/** The entries after each batch, as texts, sorted; batch 0 is before the first. */
export function committedStates(batches: number, seed: number): ReadonlyMap<number, readonly string[]> {
  const state = new Map<string, string>()
  const states = new Map<number, readonly string[]>([[0, []]])
  for (let batch = 1; batch <= batches; batch++) {
    for (const { part, id, content } of changesOf(batch, seed)) {
      const key = `${part}/${decoder.decode(id)}`
      if (content === undefined) state.delete(key)
      else state.set(key, `${key}=${decoder.decode(content)}`)
    }
    states.set(batch, [...state.values()].sort())
  }
  return states
}

/** All entries of a store, as texts, sorted. */
export async function entriesOf(store: CheckpointStore): Promise<string[]> {
  const query = await store.query()
  const committed = (await store.committed())?.batch ?? 0
  const found: string[] = []
  for (let index = 0; index < (query?.partitions ?? 0); index++) {
    for await (const { part, id, content } of store.partition(index).read(committed)) {
      found.push(`${part}/${decoder.decode(id)}=${decoder.decode(content)}`)
    }
  }
  return found.sort()
}

/** Tells the story: a driver that plans and commits, with partitions that write themselves now and then, and all else that a driver does. */
export async function tellStory(bench: StoreBench, story: Story): Promise<void> {
  const { seed } = story
  const store = await bench.open()
  const lease = await store.acquire({ holder: 'teller', now: 0, ttlMillis: 1_000 })
  await store.create(lease, { id: `story ${seed}`, pipeline: 'p', graph: 'g', partitions: 2, createdAt: 0 })
  for (let batch = 1; batch <= story.batches; batch++) {
    await doBatch(store, lease, batch, seed)
    story.onCommit?.(batch)
    if (batch % 2 === 1) await store.delivered(lease, batch)
    if (batch % 8 === 3) {
      const query = await store.query()
      if (query !== undefined) await store.update(lease, { ...query, partitions: 1 + (batch % 3) })
    }
    if (batch === story.batches - 1) await store.savepoint(bench.beside().place)
  }
  if (story.planned === true) await planBatch(store, lease, story.batches + 1, seed)
}

/** Plans a batch, unless it is planned, and commits it. */
export async function doBatch(store: CheckpointStore, lease: Lease, batch: number, seed: number): Promise<void> {
  await planBatch(store, lease, batch, seed)
  const { partitions } = (await store.query()) ?? { partitions: 0 }
  const changes = new Map(Array.from({ length: partitions }, (_, index): [number, Change[]] => [index, []]))
  for (const change of changesOf(batch, seed)) changes.get(partitionOf(change.slot, partitions))?.push(change)
  const hashes: string[] = Array.from({ length: partitions }, () => '')
  // Every third batch is written by its partitions, the first attempt in vain.
  if (batch % 3 === 0) {
    for (const [index, list] of changes) {
      await store
        .partition(index)
        .write(lease, batch, [{ part: 'even', slot: 0, id: encoder.encode('given up'), content: encoder.encode('x') }])
      hashes[index] = await store.partition(index).write(lease, batch, list)
    }
    changes.clear()
  }
  await store.commit(lease, recordOf(batch, lease, hashes), changes)
}

/**
 * What is wrong with what is there, in words, where nothing may be newer than `most` and nothing older than `least`. Nothing is written
 * but what opening writes. @throws when it is refused.
 */
export async function judged(
  bench: StoreBench,
  least: number,
  most: number,
  seed: number,
): Promise<string | undefined> {
  const store = await bench.open()
  try {
    const committed = (await store.committed())?.batch ?? 0
    if (committed < least || committed > most) return `batch ${committed} is the newest, not ${least} to ${most}`
    if ((await store.query()) === undefined) return least > 0 ? 'the query is gone' : undefined
    const found = JSON.stringify(await entriesOf(store))
    const expected = JSON.stringify(committedStates(committed, seed).get(committed))
    if (found !== expected) return `state ${committed} is ${found}, not ${expected}`
    const plan = await store.planned()
    if (plan !== undefined && decoder.decode(plan.content) !== `plan ${committed + 1} of ${seed}`)
      return 'a plan has changed'
    const history = await store.history()
    if (history.some(({ batch }, at) => batch !== at + 1)) return 'commits do not follow each other'
    const [fault] = await store.check()
    return fault === undefined ? undefined : `${fault.invariant} ${fault.where}: ${fault.message}`
  } finally {
    await store.close()
  }
}

/** Whether it is an error that refuses what cannot be trusted, and names a file. */
export function isRefusal(error: unknown): boolean {
  const { name, file } = error as { readonly name?: string; readonly file?: string }
  return (name === 'StoreDamaged' || name === 'StoreFormatUnknown') && typeof file === 'string' && file !== ''
}

/** What is wrong after a crash that came after `least` was acknowledged, in words; then it goes on for two batches. */
export async function recovered(bench: StoreBench, least: number, seed: number): Promise<string | undefined> {
  const store = await bench.open()
  const lease = await store.acquire({ holder: 'next', now: 5_000, ttlMillis: 1_000 })
  if ((await store.query()) === undefined) {
    if (least > 0) return `the query is gone after ${least} commits`
    await store.create(lease, { id: `story ${seed}`, pipeline: 'p', graph: 'g', partitions: 2, createdAt: 0 })
  }
  const committed = (await store.committed())?.batch ?? 0
  if (committed < least || committed > least + 1)
    return `batch ${committed} is the newest, and ${least} was acknowledged`
  const states = committedStates(committed + 2, seed)
  for (let batch = committed; batch <= committed + 2; batch++) {
    if (batch > committed) await doBatch(store, lease, batch, seed)
    const found = await entriesOf(store)
    if (JSON.stringify(found) !== JSON.stringify(states.get(batch))) {
      return `state ${batch} is ${JSON.stringify(found)}, not ${JSON.stringify(states.get(batch))}`
    }
    const [fault] = await store.check()
    if (fault !== undefined) return `after batch ${batch}: ${fault.invariant} ${fault.where}: ${fault.message}`
  }
  await store.close()
  return undefined
}

async function planBatch(store: CheckpointStore, lease: Lease, batch: number, seed: number): Promise<void> {
  const content = encoder.encode(`plan ${batch} of ${seed}`)
  await store.logPlan(lease, { batch, instant: batch * 10, epoch: lease.epoch, content }, { durable: batch % 2 === 0 })
}

function recordOf(batch: number, lease: Lease, hashes: readonly string[]): CommitRecord {
  return {
    batch,
    epoch: lease.epoch,
    instant: batch * 10,
    hashes,
    content: encoder.encode(`commit ${batch}`),
    deliveries: encoder.encode(`deliveries ${batch}`),
  }
}
