/**
 * A view is a collection made readable as a whole from inside another step: its *side input*. Which part is read is
 * decided by the window of the main element.
 *
 * Law: a step reads a window of the view only once that window is complete, so a side input never changes under an
 * element that reads it.
 */
import type { Codec } from '../codec.js'
import type { GraphBuilder } from '../graph/builder.js'

/** How a view presents its collection. */
export type ViewKind = 'singleton' | 'iterable' | 'list' | 'map' | 'multimap'

/** The function a view's node refers to: what kind it is and what to answer when it is empty. */
export interface ViewFn {
  readonly kind: ViewKind
  readonly name: string
  readonly hasDefault: boolean
  readonly defaultValue: unknown
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
export interface SingletonOptions<T> {
  /** What a step reads when the window has no element. Without it, reading an empty window is an error. */
  readonly default: T
}

/** Options that only name a type. */
export interface CodecOption<C extends Codec> {
  readonly codec: C
}
