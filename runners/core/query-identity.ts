/**
 * What a run is known by to the world outside.
 *
 * Law: a runner that restarts gives a query the same identity for as long as it goes on from what it has kept; every other
 * run has one of its own.
 */
import type { Env } from '../../sdk/env.js'

/** The identity of a query. */
export interface QueryIdentity {
  readonly id: string
  /**
   * Whether the runner goes on from its last committed batch after a crash. It hands over deliveries itself, then, once they
   * are stored; other runners do so after each bundle.
   */
  readonly restarts: boolean
}

const ID_DIGITS = 16

/** The identity of one run, made when somebody asks for it. */
export function runIdentity(env: Env): QueryIdentity {
  let id: string | undefined
  return {
    get id() {
      return (id ??= Array.from({ length: ID_DIGITS }, () => Math.floor(env.random() * 36).toString(36)).join(''))
    },
    restarts: false,
  }
}
