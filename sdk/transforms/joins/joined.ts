/**
 * What joins give, and the kinds of them.
 */
import { refuse } from '../../refuse.js'
import { preview } from '../../preview.js'
import type { PCollection } from '../../pcollection.js'
import type { JoinKind } from '../../schema/group-and-join.js'
import type { KV } from '../../kv.js'

/** Both sides of a joined row; a side that may lack a partner may be `undefined`. */
export interface Joined<L, R, K extends JoinKind = 'inner'> {
  readonly left: K extends 'right' | 'full' ? L | undefined : L
  readonly right: K extends 'left' | 'full' ? R | undefined : R
}

/** Two collections with the same keys. */
export interface JoinInputs<K, L, R> {
  readonly left: PCollection<KV<K, L>>
  readonly right: PCollection<KV<K, R>>
}

/** Which sides are kept without a partner, left first. */
export type Keeps = readonly [left: boolean, right: boolean]

const KEEPS: Readonly<Record<JoinKind, Keeps>> = {
  inner: [false, false],
  left: [true, false],
  right: [false, true],
  full: [true, true],
}

/** @throws {PipelineError} for what is no kind of join. */
export function keepsOf(kind: JoinKind, what: string, path: string): Keeps {
  if (Object.hasOwn(KEEPS, kind)) return KEEPS[kind]
  return refuse(
    'MR-1002',
    `${what} "${path}" needs kind to be 'inner', 'left', 'right' or 'full', but got ${preview(kind)}.`,
    path,
  )
}
