/**
 * assertThat: a claim about a collection, judged inside the pipeline and counted after the run, on any runner.
 *
 * Law: an assertion is judged exactly once, also when its collection is empty; `run` rejects when one does not hold or
 * was never judged. A pipeline with an assertion that claims nothing is not built.
 */
import { coded } from '../error-codes.js'
import { type OptionNames, refuseUnknownOptions } from '../known-options.js'
import { type CollectionRef, reservedName } from '../graph/builder.js'
import { messageOf } from '../errors.js'
import type { KV } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { addConstantKey, addMap } from '../transforms/element-wise.js'
import { addImpulse } from '../transforms/impulse.js'
import { addFlatten } from '../transforms/flatten.js'
import { addGroupByKey } from '../transforms/group-by-key.js'
import { addCollect } from '../transforms/output.js'
import { addStep } from '../transforms/step.js'
import type { BoundedWindow } from '../windowing/window.js'
import type { PaneInfo, PaneTiming } from '../windowing/pane-info.js'
import { defaultTrigger } from '../windowing/trigger.js'
import { globalWindows } from '../windowing/window-fn.js'
import { addWindowInto } from '../transforms/window-into.js'
import { difference, sameValue } from './same-value.js'
import { declared, opened } from './unrun.js'
import { ASSERTION_STEP, JUDGE_STEP, type Verdict } from './verdict.js'

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

/** A window, or what has the same ends. */
export type WindowEnds = Pick<BoundedWindow, 'start' | 'end'>

/** Options of {@link assertThat}. */
export interface AssertionOptions {
  /** How far numbers may lie apart and still be equal, wherever they stand in an element. Default 0. */
  readonly tolerance?: number
}

/**
 * Claims about a collection. Each adds steps to the pipeline; the run fails if it does not hold. Views (`inWindow`,
 * `inOnTimePane` …) narrow what a claim is about; a view without elements is an empty collection.
 *
 * Values are equal as keys are: records whatever the order of their fields, bytes, dates, maps and sets by content, `NaN`
 * to itself, `-0` to `0`; `1`, `1n` and `'1'` differ.
 */
export class Assertion<T> {
  readonly #name: string
  readonly #input: PCollection<T>
  readonly #tolerance: number
  readonly #select: (element: ObservedElement<T>) => boolean
  readonly #what: string
  /** Called when something is claimed. */
  readonly #claimed: () => void

  /** @internal */
  constructor(
    name: string,
    input: PCollection<T>,
    tolerance: number,
    claimed: () => void,
    select: (element: ObservedElement<T>) => boolean = () => true,
    what = '',
  ) {
    this.#name = name
    this.#input = input
    this.#tolerance = tolerance
    this.#select = select
    this.#what = what
    this.#claimed = claimed
  }

  /** Only elements in a window. */
  inWindow(window: WindowEnds): Assertion<T> {
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

  /** Only elements of the pane that a window, or each window, gave when the watermark passed its end. */
  inOnTimePane(window?: WindowEnds): Assertion<T> {
    return this.#within(window).inPanes('onTime')
  }

  /** Only elements of panes before the watermark passed the end of the window. */
  inEarlyPanes(window?: WindowEnds): Assertion<T> {
    return this.#within(window).inPanes('early')
  }

  /** Only elements of panes after the on-time one. */
  inLatePanes(window?: WindowEnds): Assertion<T> {
    return this.#within(window).inPanes('late')
  }

  /** Only elements of panes that are not late, those that no grouping has produced among them. */
  inNonLatePanes(window?: WindowEnds): Assertion<T> {
    return this.#within(window).#narrowed(({ timing }) => timing !== 'late', ' in panes that are not late')
  }

  /** Only elements of the pane that said it is the window's last. Elements that no grouping has produced are their own last. */
  inFinalPane(window?: WindowEnds): Assertion<T> {
    return this.#within(window).#narrowed(({ isLast }) => isLast, ' in final panes')
  }

  /** Exactly these elements, in any order, each as often as listed. */
  containsInAnyOrder(...expected: readonly T[]): void {
    const wanted = [...expected]
    const tolerance = this.#tolerance
    this.#judge((elements) => {
      const values = elements.map(({ value }) => value)
      const { missing, extra } = difference(wanted, values, tolerance)
      if (missing.length === 0 && extra.length === 0) return
      throw coded(
        'MR-8001',
        new Error(
          `${describe('missing', missing)}${describe('unexpected', extra)}expected ${preview(wanted, 400)}, got ${preview(values, 400)}`,
        ),
      )
    })
  }

  /** No element at all. */
  isEmpty(): void {
    this.containsInAnyOrder()
  }

  /** At least one element. */
  isNotEmpty(): void {
    this.#judge((elements) => {
      if (elements.length === 0) throw coded('MR-8001', new Error('expected elements, got none'))
    })
  }

  /** So many elements. */
  hasSize(size: number): void {
    if (!Number.isSafeInteger(size) || size < 0)
      refuse('MR-8004', `hasSize of "${this.#name}" takes a number of elements, from 0, but got ${preview(size)}.`)
    this.#judge((elements) => {
      if (elements.length === size) return
      const values = elements.map(({ value }) => value)
      throw coded('MR-8001', new Error(`expected ${size} elements, got ${values.length}: ${preview(values, 400)}`))
    })
  }

  /** One element, and this one. */
  isSingleton(expected: T): void {
    const tolerance = this.#tolerance
    this.#judge((elements) => {
      const values = elements.map(({ value }) => value)
      if (values.length === 1 && sameValue(expected, values[0], tolerance)) return
      throw coded('MR-8001', new Error(`expected one element, ${preview(expected, 400)}, got ${preview(values, 400)}`))
    })
  }

  /** Whatever `judge` checks: it throws, or rejects, when something is wrong. */
  satisfies(judge: (values: readonly T[], elements: readonly ObservedElement<T>[]) => void | Promise<void>): void {
    this.#judge((elements) =>
      judge(
        elements.map(({ value }) => value),
        elements,
      ),
    )
  }

  #within(window: WindowEnds | undefined): Assertion<T> {
    return window === undefined ? this : this.inWindow(window)
  }

  #narrowed(select: (element: ObservedElement<T>) => boolean, what: string): Assertion<T> {
    return new Assertion(
      this.#name,
      this.#input,
      this.#tolerance,
      this.#claimed,
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
        const decide = async ({ value }: KV<null, Iterable<ObservedElement<T> | undefined>>): Promise<Verdict> => {
          const elements = [...value].filter((element) => element !== undefined)
          try {
            await judge(elements.filter(select))
            return { holds: true, message: '' }
          } catch (error) {
            return { holds: false, message: `${messageOf(error)}${what}` }
          }
        }
        declared(decide, this.#name)
        const verdict = addMap(grouped, reservedName(JUDGE_STEP), decide)
        addCollect(verdict, { reserved: ASSERTION_STEP })
      },
      () => [],
    )
    this.#claimed()
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

function describe(what: string, values: readonly unknown[]): string {
  return values.length === 0 ? '' : `${what}: ${preview(values, 400)}; `
}

/**
 * Makes claims about a collection.
 *
 * @param name what the assertion is called: its steps are named `assert ${name}`.
 * @throws {PipelineError} when the tolerance is none; and, when the pipeline is built or run, unless a method of the
 *   assertion has claimed something.
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
export function assertThat<T>(name: string, input: PCollection<T>, options: AssertionOptions = {}): Assertion<T> {
  refuseUnknownOptions(`assertion "${name}"`, options, { tolerance: true } satisfies OptionNames<AssertionOptions>)
  const { tolerance = 0 } = options
  if (!(tolerance >= 0))
    refuse('MR-8004', `tolerance of assertion "${name}" must be 0 or more, but is ${preview(tolerance)}.`)
  const named = `assert ${name}`
  return new Assertion(named, input, tolerance, opened(input.builder, named))
}
