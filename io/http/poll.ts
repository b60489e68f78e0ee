/**
 * A server that is asked again and again, as a stream of what it answers.
 *
 * Law: as that of `poll-reader.ts`. Items may come again after a crash, from the cursor that was stored last; none is left out.
 */
import { type Codec, decodeWith, isIoTs, typed, type TypeOf, type TypeOnly } from '../../sdk/codec.js'
import type { Env, HttpClient } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { PipelineError } from '../../sdk/errors.js'
import { type OptionNames, refuseUnknownOptions } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import type { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import type { Secret } from '../../sdk/secret.js'
import { type Duration, durationMillis } from '../../sdk/time.js'
import type { ErrorHandler } from '../../sdk/transforms/errors.js'
import { readFrom, type SourceReader } from '../../sdk/transforms/read-from.js'
import { type EventTimeOptions, eventTimes } from '../event-times.js'
import {
  Exchange,
  hasCredentials,
  headerProblem,
  type PollRequest,
  type PollResponse,
  type PollRetry,
} from './exchange.js'
import { type Polled, type PollMark, PollReader, type PollRules } from './poll-reader.js'

/** Options of {@link poll}: `T` is what it emits, `C` its cursor. */
export interface PollOptions<T, C> extends EventTimeOptions<T> {
  /** From an answer to the next request. Default 10 s. */
  readonly interval?: Duration
  /** Headers of every request. What is secret is never shown, nor told to another server that an answer leads to. */
  readonly headers?: Readonly<Record<string, string | Secret>>
  /** Takes an answer apart. Default: the elements of a JSON array, or the one value that the JSON is. */
  readonly parse?: (response: PollResponse) => Iterable<unknown>
  /** Describes the items, and checks them. Default: any. */
  readonly codec?: Codec
  /** The cursor after an answer: what the next request is made with. `undefined` leaves it as it is. */
  readonly cursor?: (response: PollResponse, cursor: C | undefined) => C | undefined
  /** Whether the answer has a next page, so that the next request follows at once. Needs `cursor`. Default: no. */
  readonly more?: (response: PollResponse) => boolean
  /** The cursor of the first request: where an earlier run ended. Plain data. */
  readonly startAt?: C
  /**
   * Told the cursor after items that need not be asked for again: with `guarantee: 'at-least-once'` because everything that became
   * of them has left the pipeline, else because their bundle is committed.
   */
  readonly onCursor?: (cursor: C) => void | Promise<void>
  /** What an item is known by: one that was emitted already is left out. */
  readonly id?: (item: T) => string
  /** For how long ids are remembered. Default 1 hour. */
  readonly deduplicate?: Duration
  /** For how long an answer is waited for. Default 30 s. */
  readonly timeout?: Duration
  readonly retry?: PollRetry
  /** At most so many requests in so much time, evenly. Default: as `interval`, `more` and `retry` have it. */
  readonly rateLimit?: { readonly requests: number; readonly per: Duration }
  /** Longest answer, in bytes. Default 64 MiB. */
  readonly maxBytes?: number
  /** Takes items that cannot be understood, and requests that have failed for good; polling then goes on. Default: the run fails. */
  readonly onError?: ErrorHandler
}

/**
 * Asks a server every `interval` and emits what it answers, until the run is drained.
 *
 * - **News only**: where a server gives an `ETag` or a time of change, it is asked with them, and an answer without news is none.
 * - **Cursor**: the request is made from the cursor of the last answer: a page, an id, a time. It moves on after all items of
 *   its answer were emitted, so a request that fails, or a run that begins at a stored cursor, leaves nothing out; items may
 *   come again, and `id` leaves those out that this run has emitted.
 * - **Failures**: no answer, an answer that breaks off or cannot be parsed, 408, 425, 429 and 5xx are tried again, with waits that
 *   double and half of which is chance; `Retry-After` is obeyed. Other answers fail at once. Then `onError` takes the failure,
 *   or the run fails.
 * - **Redirections** are followed ten times, never from https to http, and without the headers where they lead to another server.
 *
 * Event times: see {@link EventTimeOptions}. One reader; replayable only as far as the server is; the backlog is not known.
 *
 * @param request the URL, or what makes it of the cursor.
 * @throws {PipelineError} when an option is wrong, or the platform has no `fetch`.
 * @example
 * ```ts no-run
 * import * as t from 'io-ts'
 * import { pipeline } from 'millrace'
 * import { poll } from 'millrace/io/http'
 * const Order = t.type({ id: t.number, cents: t.number })
 * const p = pipeline()
 * p.apply('orders', poll((after: number | undefined) => `https://shop.example/orders?after=${after ?? 0}`, {
 *   interval: '30 seconds',
 *   codec: Order,
 *   cursor: (response, after) => (response.json() as { id: number }[]).at(-1)?.id ?? after,
 * }))
 *   .map('cents', (order) => order.cents)
 *   .print('cents')
 * ```
 */
export function poll<K extends Codec, C = string>(
  request: string | ((cursor: C | undefined) => string | PollRequest),
  options: PollOptions<TypeOf<K>, C> & { readonly codec: K },
): (pipeline: Pipeline) => PCollection<TypeOf<K>>
export function poll<T = unknown, C = string>(
  request: string | ((cursor: C | undefined) => string | PollRequest),
  options?: PollOptions<T, C> & {
    readonly codec?: undefined
    readonly parse?: (response: PollResponse) => Iterable<T>
  },
): (pipeline: Pipeline) => PCollection<T>
export function poll<T, C>(
  request: string | ((cursor: C | undefined) => string | PollRequest),
  options: PollOptions<T, C> = {},
): (pipeline: Pipeline) => PCollection<T> {
  const settings = checked(request, options)
  const { watermark, timeOf } = eventTimes('poll', options)
  const { codec, id, startAt, onCursor, onError, deduplicate = 3_600_000 } = options
  const { rules, exchange } = settings
  type Mark = PollMark<C>
  const source = readFrom<TypeOnly<Polled<T>>, Mark, { readonly env: Env; readonly client: HttpClient }>({
    output: typed<Polled<T>>(),
    bounded: false,
    replayable: false,
    // The cursor is kept with the plan; which ids were seen is not.
    afterCrash: id === undefined ? 'exact' : 'repeats',
    watermark,
    // An answer under way is looked for more often than a new one is asked for.
    pollEvery: Math.min(20, rules.intervalMillis),
    ...(id === undefined ? {} : { deduplicate }),
    setup: ({ env, step }) => ({ env, client: clientOf(env, step) }),
    open: (mark, { resource: { env, client }, now }): SourceReader<Polled<T>, Mark> => {
      const from = mark ?? { cursor: startAt, conditions: undefined }
      const reader = new PollReader<T, C>(env, new Exchange(env, client, exchange), rules, from)
      const record = (next: Polled<T> | 'idle'): ReturnType<SourceReader<Polled<T>, Mark>['read']> => {
        if (next === 'idle') return next
        if (next.kind !== 'item') return { value: next, timestamp: Math.trunc(now()) }
        try {
          const known = id === undefined ? {} : { id: String(id(next.value)) }
          return { value: next, timestamp: timeOf(next.value, now), ...known }
        } catch (error) {
          return { value: reader.bad(next.value, error), timestamp: Math.trunc(now()) }
        }
      }
      return {
        read() {
          const next = reader.next()
          return next instanceof Promise
            ? next.then((each) => record(each) as Awaited<ReturnType<typeof record>>)
            : record(next)
        },
        mark: () => reader.mark,
        close: () => reader.close(),
      }
    },
    ...(onCursor === undefined ? {} : { acknowledge: tellCursor(onCursor, startAt) }),
  })
  return (pipeline) =>
    pipeline.apply('poll', source).parDo('items', {
      // What a Standard Schema has made of an item is, in general, nothing that it would take again.
      output: (codec !== undefined && isIoTs(codec) ? codec : typed<T>()) as TypeOnly<T>,
      ...(onError === undefined ? {} : { onError }),
      process(polled, { emit }) {
        if (polled.kind === 'item') return emit(polled.value)
        if (polled.kind === 'failure') throw coded('MR-5203', new Error(polled.message))
        throw coded('MR-5206', new Error(`an item cannot be used: ${polled.message}`))
      },
    })
}

/** Tells each cursor once. */
function tellCursor<C>(
  onCursor: (cursor: C) => void | Promise<void>,
  startAt: C | undefined,
): (mark: PollMark<C>) => void | Promise<void> {
  let told = startAt
  return ({ cursor }) => {
    if (cursor === undefined || cursor === told) return
    told = cursor
    return onCursor(cursor)
  }
}

function clientOf({ http }: Env, step: string): HttpClient {
  if (http !== undefined) return http
  throw new PipelineError(
    'MR-5202',
    `step "${step}" asks a server, and this platform has no HTTP: there is no fetch. Run in Node 20.19 or later.`,
    step,
  )
}

interface Settings<T, C> {
  readonly rules: PollRules<T, C>
  readonly exchange: ConstructorParameters<typeof Exchange>[2]
}

function checked<T, C>(
  request: string | ((cursor: C | undefined) => string | PollRequest),
  options: PollOptions<T, C>,
): Settings<T, C> {
  refuseUnknownOptions('poll', options, names)
  const {
    interval = 10_000,
    headers = {},
    parse,
    codec,
    cursor,
    more,
    timeout = 30_000,
    retry = {},
    rateLimit,
  } = options
  refuseUnknownOptions('option retry of poll', retry, retryNames)
  const { attempts = 5, backoff = 1000, maxBackoff = 60_000 } = retry
  const { maxBytes = 64 * 1024 * 1024 } = options
  if (typeof request === 'string') refuseUrl(request)
  else if (typeof request !== 'function')
    refuse('MR-1004', `poll needs a URL, or a function that makes one of the cursor, but got ${preview(request)}.`)
  for (const [name, value] of Object.entries(headers)) {
    const problem = headerProblem(name, value)
    if (problem !== undefined) refuse('MR-1002', `header ${preview(name)} of poll ${problem}.`)
  }
  if (more !== undefined && cursor === undefined)
    refuse(
      'MR-1003',
      'option more of poll needs a cursor: without one the same page would be asked for again. Give cursor: (response, cursor) => ….',
    )
  if (options.deduplicate !== undefined && options.id === undefined)
    refuse('MR-1003', 'option deduplicate of poll needs to know items again. Give id: (item) => ….')
  atLeastOne('attempts in option retry', attempts)
  atLeastOne('option maxBytes', maxBytes)
  if (rateLimit !== undefined) atLeastOne('requests in option rateLimit', rateLimit.requests)
  const intervalMillis = durationMillis(interval, 'option interval of poll')
  if (intervalMillis < 1) refuse('MR-2003', 'option interval of poll must be at least 1 millisecond.')
  return {
    rules: {
      request: (at) => requestOf(typeof request === 'string' ? request : request(at)),
      parse: parse ?? elementsOf,
      decode: (value) => (codec === undefined ? value : decodeWith(codec, value)) as T,
      next: (response, at) => cursor?.(response, at) ?? at,
      hasMore: (response) => more?.(response) === true,
      intervalMillis,
      gapMillis:
        rateLimit === undefined
          ? 0
          : durationMillis(rateLimit.per, 'per in option rateLimit of poll') / rateLimit.requests,
      attempts,
      backoffMillis: durationMillis(backoff, 'backoff in option retry of poll'),
      maxBackoffMillis: durationMillis(maxBackoff, 'maxBackoff in option retry of poll'),
    },
    exchange: { headers, timeoutMillis: durationMillis(timeout, 'option timeout of poll'), maxBytes },
  }
}

function atLeastOne(what: string, value: unknown): void {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return
  refuse('MR-1002', `${what} of poll must be a whole number from 1, but is ${preview(value)}.`)
}

/** @throws what the run fails with when a function has made no URL. */
function requestOf(made: string | PollRequest): PollRequest {
  const request = typeof made === 'string' ? { url: made } : made
  if (!isUrl(request.url))
    throw coded(
      'MR-3004',
      new TypeError(`the function of poll must make ${URL_WANTED}, but made ${previewOf(request.url)}`),
    )
  if (hasCredentials(request.url))
    throw coded(
      'MR-3004',
      new TypeError(`the function of poll has made a URL with a name or password. ${NO_CREDENTIALS}`),
    )
  return request
}

function refuseUrl(url: string): void {
  if (!isUrl(url)) refuse('MR-1002', `poll needs ${URL_WANTED}, but got ${previewOf(url)}.`)
  if (hasCredentials(url)) refuse('MR-1002', `the URL of poll has a name or password in it. ${NO_CREDENTIALS}`)
}

const NO_CREDENTIALS = 'URLs are shown: give the header authorization, as a Secret'

/** What is no URL may still have a password or a key in it. */
function previewOf(url: unknown): string {
  return preview(typeof url === 'string' ? url.replace(/[^/]*@/, '***@').replace(/\?.*/s, '?***') : url)
}

const URL_WANTED = 'an absolute URL with http: or https:'

function isUrl(url: unknown): boolean {
  return typeof url === 'string' && URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
}

/** The elements of an array, or the one value. */
function elementsOf(response: PollResponse): Iterable<unknown> {
  const value = response.json()
  return Array.isArray(value) ? (value as readonly unknown[]) : [value]
}

const retryNames: OptionNames<PollRetry> = { attempts: true, backoff: true, maxBackoff: true }
const names: OptionNames<PollOptions<unknown, unknown>> = {
  interval: true,
  headers: true,
  parse: true,
  codec: true,
  cursor: true,
  more: true,
  startAt: true,
  onCursor: true,
  id: true,
  deduplicate: true,
  timeout: true,
  retry: true,
  rateLimit: true,
  maxBytes: true,
  onError: true,
  timestamp: true,
  watermark: true,
}
