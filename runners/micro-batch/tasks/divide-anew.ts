/**
 * What a query keeps, divided among another number of partitions than it was: so that it goes on with more workers, with fewer, or with
 * none.
 *
 * Law: each part is divided by what it is; what no partition keeps stays as it is. What has to be written for it is written with the next
 * commit, all of it: until then the store is as it was.
 */
import { ByteReader } from '../../../sdk/coders/index.js'
import { invariant } from '../../../sdk/invariant.js'
import {
  copied,
  divideElements,
  divideGrouping,
  divideState,
  divideWork,
  type Division,
  hostOfSide,
  type Hosts,
  kept,
} from '../../core/kept-division.js'
import { type Stage, type StagedPipeline, sideInputs } from '../../core/stage.js'
import { hostedPart, unhosted } from '../hosted-part.js'
import type { Change, StoredEntry } from '../store/checkpoint-store.js'
import { partitionOf } from '../store/partition-of.js'
import { BlockCodings, MAIN } from './block-codings.js'

/** What is kept as it is divided now, and what has to be written. */
export interface DividedAnew {
  readonly entries: readonly StoredEntry[]
  readonly changes: readonly Change[]
}

/** Divides what is kept. @param before the number of partitions until now. */
export function dividedAnew(
  staged: StagedPipeline,
  stored: readonly StoredEntry[],
  before: number,
  now: number,
): DividedAnew {
  const byPart = new Map<string, StoredEntry[]>()
  for (const entry of stored) {
    const there = byPart.get(entry.part)
    if (there === undefined) byPart.set(entry.part, [entry])
    else there.push(entry)
  }
  const take = (part: string): Hosts =>
    Array.from({ length: before }, (_, host) => {
      const name = part + hostedPart(host, before)
      const entries = byPart.get(name) ?? []
      byPart.delete(name)
      return entries
    })
  const division: Division = { hosts: now, hostOf: (slot) => partitionOf(slot, now) }
  const codings = new BlockCodings(staged)
  const moved: StoredEntry[] = []
  for (const stage of staged.stages)
    for (const [part, hosts] of dividedStage(stage, division, codings, take))
      for (const [host, entries] of hosts.entries())
        for (const { slot, id, content } of entries)
          moved.push({ part: part + hostedPart(host, now), slot, id, content })
  const rest = [...byPart.values()].flat()
  const left = new Set(rest)
  for (const { part } of rest) invariant(unhosted(part)[1] === '', 'every part of a partition is divided', { part })
  const changes = [...stored.filter((entry) => !left.has(entry)).map((entry) => ({ ...entry, content: undefined })), ...moved] // prettier-ignore
  return { entries: [...rest, ...moved], changes }
}

/** The parts of a stage; see where stages name what they keep. */
function dividedStage(
  stage: Stage,
  division: Division,
  codings: BlockCodings,
  take: (part: string) => Hosts,
): readonly (readonly [part: string, hosts: Hosts])[] {
  const { root } = stage
  if (root.kind === 'impulse') return []
  const named = (name: string): string => `${root.info.id} ${name}`
  const divided = (name: string, divide: (before: Hosts) => Hosts): readonly [string, Hosts] => {
    const part = named(name)
    return [part, divide(take(part))]
  }
  // What one partition does alone, the first does.
  if (root.kind === 'testStream') return [divided('script', ([first = []]) => kept(first, division))]
  const slotOf = keySlots(stage, codings)
  const waiting = (before: Hosts): Hosts => divideElements(before, division, slotOf)
  const parts = [divided('inbox', waiting), divided('gate', waiting)]
  if (root.kind === 'splittable') parts.push(divided('work', (before) => divideWork(before, division)))
  if (root.kind === 'grouping') parts.push(divided('cells', (before) => divideGrouping(before, division)))
  if (root.kind === 'parDo') parts.push(divided('state', (before) => divideState(before, division)))
  for (const { name } of sideInputs(stage)) {
    const values = take(named(`side/${name}`))
    const from = hostOfSide(values)
    const all = (before: Hosts): Hosts => copied(before[from] ?? [], division)
    parts.push([named(`side/${name}`), all(values)], divided(`inbox/${name}`, all))
  }
  return parts
}

/** The slot of the key of an element that waits, by its bytes; `undefined` where elements may be anywhere. */
function keySlots(stage: Stage, codings: BlockCodings): ((content: Uint8Array) => number) | undefined {
  const slot = codings.slotOf(stage)
  if (slot === undefined) return undefined
  const coding = codings.of(stage, MAIN)
  return (content) => {
    let found = 0
    coding.read(new ByteReader(content), (value) => (found = slot(value)))
    return found
  }
}
