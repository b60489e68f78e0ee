/**
 * Decides what a silent thread means. The thread gives a sign of life between calls; when the signs stop it is looked
 * at, and when two looks see the same call at work, that call has lasted at least as long as lies between them.
 *
 * Law: no call is said to have lasted longer than it has, and none is ended before its time is over.
 *
 * Asynchronous calls leave the thread alive; the runner itself knows how long they take.
 */
import type { Sight } from './probe.js'
import { positionText } from '../author-module/stacks.js'

/** What to do about the thread. */
export type Verdict =
  | { readonly kind: 'report'; readonly text: string }
  | { readonly kind: 'end'; readonly text: string; readonly sight: Sight | undefined; readonly millis: number }

/** After this long in one call, it is reported, and again each time as much has passed. */
export const REPORT_AFTER_MILLIS = 10_000

/** Watches one thread. All times are of one monotonic clock. */
export class Watchdog {
  /** How long the thread may be silent before it is looked at, and how long between two looks. */
  readonly lookEveryMillis: number
  readonly #reportAfterMillis: number
  readonly #timeoutMillis: number | undefined
  /** Undefined until the thread has spoken: it is still loading millrace. */
  #lastSign: number | undefined
  #lastLook = 0
  /** When the call at work was first seen. */
  #since: number | undefined
  #identity: string | undefined
  #reported = 0

  constructor(timeoutMillis: number | undefined, reportAfterMillis: number = REPORT_AFTER_MILLIS) {
    this.#timeoutMillis = timeoutMillis
    this.#reportAfterMillis = reportAfterMillis
    const shortest = Math.min(timeoutMillis ?? Number.POSITIVE_INFINITY, reportAfterMillis)
    this.lookEveryMillis = Math.min(2000, Math.max(50, shortest / 4))
  }

  /** Signs of life should come at least this often. */
  get beatMillis(): number {
    return Math.min(1000, this.lookEveryMillis)
  }

  /** The thread has given a sign of life. */
  sign(now: number): void {
    this.#lastSign = now
    this.#since = undefined
    this.#identity = undefined
    this.#reported = 0
  }

  /** Whether it is time to look at the thread. */
  isLookDue(now: number): boolean {
    if (this.#lastSign === undefined) return false
    const silent = now - this.#lastSign
    // A beat may be late by as much as it takes.
    return silent >= this.beatMillis + this.lookEveryMillis && now - this.#lastLook >= this.lookEveryMillis
  }

  /**
   * What a look that began at `now` has seen. A thread that has given a sign since is not stuck. A module that is being
   * loaded may take its time: packages are read, and none of that is a call.
   */
  seen(sight: Sight | undefined, now: number, isLoading: boolean): Verdict | undefined {
    this.#lastLook = now
    if (this.#lastSign === undefined || this.#lastSign > now) return undefined
    const identity = sight?.identity ?? 'native code'
    if (this.#since === undefined || identity !== this.#identity) {
      this.#since = now
      this.#identity = identity
      this.#reported = 0
      return undefined
    }
    const millis = now - this.#since
    const isCall = !isLoading && (sight === undefined || sight.step !== undefined)
    if (isCall && this.#timeoutMillis !== undefined && millis >= this.#timeoutMillis) {
      const text = describe(sight, millis, `, and was ended: the call timeout is ${seconds(this.#timeoutMillis)}`)
      return { kind: 'end', text, sight, millis }
    }
    if (millis - this.#reported < this.#reportAfterMillis) return undefined
    this.#reported = millis
    return { kind: 'report', text: describe(sight, millis) }
  }
}

function describe(sight: Sight | undefined, millis: number, end = ''): string {
  const time = seconds(millis)
  if (sight === undefined) {
    return `the pipeline's thread has not answered for ${time}${end}. It cannot be looked into: it is inside native code, such as a synchronous call of the system.`
  }
  const { step, element, position, functionName, source } = sight
  const what = element === undefined ? '' : ` on ${element}`
  const lines = [
    step === undefined
      ? `the pipeline's thread has been busy for ${time}, outside of every step.`
      : `step "${step}" has been in one call${what} for ${time} without returning${end}.`,
  ]
  if (position !== undefined) {
    const name = functionName === undefined ? '' : `${functionName} `
    lines.push(`  at ${name}(${positionText(position)})`)
  }
  if (source !== undefined) lines.push(`  step written at: ${source}`)
  return lines.join('\n')
}

function seconds(millis: number): string {
  return millis < 10_000 ? `${(millis / 1000).toFixed(1)} s` : `${Math.round(millis / 1000)} s`
}
