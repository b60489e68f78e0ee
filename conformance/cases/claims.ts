/**
 * Claims of a case, counted: what is claimed outside of a pipeline. Inside, `assertThat` claims; its judges may use the
 * functions here, which throw.
 *
 * Law: equality is that of values: the same keys in any order, NaN equal to itself, −0 different from 0.
 */
import { preview } from 'millrace'
import type { ExpectedFailure } from './case.js'

/** Makes claims, and counts them. */
export class Claims {
  /** Claims made so far. */
  made = 0

  /** That two values are the same. */
  same(actual: unknown, expected: unknown, what = 'value'): void {
    this.made++
    expectSame(actual, expected, what)
  }

  /** That two lists have the same values, in any order. */
  sameInAnyOrder(actual: Iterable<unknown>, expected: readonly unknown[], what = 'values'): void {
    this.made++
    expectSameInAnyOrder(actual, expected, what)
  }

  /** That something holds. `what` completes "expected …". */
  holds(condition: boolean, what: string): void {
    this.made++
    if (!condition) throw new Error(`expected ${what}`)
  }

  /** That a call fails as it should; gives the error. */
  refuses(call: () => unknown, expected: Omit<ExpectedFailure, 'when'>): Error {
    this.made++
    let error: unknown
    try {
      call()
    } catch (thrown) {
      error = thrown
    }
    return expectFailure(error, { error: 'PipelineError', ...expected })
  }
}

/** Throws unless two values are the same. */
export function expectSame(actual: unknown, expected: unknown, what = 'value'): void {
  if (!isSame(actual, expected))
    throw new Error(`${what}: expected ${preview(expected, 400)}, got ${preview(actual, 400)}`)
}

/** Throws unless two lists have the same values, each as often. */
export function expectSameInAnyOrder(actual: Iterable<unknown>, expected: readonly unknown[], what = 'values'): void {
  const got = [...actual]
  const extra = [...got]
  const missing = expected.filter((value) => {
    const at = extra.findIndex((each) => isSame(each, value))
    if (at >= 0) extra.splice(at, 1)
    return at < 0
  })
  if (missing.length === 0 && extra.length === 0) return
  throw new Error(`${what}: missing ${preview(missing, 400)}, unexpected ${preview(extra, 400)}`)
}

/** Throws unless an error is the one that must come. Gives the error. */
export function expectFailure(error: unknown, { error: kind, message, step }: ExpectedFailure): Error {
  if (error === undefined) throw new Error(`expected a failure that says ${message}, and there was none`)
  if (!(error instanceof Error)) throw new Error(`expected an Error, got ${preview(error)}`)
  if (kind !== undefined && error.name !== kind)
    throw new Error(`expected a ${kind}, got a ${error.name}: ${error.message}`)
  if (!message.test(error.message)) throw new Error(`expected a message like ${message}, got: ${error.message}`)
  const named = 'step' in error ? error.step : undefined
  if (step !== undefined && named !== step)
    throw new Error(`expected the error to name step "${step}", and it names ${preview(named)}`)
  return error
}

/** Whether two values are the same. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime())
  if (ArrayBuffer.isView(a)) return isSame([...bytesOf(a)], [...bytesOf(b as ArrayBufferView)])
  if (a instanceof Map || a instanceof Set) return isSame([...a], [...(b as Iterable<unknown>)])
  if (a instanceof Error) return a.name === (b as Error).name && a.message === (b as Error).message
  const keys = Object.keys(a)
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>]
  return (
    keys.length === Object.keys(b).length &&
    (!Array.isArray(a) || a.length === (b as unknown as readonly unknown[]).length) &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(left[key], right[key]))
  )
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
