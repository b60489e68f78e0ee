/**
 * What a run is known by to the world outside.
 */
import type { Env } from '../../sdk/env.js'
import type { Query } from '../../sdk/transforms/delivery.js'

const ID_DIGITS = 16

/** A name that no other query has. */
export function newQueryId(env: Env): string {
  return Array.from({ length: ID_DIGITS }, () => Math.floor(env.random() * 36).toString(36)).join('')
}

/** The identity of one run, made when somebody asks for it. */
export function runIdentity(env: Env): Query {
  let id: string | undefined
  return {
    get id() {
      return (id ??= newQueryId(env))
    },
    batch: 0,
    restarts: false,
  }
}
