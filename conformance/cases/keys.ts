/**
 * Keys of every kind that may be one, all different: what is grouped, and what has state, goes by their bytes.
 */

/** The keys. −0 is none of them: it is 0. */
export const keysOfAllKinds: readonly unknown[] = [
  null,
  '',
  'null',
  0,
  Number.NaN,
  false,
  0n,
  [],
  [null],
  ['a', ['b']],
  {},
  { a: { b: 1 } },
  { a: { b: 2 } },
  new Uint8Array([]),
  new Uint8Array([0]),
  '0',
  '__proto__',
]
