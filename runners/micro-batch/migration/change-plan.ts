/**
 * What becomes of what a checkpoint keeps when the graph is another: part by part kept, migrated, dropped or begun empty, and who has
 * to say so.
 *
 * Law: a part that has entries is kept, migrated, or named by somebody as dropped; nothing is dropped silently.
 */
import { type Conversion, conversion, shapedCoder } from '../../../sdk/graph/coder-shape.js'
import { differences, type GraphDifference, type GraphFingerprint } from '../../../sdk/graph/fingerprint.js'
import { authorPath } from '../../../sdk/graph/names.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import type { CellShape, KeptShape, LivePart, PartShape } from './kept-shape.js'
import { type GoingPart, fatesOfNew } from './new-parts.js'
import { type NamedPart, type PartName, PartNames } from './part-names.js'
import { codecText, kindText, misfitOf, unreadable, valueOf } from './misfits.js'

/** What an author chooses. */
export interface ChangeChoice {
  readonly onChange: 'refuse' | 'migrate'
  /** New names of steps, by the old ones. */
  readonly renameSteps: ReadonlyMap<string, string>
  /** What is dropped: steps, or parts of them, as explanations name them: `sum`, `over limit#total`. */
  readonly dropState: readonly string[]
}

/** What becomes of something. What is `lacking` is new, and would have to know what its step keeps beside it. */
export type Outcome = 'kept' | 'migrated' | 'dropped' | 'empty' | 'lacking'

/** What becomes of one thing that is kept. */
export interface Fate {
  /** The author's step, as it is called now; as it was called where it is gone. */
  readonly step: string
  /** In words: `state cell "total"`, `what it has accumulated`. */
  readonly what: string
  /** What drops it. */
  readonly address: string
  readonly outcome: Outcome
  /** Why, in words. */
  readonly because: string
  /** Entries of its part; of what is lacking, those of the parts that it would have to know. */
  readonly entries: number
  /** Whether it is a piece of its part, such as a cell of a step's state, so that the entries are not its own. */
  readonly isPiece: boolean
  /** Whether dropping it was asked for. Of what is dropped or lacking and was not named, the checkpoint is refused. */
  readonly isNamed: boolean
  /** Whether values are checked one by one. */
  readonly isChecked: boolean
}

/** How a part goes on. */
export interface PartPlan {
  readonly from: PartShape
  /** `undefined` when it is dropped. */
  readonly to: LivePart | undefined
  readonly value: Conversion | undefined
  readonly restriction: Conversion | undefined
  /** By the place of each cell before: its place now and conversions; `undefined` when it is dropped. */
  readonly cells: readonly (CellPlan | undefined)[]
  /** Places of timers now. */
  readonly timers: readonly (number | undefined)[]
}

/** How a cell goes on. */
export interface CellPlan {
  readonly at: number
  readonly value: Conversion
  readonly key: Conversion | undefined
}

/** See the head of this file. */
export interface ChangePlan {
  readonly differences: readonly GraphDifference[]
  readonly fates: readonly Fate[]
  readonly parts: readonly PartPlan[]
  /** What a step is called now, by its unique name. */
  readonly renamed: (uniqueName: string) => string
  /** Whether all of it is codecs that take what was written: nobody is asked. */
  readonly isAutomatic: boolean
  /** Drops that name nothing. */
  readonly unknownDrops: readonly string[]
}

/** A graph and what it keeps. */
export interface GraphBefore {
  readonly fingerprint: GraphFingerprint
  readonly kept: KeptShape
}

/** A graph and what it keeps, with its coders. */
export interface GraphAfter {
  readonly fingerprint: GraphFingerprint
  readonly parts: readonly LivePart[]
  readonly built: BuiltPipeline
}

/** What becomes of everything. @param entries numbers of entries by part, as they were called. */
export function changePlan(
  before: GraphBefore,
  after: GraphAfter,
  choice: ChangeChoice,
  entries: ReadonlyMap<string, number>,
): ChangePlan {
  const renamed = renaming(choice.renameSteps)
  const all = differences(renamedFingerprint(before.fingerprint, renamed), after.fingerprint)
  const now = new Map(after.parts.map((part) => [part.shape.part, part]))
  const used = new Set<string>()
  const known = new Set<string>()
  const drops = new Drops(choice.dropState, used, known)
  const names = new PartNames([
    ...before.kept.parts.map((shape) => atNow(shape, renamed)),
    ...after.parts.map(({ shape }) => shape),
  ])
  const parts: PartPlan[] = []
  const fates: Fate[] = []
  const going: GoingPart[] = []
  for (const from of before.kept.parts) {
    const step = renamed(from.step)
    const part = `${step}${from.part.slice(from.step.length)}`
    const to = now.get(part)
    now.delete(part)
    const count = entries.get(from.part) ?? 0
    const name = names.of(atNow(from, renamed))
    const { plan, fates: own } = new PartComparison(from, authorPath(step), name, to, drops, count, after.built).run()
    if (plan.to !== undefined) going.push({ shape: plan.to.shape, entries: count })
    parts.push(plan)
    fates.push(...own)
  }
  fates.push(...fatesOfNew(now.values(), going, names, drops))
  const isWide = fates.every(({ outcome, isChecked }) => (outcome === 'kept' || outcome === 'migrated') && !isChecked)
  return {
    differences: all,
    fates,
    parts,
    renamed,
    isAutomatic: all.every(({ isCodec }) => isCodec) && isWide && choice.dropState.length === 0,
    unknownDrops: choice.dropState.filter((drop) => !used.has(drop) && !drops.isKnown(drop)),
  }
}

/** A part that was kept, by the names that its step has now. */
function atNow({ part, step, keeps }: PartShape, renamed: (name: string) => string): NamedPart {
  const now = renamed(step)
  return { part: `${now}${part.slice(step.length)}`, step: now, path: authorPath(now), keeps }
}

/** Names of steps as they are now. */
function renaming(renames: ReadonlyMap<string, string>): (name: string) => string {
  return (name) => {
    for (const [old, now] of renames) {
      // Collections are called after their steps: `sum.out`.
      if (name === old || name.startsWith(`${old}/`) || name.startsWith(`${old}.`))
        return `${now}${name.slice(old.length)}`
    }
    return name
  }
}

function renamedFingerprint(fingerprint: GraphFingerprint, renamed: (name: string) => string): GraphFingerprint {
  const entries = fingerprint.entries.map((entry) => {
    const isName = entry.attribute === 'source' || entry.attribute === 'inputs'
    const value = isName ? entry.value.replaceAll(/"([^"]*)"/g, (_, name: string) => `"${renamed(name)}"`) : entry.value
    return { ...entry, step: renamed(entry.step), value }
  })
  return { ...fingerprint, entries }
}

/** What is to be dropped. */
export class Drops {
  readonly #drops: readonly string[]
  readonly #used: Set<string>
  readonly #known: Set<string>

  constructor(drops: readonly string[], used: Set<string>, known: Set<string>) {
    this.#drops = drops
    this.#used = used
    this.#known = known
  }

  /** There is such a step, or such a part of one. */
  note(name: string): void {
    this.#known.add(name)
  }

  isKnown(drop: string): boolean {
    return [...this.#known].some((name) => covers(drop, name))
  }

  /** Whether one of these is to be dropped. */
  has(...names: readonly string[]): boolean {
    const found = this.#drops.filter((drop) => names.some((name) => covers(drop, name)))
    for (const drop of found) this.#used.add(drop)
    return found.length > 0
  }
}

/** A scope covers the steps in it. */
function covers(drop: string, name: string): boolean {
  return drop === name || name.startsWith(`${drop}/`)
}

/** Compares one part with what it has become. */
class PartComparison {
  readonly #from: PartShape
  readonly #path: string
  readonly #name: PartName
  readonly #to: LivePart | undefined
  readonly #drops: Drops
  readonly #entries: number
  readonly #built: BuiltPipeline
  readonly #fates: Fate[] = []

  constructor(
    from: PartShape,
    path: string,
    name: PartName,
    to: LivePart | undefined,
    drops: Drops,
    entries: number,
    built: BuiltPipeline,
  ) {
    this.#from = from
    this.#path = path
    this.#name = name
    this.#to = to
    this.#drops = drops
    this.#entries = entries
    this.#built = built
  }

  run(): { readonly plan: PartPlan; readonly fates: readonly Fate[] } {
    const plan = this.#plan()
    // What has no entries loses nothing.
    const fates = this.#entries === 0 ? this.#fates.filter(({ isNamed }) => isNamed) : this.#fates
    return { plan, fates }
  }

  #plan(): PartPlan {
    const [from, to] = [this.#from, this.#to]
    const { what, address, ofKind } = this.#name
    const fate = (outcome: Outcome, because: string, isNamed = false, isChecked = false): void => {
      this.#fates.push({
        step: this.#path,
        what,
        address,
        outcome,
        because,
        entries: this.#entries,
        isPiece: false,
        isNamed,
        isChecked,
      })
    }
    const paths = [this.#path, from.path]
    for (const path of paths) this.#drops.note(path)
    for (const each of [address, ofKind]) this.#drops.note(each)
    const dropped: PartPlan = { from, to: undefined, value: undefined, restriction: undefined, cells: [], timers: [] }
    // Input that waits is no state of a step: it goes with its step, and not because its step begins anew.
    const isInput = from.keeps === 'elements' || from.keeps === 'collected'
    const isDropped = this.#drops.has(address, ofKind, ...paths)
    if (to === undefined) {
      fate('dropped', 'no step of the pipeline keeps it any more', isDropped)
      return dropped
    }
    if (isDropped && !(isInput && !this.#drops.has(address, ofKind))) {
      fate('dropped', 'it was named', true)
      return dropped
    }
    const value = valueOf(from.value, to.coders.value)
    const restriction = valueOf(from.restriction, to.coders.restriction)
    const misfit = misfitOf(from, to.shape) ?? unreadable(from, to.shape, value, restriction)
    if (misfit !== undefined) {
      fate('dropped', misfit, isDropped)
      return dropped
    }
    if (from.keeps === 'state') return { ...dropped, to, value, ...this.#cellsAndTimers(from, to) }
    this.#valueFate(what, address, false, value, restriction)
    return { ...dropped, to, value, restriction }
  }

  #valueFate(
    what: string,
    address: string,
    isPiece: boolean,
    ...conversions: readonly (Conversion | undefined)[]
  ): void {
    const relations = conversions.map((each) => each?.relation ?? 'same')
    const base = { step: this.#path, what, address, entries: this.#entries, isPiece, isNamed: false }
    const isSame = relations.every((relation) => relation === 'same')
    const isChecked = relations.includes('narrower')
    const because = isSame
      ? 'it is written as before'
      : isChecked
        ? 'each value is checked by the new codec'
        : 'the new codec takes what was written'
    this.#fates.push({ ...base, outcome: isSame ? 'kept' : 'migrated', because, isChecked })
    for (const field of conversions.flatMap((each) => each?.lost ?? [])) {
      const of = `${address}.${field}`
      this.#drops.note(of)
      this.#fates.push({
        ...base,
        what: `field "${field}" of ${what}`,
        address: of,
        outcome: 'dropped',
        because: 'the new codec does not name it',
        isPiece: true,
        isNamed: this.#drops.has(of),
        isChecked: false,
      })
    }
  }

  #cellsAndTimers(from: PartShape, to: LivePart): Pick<PartPlan, 'cells' | 'timers'> {
    const base = { step: this.#path, entries: this.#entries, isPiece: true, isChecked: false }
    const gone = (what: string, name: string, because: string): undefined => {
      const address = `${this.#path}#${name}`
      this.#drops.note(address)
      const isNamed = this.#drops.has(address)
      this.#fates.push({ ...base, what, address, outcome: 'dropped', because, isNamed })
      return undefined
    }
    const cells = from.cells.map((cell): CellPlan | undefined => {
      const what = `state cell "${cell.name}"`
      const at = to.shape.cells.findIndex(({ name }) => name === cell.name)
      const now = to.shape.cells[at]
      if (now === undefined) return gone(what, cell.name, 'the step has no such cell any more')
      this.#drops.note(`${this.#path}#${cell.name}`)
      if (this.#drops.has(`${this.#path}#${cell.name}`)) return gone(what, cell.name, 'it was named')
      const plan = this.#cell(cell, now, at, to)
      if (typeof plan === 'string') return gone(what, cell.name, plan)
      this.#valueFate(what, `${this.#path}#${cell.name}`, true, plan.value, plan.key)
      return plan
    })
    const before = new Set(from.cells.map(({ name }) => name))
    for (const { name } of to.shape.cells.filter((cell) => !before.has(cell.name)))
      this.#fates.push({
        ...base,
        what: `state cell "${name}"`,
        address: `${this.#path}#${name}`,
        outcome: 'empty',
        because: 'it is new here',
        isNamed: false,
      })
    const timers = from.timers.map(({ name, domain, isFamily }): number | undefined => {
      const what = `timer "${name}"`
      const at = to.shape.timers.findIndex((timer) => timer.name === name)
      const now = to.shape.timers[at]
      if (now === undefined) return gone(what, name, 'the step has no such timer any more')
      if (now.domain !== domain || now.isFamily !== isFamily) return gone(what, name, 'it is of another kind now')
      return at
    })
    return { cells, timers }
  }

  /** How a cell goes on; a text says why it cannot. */
  #cell(cell: CellShape, now: CellShape, at: number, { coders }: LivePart): CellPlan | string {
    const kinds = [kindText(cell), kindText(now)] as const
    if (kinds[0] !== kinds[1]) return `it was a ${kinds[0]}, and is a ${kinds[1]} now`
    const ids = coders.cells[at] as { readonly value: string; readonly key: string | undefined }
    const value = conversion(cell.value, shapedCoder(this.#built, ids.value))
    const key =
      cell.key === undefined || ids.key === undefined
        ? undefined
        : conversion(cell.key, shapedCoder(this.#built, ids.key))
    if (value.relation === 'other') return codecText(cell.value, now.value)
    if (key !== undefined && (key.relation === 'other' || key.lost.length > 0))
      return `${codecText(cell.key, now.key)}, and two of its keys could become one`
    return { at, value, key }
  }
}
