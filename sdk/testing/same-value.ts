/**
 * When two values are the same for a test: by canonical bytes, as keys are, or, with a tolerance, up to how far numbers may
 * lie apart.
 *
 * Law: with tolerance 0, values are the same exactly when the dynamic coder gives them the same bytes.
 */
import { dynamicCoder, encodeToBytes } from '../coders/index.js'

/** Text that is the same for equal values, and for no others. */
export function identityOf(value: unknown): string {
  return String(encodeToBytes(dynamicCoder, value))
}

/** Whether two values are the same, numbers within `tolerance`. */
export function sameValue(a: unknown, b: unknown, tolerance: number): boolean {
  return tolerance === 0 ? identityOf(a) === identityOf(b) : isClose(a, b, tolerance)
}

function isClose(a: unknown, b: unknown, tolerance: number): boolean {
  if (typeof a === 'number' && typeof b === 'number')
    return a === b || Math.abs(a - b) <= tolerance || (Number.isNaN(a) && Number.isNaN(b))
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return identityOf(a) === identityOf(b)
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, i) => isClose(item, b[i], tolerance))
  }
  if (a instanceof Map && b instanceof Map) {
    const others = new Map([...b].map(([key, value]): [string, unknown] => [identityOf(key), value]))
    return (
      a.size === b.size &&
      [...a].every(([key, value]) => {
        const id = identityOf(key)
        return others.has(id) && isClose(value, others.get(id), tolerance)
      })
    )
  }
  if (!isRecord(a) || !isRecord(b)) return identityOf(a) === identityOf(b)
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isClose(a[name], b[name], tolerance))
  )
}

function isRecord(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** What is missing and what is too much, each as often as it is. */
export function difference<T>(
  expected: readonly T[],
  actual: readonly T[],
  tolerance = 0,
): { readonly missing: readonly T[]; readonly extra: readonly T[] } {
  if (tolerance > 0) return closeDifference(expected, actual, tolerance)
  const counts = new Map<string, { value: T; count: number }>()
  const add = (value: T, by: number): void => {
    const key = identityOf(value)
    const entry = counts.get(key)
    if (entry === undefined) counts.set(key, { value, count: by })
    else entry.count += by
  }
  for (const value of expected) add(value, 1)
  for (const value of actual) add(value, -1)
  const entries = [...counts.values()]
  const repeat = ({ value, count }: { value: T; count: number }, sign: number): T[] =>
    Array.from({ length: Math.max(0, count * sign) }, () => value)
  return { missing: entries.flatMap((entry) => repeat(entry, 1)), extra: entries.flatMap((entry) => repeat(entry, -1)) }
}

/**
 * A largest matching of values that are close to each other (augmenting paths: H. W. Kuhn, The Hungarian method, 1955):
 * taking the first that fits could leave over what another would have taken.
 */
function closeDifference<T>(
  expected: readonly T[],
  actual: readonly T[],
  tolerance: number,
): { readonly missing: readonly T[]; readonly extra: readonly T[] } {
  const taker = new Map<number, number>()
  const place = (wanted: number, seen: Set<number>): boolean => {
    for (let i = 0; i < actual.length; i++) {
      if (seen.has(i) || !isClose(expected[wanted], actual[i], tolerance)) continue
      seen.add(i)
      const holder = taker.get(i)
      if (holder !== undefined && !place(holder, seen)) continue
      taker.set(i, wanted)
      return true
    }
    return false
  }
  const missing = expected.filter((_, wanted) => !place(wanted, new Set()))
  return { missing, extra: actual.filter((_, i) => !taker.has(i)) }
}
