/**
 * What an io-ts codec has against a value, in one line for people. It is said alike wherever a codec is asked: at an output,
 * at an option, at what was stored.
 */
import { fieldSegment } from './coders/refusal.js'
import { preview } from './preview.js'

/** What io-ts reports, as far as it is read here. */
interface Mismatch {
  readonly value: unknown
  readonly message?: string
  readonly context: readonly {
    readonly key: string
    readonly type: { readonly name: string; readonly _tag?: string }
  }[]
}

/**
 * `{ n: "x" } is not Order: at n expected number, got "x"`.
 *
 * @param reported the `Left` of the codec's `decode`.
 */
export function mismatchText(name: string, value: unknown, reported: unknown): string {
  const whole = `${preview(value)} is not ${name}`
  const mismatch = deepest(reported)
  if (mismatch === undefined) return whole
  const path = pathOf(mismatch)
  const type = mismatch.context.at(-1)?.type.name ?? name
  if (path === '' && mismatch.message === undefined && type === name) return whole
  const found = `got ${preview(mismatch.value)}`
  const where = path === '' ? '' : ` at ${path}`
  if (mismatch.message === undefined) return `${whole}:${where} expected ${type}, ${found}`
  return `${whole}${where}: ${mismatch.message}, ${found}`
}

/** Alternatives of a union each report why they do not fit; the one that fits furthest is the one that was meant. */
function deepest(reported: unknown): Mismatch | undefined {
  if (!Array.isArray(reported)) return undefined
  let found: Mismatch | undefined
  for (const mismatch of reported as readonly Mismatch[]) {
    if (!Array.isArray(mismatch?.context)) continue
    if (found === undefined || mismatch.context.length > found.context.length) found = mismatch
  }
  return found
}

function pathOf(mismatch: Mismatch): string {
  let path = ''
  mismatch.context.forEach(({ key }, i) => {
    const parent = mismatch.context[i - 1]?.type._tag
    // The members of unions and intersections are numbered in the context, but they are no part of the value.
    if (key === '' || parent === 'UnionType' || parent === 'IntersectionType') return
    path += /^\d+$/.test(key) ? `[${key}]` : fieldSegment(key)
  })
  return path.replace(/^\./, '')
}
