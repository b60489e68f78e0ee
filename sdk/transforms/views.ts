/**
 * A view is a collection made readable as a whole from inside another step: its *side input*. Which part is read is
 * decided by the window of the main element.
 *
 * Law: a step reads a window of the view once that window is complete or, where the collection's trigger answers before,
 * has answered once; what it shows never changes under an element that reads it.
 */
import type { Codec } from '../codec.js'
import type { GraphBuilder } from '../graph/builder.js'
import type { BoundedWindow } from '../windowing/window.js'

/** How a view presents its collection. */
export type ViewKind = 'singleton' | 'iterable' | 'list' | 'map' | 'multimap'

/** The function a view's node refers to: what kind it is and what to answer when it is empty. */
export interface ViewFn {
  readonly kind: ViewKind
  readonly name: string
  readonly hasDefault: boolean
  readonly defaultValue: unknown
  /** Which window is read for a main element's; the WindowFn's own rule, if absent. */
  readonly windowMapping?: WindowMapping
  /** Whether elements are panes of a grouping that the view has added: `{ key, value }` with all values of a pane. */
  readonly gathers?: boolean
}

/** The window of a view that a step reads for an element in `mainWindow`. */
export type WindowMapping = (mainWindow: BoundedWindow) => BoundedWindow

/** Options of any view. */
export interface ViewOptions {
  /**
   * Which window of the view is read for an element in `mainWindow`: one that the view's collection is in. Default: the one
   * that contains the last timestamp of the main window; of overlapping ones the earliest.
   */
  readonly windowMapping?: WindowMapping
}

/** A collection readable as a side input; `V` is what a step sees. Made by `asSingleton`, `asMap` and their siblings. */
export interface PCollectionView<out V> {
  readonly name: string
  /** Collection the view reads. @internal */
  readonly collectionId: string
  /** @internal */
  readonly builder: GraphBuilder
  /** @internal */
  readonly viewFn: ViewFn
  /** Only for the compiler. */
  readonly _V?: V
}

/** Default for a singleton view. */
export interface SingletonOptions<T> extends ViewOptions {
  /** What a step reads when the window has no element. Without it, reading an empty window is an error. */
  readonly default: T
}

/** Options that only name a type. */
export interface CodecOption<C extends Codec> {
  readonly codec: C
}
