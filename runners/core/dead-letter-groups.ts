/**
 * Which dead letters have one cause. A run may have a million of them, and nobody reads a million stacks: it is told how
 * many came from one place of the author's code, with the first as an example.
 *
 * Law: every dead letter is in exactly one group, and memory is bounded: what exceeds the groups is counted by step.
 */
import { errorCode } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { positionInStack } from '../../sdk/source-position.js'
import type { DeadLetter } from '../../sdk/transforms/errors.js'
import type { DeadLetterGroup } from '../runner.js'
import type { Json } from './snapshot-keeper.js'

/** Groups that are kept apart. */
const GROUPS_MAX = 100

type Example = DeadLetterGroup['example']

/** A group as a store has it. */
interface StoredGroup {
  readonly key: string
  readonly count: number
  readonly step: string
  readonly error: string
  readonly place: string | null
  readonly example: Omit<Example, 'code' | 'source'> & {
    readonly code: NonNullable<Example['code']> | null
    readonly source: string | null
  }
}

/** Groups of a run. */
export class DeadLetterGroups {
  readonly #groups = new Map<string, { group: DeadLetterGroup; count: number }>()

  /** Counts a letter; `thrown` is what user code threw. */
  add(letter: DeadLetter, thrown: unknown): void {
    const { name, stack } = letter.error
    const place = stack === undefined ? undefined : positionInStack(stack)?.text
    let key = JSON.stringify([letter.step, name, place])
    let error = name
    if (!this.#groups.has(key) && this.#groups.size >= GROUPS_MAX) {
      key = letter.step
      error = 'other errors'
    }
    const known = this.#groups.get(key)
    if (known !== undefined) {
      known.count++
      return
    }
    const group: DeadLetterGroup = {
      step: letter.step,
      error,
      place: key === letter.step ? undefined : place,
      count: 1,
      example: {
        code: errorCode(thrown),
        message: letter.error.message,
        element: preview(letter.element),
        window: letter.window,
        timestamp: letter.timestamp,
        source: letter.source,
      },
    }
    this.#groups.set(key, { group, count: 1 })
  }

  list(): readonly DeadLetterGroup[] {
    return [...this.#groups.values()].map(({ group, count }) => ({ ...group, count }))
  }

  /** The groups as plain data, in the order in which they came. */
  stored(): readonly Json[] {
    return [...this.#groups].map(([key, { group, count }]) => {
      const { step, error, place, example } = group
      const { code, message, element, window, timestamp, source } = example
      const told = { code: code ?? null, message, element, window, timestamp, source: source ?? null }
      return { key, count, step, error, place: place ?? null, example: told }
    })
  }

  /** Takes back what {@link stored} gave. */
  restore(groups: readonly Json[]): void {
    for (const stored of groups) {
      const { key, count, place, example, ...rest } = stored as unknown as StoredGroup
      const told = { ...example, code: example.code ?? undefined, source: example.source ?? undefined }
      this.#groups.set(key, { group: { ...rest, place: place ?? undefined, count: 1, example: told }, count })
    }
  }

  /** Takes the groups out: none are left. */
  take(): readonly Json[] {
    const taken = this.stored()
    this.#groups.clear()
    return taken
  }

  /** Adds groups that another has taken out. */
  merge(groups: readonly Json[]): void {
    const others = new DeadLetterGroups()
    others.restore(groups)
    for (const [own, { group, count }] of others.#groups) {
      const isFull = this.#groups.size >= GROUPS_MAX && !this.#groups.has(own)
      const key = isFull ? group.step : own
      const known = this.#groups.get(key)
      if (known !== undefined) known.count += count
      else if (key === own) this.#groups.set(key, { group, count })
      else this.#groups.set(key, { group: { ...group, error: 'other errors', place: undefined }, count })
    }
  }

  /** Remembers the groups; the result brings them back. */
  save(): () => void {
    const counts = [...this.#groups].map(([key, { group, count }]) => [key, group, count] as const)
    return () => {
      this.#groups.clear()
      for (const [key, group, count] of counts) this.#groups.set(key, { group, count })
    }
  }
}
