/**
 * Whether a run does its work, for whoever sends it work or starts it again.
 *
 * Law: ready means all of these: it has started and has not ended; nobody has paused it; what is known of it is fresh; no
 * asynchronous call of user code is older than the limit. Reasons name steps and calls, never elements.
 */
import type { RunSnapshot } from './snapshot.js'

/** Limits of readiness. */
export interface ReadinessLimits {
  /** Milliseconds that one asynchronous call of user code may take. */
  readonly callMillis: number
  /** Milliseconds that a snapshot may be old. */
  readonly staleMillis: number
}

/** Limits, unless somebody says otherwise. */
export const READINESS_LIMITS: ReadinessLimits = { callMillis: 60_000, staleMillis: 10_000 }

/** A snapshot and its age; `undefined` before there is one. */
export type AgedSnapshot = { readonly snapshot: RunSnapshot; readonly ageMillis: number } | undefined

/** Why a run is not ready; empty when it is. */
export function notReadyBecause(aged: AgedSnapshot, { callMillis, staleMillis }: ReadinessLimits): readonly string[] {
  if (aged === undefined) return ['the run has not started']
  const { state, oldestCall } = aged.snapshot.status
  const reasons: string[] = []
  if (state === 'paused') reasons.push('the run is paused')
  else if (state !== 'running' && state !== 'draining' && state !== 'stopping') return [`the run is over: ${state}`]
  if (aged.ageMillis > staleMillis)
    reasons.push(`the pipeline's thread has not answered for ${wholeSeconds(aged.ageMillis)} s`)
  // While nothing new is known, a call that was under way still is.
  const millis = oldestCall === undefined ? 0 : oldestCall.millis + aged.ageMillis
  if (oldestCall !== undefined && millis > callMillis)
    reasons.push(`step "${oldestCall.step}" has waited ${wholeSeconds(millis)} s for its call of ${oldestCall.call}`)
  return reasons
}

function wholeSeconds(millis: number): number {
  return Math.floor(millis / 1000)
}
