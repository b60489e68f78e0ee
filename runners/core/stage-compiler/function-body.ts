/**
 * What is known while the body of a generated function is written: where the element stands, which calls it has made, and
 * what happens outside its loop.
 */

import type { StageEntry } from './compiled-stage.js'

/** Names of the variables that hold an element at some point of the generated text. */
export interface Here {
  readonly value: string
  readonly timestamp: string
  readonly windows: string
  /** Set when the value is a KV that has not been made: its key. Then `value` is the KV's value. */
  readonly key?: string
  /** Whether that key is the same for all elements. */
  readonly hasConstantKey?: boolean
}

/** A call of user code in one generated function, for its catch clause. */
export interface CallSite {
  readonly at: number
  readonly handler: string
  readonly element: string
  readonly here: Here
}

/**
 * What a loop over a straight stage does outside the loop itself. What is unusual leaves the loop and enters it again:
 * calls that hardly ever happen cost nothing only where the JavaScript engine does not see them among the usual ones.
 */
export interface Outside {
  readonly variables: string[]
  /** What to do with the element that made the loop stop, by the number in `odd`. */
  readonly cases: string[]
  /** Loads accumulators into local variables, before the loop is entered. */
  readonly loads: string[]
  /** Puts them back where they belong; done before anything outside the loop can look. */
  readonly stores: string[]
  /** Whether all elements are in the window `w`, so that accumulators can be kept in local variables. */
  readonly hasOneWindow: boolean
}

/** Text of one generated function body under construction. */
export interface Body {
  readonly sites: CallSite[]
  /** Variables that the catch clause must see. */
  readonly variables: string[]
}

/** A body without text. */
export const newBody = (): Body => ({ sites: [], variables: [] })

/** What is to become the functions of a stage. */
export interface StageText {
  /** The body of a function of `U`, the user functions; it returns the functions of the stage and `bind`. */
  readonly text: string
  /** Functions of the author that the text calls, in order. */
  readonly userFunctions: readonly object[]
  /** Objects of the run, for `bind`. */
  readonly constants: readonly unknown[]
}

/** Per kind of batch: its columns, where a value comes from, and what else is read for each. */
export const BATCHES: Readonly<
  Record<Exclude<StageEntry, 'push' | 'runIndexed'>, readonly [columns: string, value: string, perElement: string]>
> = {
  run: ['values, ts, W, P', 'values[i]', 't = ts[i], w = W[i], p = P[i]'],
  runStamped: ['values, ts, w, p', 'values[i]', 't = ts[i]'],
  runUniform: ['values, t, w, p', 'values[i]', ''],
}
