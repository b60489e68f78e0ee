/**
 * Asks a server again and again, and gives what it answers item by item.
 *
 * Law: a cursor moves on only after every item of its answer was given; a request that failed is tried again with the same one.
 */
import type { Env } from '../../sdk/env.js'
import { messageOf } from '../../sdk/errors.js'
import type { Exchange, Outcome, PollRequest, PollResponse } from './exchange.js'
import { shown } from './exchange.js'
import type { Strike } from './strike.js'

/** What one request has come to: something to give, or why there is nothing to give. */
export type Polled<T> =
  | { readonly kind: 'item'; readonly value: T }
  /** A part of an answer that cannot be understood. */
  | { readonly kind: 'bad'; readonly value: unknown; readonly message: string }
  | { readonly kind: 'failure'; readonly message: string }

/** Where a reader stands. Plain data. */
export interface PollMark<C> {
  readonly cursor: C | undefined
  /** What a server told of the last answer, to ask for news only. */
  readonly conditions: { readonly url: string; readonly headers: Readonly<Record<string, string>> } | undefined
}

/** How a server is polled. */
export interface PollRules<T, C> {
  readonly request: (cursor: C | undefined) => PollRequest
  readonly parse: (response: PollResponse) => Iterable<unknown>
  /** Makes an item of a part of the answer. */
  readonly decode: (value: unknown) => T
  readonly next: (response: PollResponse, cursor: C | undefined) => C | undefined
  readonly hasMore: (response: PollResponse) => boolean
  readonly intervalMillis: number
  /** Between the beginnings of two requests, at least. */
  readonly gapMillis: number
  readonly attempts: number
  readonly backoffMillis: number
  readonly maxBackoffMillis: number
}

/** So long a bundle waits for an answer before other steps have their turn. */
const WAIT_MILLIS = 5

/** Polls. */
export class PollReader<T, C> {
  readonly #env: Env
  readonly #exchange: Exchange
  readonly #rules: PollRules<T, C>
  readonly #stop = new AbortController()
  #mark: PollMark<C>
  /** The mark after what waits to be given. */
  #markBehind: PollMark<C> | undefined
  #waiting: Iterator<Polled<T>> | undefined
  #pending: Promise<void> | undefined
  #outcome: { readonly outcome: Outcome; readonly request: PollRequest } | undefined
  /** Requests that have failed one after another. */
  #failures = 0
  /** Time of the monotonic clock before which nothing is asked. */
  #notBefore = -Infinity
  #askedAt = -Infinity

  /** Strikes what the request of the last answer was made with. */
  #strike: Strike = (shown) => shown

  constructor(env: Env, exchange: Exchange, rules: PollRules<T, C>, mark: PollMark<C>) {
    this.#env = env
    this.#exchange = exchange
    this.#rules = rules
    this.#mark = mark
  }

  /** Where reading goes on: with the answer that is not given whole yet, or the one after it. */
  get mark(): PollMark<C> {
    return this.#mark
  }

  /** An item that cannot be used, as it may be shown. */
  bad(value: unknown, error: unknown): Polled<never> {
    return { kind: 'bad', value: this.#strike(value), message: this.#strike(messageOf(error)) }
  }

  /** What there is; `'idle'` when there is nothing now. */
  next(): Polled<T> | 'idle' | Promise<Polled<T> | 'idle'> {
    return this.#given() ?? this.#answered()
  }

  close(): void {
    this.#stop.abort()
  }

  #given(): Polled<T> | undefined {
    if (this.#waiting === undefined) return undefined
    const { done, value } = this.#waiting.next() as IteratorResult<Polled<T>, undefined>
    if (done !== true) return value
    this.#waiting = undefined
    this.#mark = this.#markBehind ?? this.#mark
    this.#markBehind = undefined
    return undefined
  }

  async #answered(): Promise<Polled<T> | 'idle'> {
    for (;;) {
      if (this.#pending === undefined && !this.#ask()) return 'idle'
      if (this.#outcome === undefined) await this.#pendingFor(WAIT_MILLIS)
      const arrived = this.#outcome
      if (arrived === undefined) return 'idle'
      this.#outcome = undefined
      this.#pending = undefined
      const failure = this.#take(arrived.outcome, arrived.request)
      const given = failure ?? this.#given()
      if (given !== undefined) return given
    }
  }

  /** Begins a request if it is time. */
  #ask(): boolean {
    const at = this.#env.monotonic()
    if (at < Math.max(this.#notBefore, this.#askedAt + this.#rules.gapMillis)) return false
    this.#askedAt = at
    const request = this.#rules.request(this.#mark.cursor)
    const { conditions } = this.#mark
    const news = conditions?.url === request.url && request.method !== 'POST' ? conditions.headers : {}
    this.#pending = this.#exchange.ask(request, news, this.#stop.signal).then((outcome) => {
      this.#outcome = { outcome, request }
    })
    return true
  }

  /** Waits for the answer, but not for long: the run has other things to do. */
  #pendingFor(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#env.setTimer(millis, resolve)
      void this.#pending?.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  /** @returns the failure of a request that is not tried again. */
  #take(outcome: Outcome, request: PollRequest): Polled<T> | undefined {
    const { intervalMillis } = this.#rules
    if (outcome.kind === 'failed') return this.#failed(outcome.message, outcome.mayPass, outcome.retryAfterMillis)
    if (outcome.kind === 'unchanged') {
      this.#failures = 0
      this.#wait(intervalMillis)
      return undefined
    }
    const { response } = outcome
    this.#strike = this.#exchange.strikeOf(request)
    try {
      // All of it before any is given: an answer that breaks off gives nothing.
      const values = response.status === 204 ? [] : [...this.#rules.parse(response)]
      this.#markBehind = {
        cursor: this.#rules.next(response, this.#mark.cursor),
        conditions: conditionsOf(request, response),
      }
      this.#waiting = this.#items(values)
      this.#wait(this.#rules.hasMore(response) ? 0 : intervalMillis)
      this.#failures = 0
      return undefined
    } catch (error) {
      this.#markBehind = undefined
      this.#waiting = undefined
      const message = `${shown(request)}: the answer cannot be understood: ${messageOf(error)}`
      return this.#failed(this.#strike(message), true, undefined)
    }
  }

  *#items(values: readonly unknown[]): Generator<Polled<T>, undefined> {
    for (const value of values) {
      let item: Polled<T>
      try {
        item = { kind: 'item', value: this.#rules.decode(value) }
      } catch (error) {
        item = this.bad(value, error)
      }
      yield item
    }
    return undefined
  }

  #failed(message: string, mayPass: boolean, retryAfterMillis: number | undefined): Polled<T> | undefined {
    const { attempts, intervalMillis, backoffMillis, maxBackoffMillis } = this.#rules
    this.#failures++
    if (mayPass && this.#failures < attempts) {
      const backoff = Math.min(maxBackoffMillis, backoffMillis * 2 ** (this.#failures - 1))
      this.#wait(Math.max(retryAfterMillis ?? 0, backoff * (0.5 + this.#env.random() / 2)))
      return undefined
    }
    const tried = this.#failures
    this.#failures = 0
    this.#wait(Math.max(retryAfterMillis ?? 0, intervalMillis))
    return { kind: 'failure', message: tried === 1 ? message : `${message} (tried ${tried} times)` }
  }

  #wait(millis: number): void {
    this.#notBefore = this.#env.monotonic() + millis
  }
}

/** What to say to a server next time, so that it answers only when something is new. */
function conditionsOf({ url }: PollRequest, { headers }: PollResponse): PollMark<never>['conditions'] {
  const tag = headers.get('etag')
  const modified = headers.get('last-modified')
  if (tag === undefined && modified === undefined) return undefined
  return {
    url,
    headers: {
      ...(tag === undefined ? {} : { 'if-none-match': tag }),
      ...(modified === undefined ? {} : { 'if-modified-since': modified }),
    },
  }
}
