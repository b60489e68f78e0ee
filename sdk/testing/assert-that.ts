/**
 * assertThat: a claim about a collection, judged inside the pipeline and counted after the run, on any runner.
 *
 * Law: an assertion is judged exactly once, also when its collection is empty; `run` rejects when one does not hold or
 * was never judged.
 */
import { dynamicCoder, encodeToBytes } from '../coders/index.js'
import { type CollectionRef, reservedName } from '../graph/builder.js'
import type { KV } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { preview } from '../preview.js'
import { addConstantKey, addMap } from '../transforms/element-wise.js'
import { addImpulse } from '../transforms/create.js'
import { addFlatten } from '../transforms/flatten.js'
import { addGroupByKey } from '../transforms/group-by-key.js'
import { addCollect } from '../transforms/output.js'
import { addStep } from '../transforms/step.js'
import type { BoundedWindow } from '../windowing/window.js'
import type { PaneInfo, PaneTiming } from '../windowing/pane-info.js'
import { defaultTrigger } from '../windowing/trigger.js'
import { globalWindows } from '../windowing/window-fn.js'
import { addWindowInto } from '../transforms/window-into.js'
import { ASSERTION_STEP, type Verdict } from './verdict.js'

/** An element as an assertion sees it. */
export interface ObservedElement<T> {
  readonly value: T
  readonly timestamp: number
  readonly window: { readonly start: number; readonly end: number }
  readonly timing: PaneTiming
  readonly paneIndex: number
  readonly isLast: boolean
}

/** Throws when the elements are not as they should be. */
export type Judge<T> = (elements: readonly ObservedElement<T>[]) => void | Promise<void>

/** Claims about a collection. Each adds steps to the pipeline; the run fails if it does not hold. */
export class Assertion<T> {
  readonly #name: string
  readonly #input: PCollection<T>
  readonly #select: (element: ObservedElement<T>) => boolean
  readonly #what: string

  /** @internal */
  constructor(
    name: string,
    input: PCollection<T>,
    select: (element: ObservedElement<T>) => boolean = () => true,
    what = '',
  ) {
    this.#name = name
    this.#input = input
    this.#select = select
    this.#what = what
  }

  /** Only elements in a window. */
  inWindow(window: Pick<BoundedWindow, 'start' | 'end'>): Assertion<T> {
    const { start, end } = window
    return this.#narrowed(
      (element) => element.window.start === start && element.window.end === end,
      ` in [${start}, ${end})`,
    )
  }

  /** Only elements of panes with a timing. */
  inPanes(timing: PaneTiming): Assertion<T> {
    return this.#narrowed((element) => element.timing === timing, ` in ${timing} panes`)
  }

  /** Exactly these elements, in any order, each as often as listed. */
  containsInAnyOrder(...expected: readonly T[]): void {
    const wanted = [...expected]
    this.#judge((elements) => {
      const values = elements.map(({ value }) => value)
      const { missing, extra } = difference(wanted, values)
      if (missing.length === 0 && extra.length === 0) return
      throw new Error(
        `${describe('missing', missing)}${describe('unexpected', extra)}expected ${preview(wanted, 400)}, got ${preview(values, 400)}`,
      )
    })
  }

  /** No element at all. */
  isEmpty(): void {
    this.containsInAnyOrder()
  }

  /** Whatever `judge` checks; it throws when something is wrong. */
  satisfies(judge: (values: readonly T[], elements: readonly ObservedElement<T>[]) => void): void {
    this.#judge((elements) =>
      judge(
        elements.map(({ value }) => value),
        elements,
      ),
    )
  }

  #narrowed(select: (element: ObservedElement<T>) => boolean, what: string): Assertion<T> {
    return new Assertion(
      this.#name,
      this.#input,
      (element) => this.#select(element) && select(element),
      this.#what + what,
    )
  }

  #judge(judge: Judge<T>): void {
    const select = this.#select
    const what = this.#what
    const input = this.#input
    const { builder } = input
    builder.scoped(
      this.#name,
      [input],
      () => {
        const observed = addWindowInto(addObserved(input), reservedName('everything'), globalWindows(), {
          trigger: defaultTrigger,
          accumulation: 'discarding',
          timestampCombiner: 'endOfWindow',
        })
        // One element that is none of the collection's: also an empty collection is judged.
        const marker = addMap(addImpulse(builder, reservedName('impulse')), reservedName('marker'), () => undefined)
        const all = addFlatten(builder, reservedName('all'), [observed, marker])
        const grouped = addGroupByKey(addConstantKey(all), reservedName('group'))
        const verdict = addMap(
          grouped,
          reservedName('judge'),
          async ({ value }: KV<null, Iterable<ObservedElement<T> | undefined>>): Promise<Verdict> => {
            const elements = [...value].filter((element) => element !== undefined)
            try {
              await judge(elements.filter(select))
              return { holds: true, message: '' }
            } catch (error) {
              return { holds: false, message: `${error instanceof Error ? error.message : preview(error)}${what}` }
            }
          },
        )
        addCollect(verdict, { reserved: ASSERTION_STEP })
      },
      () => [],
    )
  }
}

/** Each element with its timestamp, window and pane, as data. */
function addObserved(input: CollectionRef): CollectionRef {
  const process = (
    value: unknown,
    {
      timestamp,
      window,
      pane,
      emit,
    }: { timestamp: number; window: BoundedWindow; pane: PaneInfo; emit: (v: unknown) => void },
  ): void => {
    const { start, end } = window
    emit({ value, timestamp, window: { start, end }, timing: pane.timing, paneIndex: pane.index, isLast: pane.isLast })
  }
  return addStep(input, {
    name: reservedName('observe'),
    fn: {
      kind: 'doFn',
      tags: ['out'],
      allowedSkewMillis: 0,
      options: {},
      doFn: { process: process },
    },
    outputs: () => [{ tag: 'out', coderId: input.builder.coders.dynamic() }],
  })[0] as CollectionRef
}

/** What is missing and what is too much, by canonical bytes. */
function difference<T>(
  expected: readonly T[],
  actual: readonly T[],
): { readonly missing: readonly T[]; readonly extra: readonly T[] } {
  const counts = new Map<string, { value: T; count: number }>()
  const add = (value: T, by: number): void => {
    const key = String(encodeToBytes(dynamicCoder, value))
    const entry = counts.get(key)
    if (entry === undefined) counts.set(key, { value, count: by })
    else entry.count += by
  }
  for (const value of expected) add(value, 1)
  for (const value of actual) add(value, -1)
  const entries = [...counts.values()]
  const repeat = ({ value, count }: { value: T; count: number }, sign: number): T[] =>
    Array.from({ length: Math.max(0, count * sign) }, () => value)
  return { missing: entries.flatMap((entry) => repeat(entry, 1)), extra: entries.flatMap((entry) => repeat(entry, -1)) }
}

function describe(what: string, values: readonly unknown[]): string {
  return values.length === 0 ? '' : `${what}: ${preview(values, 400)}; `
}

/**
 * Makes claims about a collection.
 *
 * @example
 * ```ts
 * import { pipeline, run } from 'millrace'
 * import { assertThat } from 'millrace/testing'
 * const p = pipeline()
 * const doubled = p.create('numbers', [1, 2]).map('double', (n) => n * 2)
 * assertThat('doubled', doubled).containsInAnyOrder(4, 2)
 * await run(p, { strict: true })
 * ```
 */
export function assertThat<T>(name: string, input: PCollection<T>): Assertion<T> {
  return new Assertion(`assert ${name}`, input)
}
