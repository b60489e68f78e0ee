/**
 * Turns what an author gave a step into the one function the stage calls: with the codec's check, the retries and, in
 * strict mode, the round trip through the coder and the watch for changed inputs already around it. A plain function
 * stays itself, so options cost nothing to those who do not use them.
 */
import { coded } from '../../sdk/error-codes.js'
import { type Coder, decodeFromBytes, encodeToBytes } from '../../sdk/coders/index.js'
import { type Codec, decodeWith, isTypeOnly } from '../../sdk/codec.js'
import type { Env } from '../../sdk/env.js'
import { durationMillis } from '../../sdk/time.js'
import type { RetryOptions } from '../../sdk/transforms/do-fn.js'

/** A call with one argument. */
export type Call = (value: unknown) => unknown

/** Whether a value is a promise or behaves like one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/** `after(value)`, now or when the value has arrived. */
export function andThen(value: unknown, after: (value: unknown) => unknown): unknown {
  // What is only like a promise may return anything from its `then`.
  return isThenable(value) ? Promise.resolve(value).then(after) : after(value)
}

/** Checks what a map returns against its codec. */
export function checkingOutput(call: Call, codec: Codec | undefined, step: string): Call {
  if (codec === undefined || isTypeOnly(codec)) return call
  const check = (value: unknown): unknown => decodeWith(codec, value, step)
  return (value) => andThen(call(value), check)
}

/** Checks each thing a flatMap returns. */
export function checkingItems(call: Call, codec: Codec | undefined, step: string): Call {
  if (codec === undefined || isTypeOnly(codec)) return call
  const check = (value: unknown): unknown => decodeWith(codec, value, step)
  const checkAll = (items: unknown): unknown => {
    if (isAsyncIterable(items)) return checkedAsync(items, check)
    const checked = Array.from(items as Iterable<unknown>, check)
    return checked.some(isThenable) ? Promise.all(checked) : checked
  }
  return (value) => andThen(call(value), checkAll)
}

/** Gathers what a flatMap yields inside its call, so that a failure on the way takes everything back. */
export function gatheringItems(call: Call): Call {
  const gather = (items: unknown): unknown => {
    if (isAsyncIterable(items)) return gathered(items)
    return isIterator(items) ? [...(items as Iterable<unknown>)] : items
  }
  return (value) => andThen(call(value), gather)
}

/** Everything that comes. */
export async function gathered(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Whether a value is iterated asynchronously. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

async function* checkedAsync(
  items: AsyncIterable<unknown>,
  check: (value: unknown) => unknown,
): AsyncIterable<unknown> {
  for await (const item of items) yield await check(item)
}

/** The waits between attempts. */
export interface Backoff {
  readonly attempts: number
  /** Wait before the attempt after `made` attempts. */
  waitAfter(made: number): number
}

/** Reads retry options: the first wait is `backoff`, then it doubles up to `maxBackoff`. */
export function backoffOf(retry: RetryOptions): Backoff {
  const first = durationMillis(retry.backoff ?? 0)
  const max = durationMillis(retry.maxBackoff ?? '1 minute')
  return { attempts: retry.attempts, waitAfter: (made) => Math.min(first * 2 ** (made - 1), max) }
}

/** Waits on the runner's clock. */
export function wait(env: Env, millis: number): Promise<void> {
  return new Promise((resolve) => {
    env.setTimer(millis, resolve)
  })
}

/** Repeats a failing call. Waits make it asynchronous; without them it stays synchronous. */
export function retrying(
  call: Call,
  retry: RetryOptions | undefined,
  env: Env,
  onRetry: (error: unknown) => void,
): Call {
  if (retry === undefined || retry.attempts <= 1) return call
  const backoff = backoffOf(retry)
  const again = (value: unknown, error: unknown, made: number): unknown => {
    if (made >= backoff.attempts) throw error
    onRetry(error)
    const millis = backoff.waitAfter(made)
    return millis === 0 ? attempt(value, made + 1) : wait(env, millis).then(() => attempt(value, made + 1))
  }
  const attempt = (value: unknown, number: number): unknown => {
    let result: unknown
    try {
      result = call(value)
    } catch (error) {
      return again(value, error, number)
    }
    if (!isThenable(result)) return result
    return Promise.resolve(result).then(undefined, (error: unknown) => again(value, error, number))
  }
  return (value) => attempt(value, 1)
}

/** In strict mode a step gets a copy of its input, made by the coder, and must leave it as it was. */
export class InputGuard {
  readonly #coder: Coder<unknown>

  constructor(coder: Coder<unknown>) {
    this.#coder = coder
  }

  /** Calls with a copy. */
  around(call: Call): Call {
    return (value) => {
      const { copy, verify } = this.copyOf(value)
      return andThen(call(copy), (result) => {
        verify()
        return result
      })
    }
  }

  /** A copy, and a check that it has not been changed. */
  copyOf(value: unknown): { readonly copy: unknown; readonly verify: () => void } {
    const bytes = encodeToBytes(this.#coder, value)
    const copy = decodeFromBytes(this.#coder, bytes)
    const verify = (): void => {
      if (sameBytes(encodeToBytes(this.#coder, copy), bytes)) return
      throw coded(
        'MR-3003',
        new Error('the step changed its input. Other steps may hold the same element: make a changed copy instead.'),
      )
    }
    return { copy, verify }
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** Whether a call returned a generator: only those are drained, an array may be there by accident. */
export function isIterator(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { next?: unknown }).next === 'function' &&
    (Symbol.iterator in value || Symbol.asyncIterator in value)
  )
}
