/**
 * Matchers for vitest. Import this module once (in a test file, or in `setupFiles`): it adds the matchers, and fails every
 * test that declares an assertion and does not run its pipeline, or claims nothing with it.
 *
 * @module millrace/testing/vitest
 */
import { coded } from '../../sdk/error-codes.js'
import { afterEach, expect } from 'vitest'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { difference, identityOf } from '../../sdk/testing/same-value.js'
import { unrunAssertions } from '../../sdk/testing/unrun.js'
import { run, type RunOptions, type Runnable } from '../run.js'
import type { PipelineResult, WindowedElement } from '../runner.js'
import { unpaired } from './pairing.js'

/** A pane as a test writes it down; what it leaves out is not compared. */
export interface ExpectedPane {
  readonly value: unknown
  readonly timestamp?: number
  readonly window?: { readonly start: number; readonly end: number }
  readonly timing?: 'early' | 'onTime' | 'late' | 'unknown'
  readonly index?: number
  readonly isLast?: boolean
}

/** What the module adds to `expect`. */
export interface PipelineMatchers<R> {
  /** Exactly these elements were collected under a name, in any order. On the result of a run. */
  toHaveCollected(name: string, elements: readonly unknown[]): R
  /** Exactly these elements were collected under a name, with the windows and panes that are given, in any order. On the result of a run. */
  toHavePanes(name: string, panes: readonly ExpectedPane[]): R
  /** The pipeline runs, and these elements are collected under these names (one at least), in any order. On a pipeline; awaited. */
  toRunTo(collected: Readonly<Record<string, readonly unknown[]>>, options?: RunOptions): Promise<R>
}

declare module 'vitest' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface Matchers<T> extends PipelineMatchers<T> {}
}

interface Verdict {
  readonly pass: boolean
  readonly message: () => string
}

function compared(what: string, expected: readonly unknown[], actual: readonly unknown[]): Verdict {
  const { missing, extra } = difference(expected, actual)
  const pass = missing.length === 0 && extra.length === 0
  const message = (): string =>
    pass
      ? `expected ${what} to be anything but ${preview(expected, 1000)}`
      : `expected ${what} to be ${preview(expected, 1000)}, in any order, but they are ${preview(actual, 1000)}: missing ${preview(missing, 400)}, unexpected ${preview(extra, 400)}`
  return { pass, message }
}

function resultOf(received: unknown, matcher: string): PipelineResult {
  if (typeof (received as Partial<PipelineResult> | undefined)?.collectWindowed === 'function')
    return received as PipelineResult
  throw coded(
    'MR-8012',
    new TypeError(`${matcher} is for the result of a run: expect(await run(pipeline)).${matcher}(…)`),
  )
}

/** Whether a pane is as a test expects it. */
function fits(wanted: ExpectedPane, { value, timestamp, window, pane }: WindowedElement): boolean {
  return (
    identityOf(value) === identityOf(wanted.value) &&
    (wanted.timestamp ?? timestamp) === timestamp &&
    (wanted.window?.start ?? window.start) === window.start &&
    (wanted.window?.end ?? window.end) === window.end &&
    (wanted.timing ?? pane.timing) === pane.timing &&
    (wanted.index ?? pane.index) === pane.index &&
    (wanted.isLast ?? pane.isLast) === pane.isLast
  )
}

/** Pairs panes with what a test expects, each with one that fits, so that as few as possible are left alone. */
function unmatched(result: PipelineResult, name: string, panes: readonly ExpectedPane[]): readonly string[] {
  const found = result.collectWindowed(name)
  const { left, right } = unpaired(panes, found, fits)
  return [
    ...left.map((wanted) => `missing ${preview(wanted)}`),
    ...right.map(({ value, window, pane }) => `unexpected ${preview(value)} in ${window.toString()}, ${preview(pane)}`),
  ]
}

expect.extend({
  toHaveCollected(received: unknown, name: string, elements: readonly unknown[]): Verdict {
    return compared(`elements of "${name}"`, elements, resultOf(received, 'toHaveCollected').collect(name))
  },
  toHavePanes(received: unknown, name: string, panes: readonly ExpectedPane[]): Verdict {
    const faults = unmatched(resultOf(received, 'toHavePanes'), name, panes)
    return {
      pass: faults.length === 0,
      message: () =>
        faults.length === 0
          ? `expected panes of "${name}" to be anything but these`
          : `panes of "${name}":\n  ${faults.join('\n  ')}`,
    }
  },
  async toRunTo(
    received: unknown,
    collected: Readonly<Record<string, readonly unknown[]>>,
    options: RunOptions = {},
  ): Promise<Verdict> {
    if (Object.keys(collected).length === 0)
      throw coded(
        'MR-8012',
        new TypeError('toRunTo({}) claims nothing: name at least one collection, such as toRunTo({ out: [1, 2] })'),
      )
    const result = await run(received as Pipeline | Runnable, options)
    const parts = Object.entries(collected).map(([name, elements]) =>
      compared(`elements of "${name}"`, elements, result.collect(name)),
    )
    const wrong = parts.filter(({ pass }) => !pass)
    const shown = wrong.length === 0 ? parts : wrong
    return { pass: wrong.length === 0, message: () => shown.map(({ message }) => message()).join('\n') }
  },
})

afterEach(() => {
  const forgotten = unrunAssertions()
  if (forgotten.length > 0) throw coded('MR-8002', new Error(forgotten.join('\n')))
})
