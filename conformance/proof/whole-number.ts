/**
 * Numbers that lanes are given as words.
 */

/** A number of a flag. @throws when it is not a whole one, or below `least`. */
export function wholeNumber(flag: string, text: string, least: 0 | 1 = 0): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least && text.trim() !== '') return value
  throw new Error(`${flag} needs a whole number${least === 0 ? '' : ` from ${least}`}, and got "${text}"`)
}
