/** What goes into a tester of DoFns, and what comes out of it. */
import type { TypeOf } from '../codec.js'
import type { Env } from '../env.js'
import { type OptionNames, refuseUnknownOptions } from '../known-options.js'
import type { TimeDomain } from '../state/timer-spec.js'
import type { Duration, Instant } from '../time.js'
import type { SideValues } from '../transforms/do-fn.js'
import type { PaneInfo } from '../windowing/pane-info.js'
import type { BoundedWindow } from '../windowing/window.js'

/** An output of a DoFn under test. */
export interface TestedElement<T = unknown> {
  readonly value: T
  readonly timestamp: number
  readonly window: BoundedWindow
}

/** A timer that waits. */
export interface PendingTimer {
  readonly name: string
  /** Which timer of a family it is. */
  readonly tag: string | undefined
  readonly timeDomain: TimeDomain
  readonly key: unknown
  readonly window: BoundedWindow
  /** When it fires, in its time domain. */
  readonly at: number
  /** Timestamp of what its handler will emit. */
  readonly outputTimestamp: number
}

/** What an element brings along. */
export interface ElementOptions<SI> {
  /** Default: the time of the watermark, or 0 where it has not moved. */
  readonly timestamp?: Instant
  /** Default: the window of the tester's options. */
  readonly window?: BoundedWindow
  /** Default: that of an element that no grouping has produced. */
  readonly pane?: PaneInfo
  /** Values of side inputs for this call; those left out are as in the tester's options. */
  readonly sides?: Partial<SideValues<SI>>
}

/** Options of {@link doFnTester}. */
export interface DoFnTesterOptions<SI = None, R = unknown> {
  /** Values of side inputs. */
  readonly sides?: Partial<SideValues<SI>>
  /** What the DoFn gets as its resource; its `setup` and `teardown` are not called then. */
  readonly resource?: R
  /** The window of elements. Default: the global window. */
  readonly window?: BoundedWindow
  /** How long after the watermark windows are kept. Default 0. */
  readonly allowedLateness?: Duration
  /** Where the clock starts, in milliseconds. Default 0. */
  readonly now?: Instant
  /** Seed of the DoFn's `random`. Default 1. */
  readonly seed?: number
  /** The world that `setup` gets. Its clock is the tester's. Default: one without files, which prints nothing. */
  readonly env?: Env
}

const elementNames: OptionNames<ElementOptions<None>> = { timestamp: true, window: true, pane: true, sides: true }

const testerNames: OptionNames<DoFnTesterOptions> = {
  sides: true,
  resource: true,
  window: true,
  allowedLateness: true,
  now: true,
  seed: true,
  env: true,
}

/** What an element brings along, when there is such an option. */
export function knownElement<O extends object>(options: O): O {
  refuseUnknownOptions('an element of doFnTester', options, elementNames)
  return options
}

/** The options of a tester, when there are such. */
export function knownOptions<O extends object>(options: O): O {
  refuseUnknownOptions('doFnTester', options, testerNames)
  return options
}

/** Declarations of something that a DoFn has none of. */
export type None = Record<never, never>

/** Declares no output. */
export interface NoOutput {
  readonly output?: undefined
  readonly outputs?: undefined
}

/** What a delivery of a codec delivers. */
export type ItemOf<D> = [D] extends [never] ? never : TypeOf<D>
