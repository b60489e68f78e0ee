/**
 * Regular expressions over collections of text. Functions for `apply`.
 *
 * An expression is compiled once and kept without `lastIndex`, so one with the flag `g` or `y` means the same at every
 * element.
 */
import * as t from 'io-ts'
import type { PCollection, PTransform } from '../pcollection.js'

/** A copy that no one else uses. */
function copyOf(expression: RegExp, flag?: string): RegExp {
  const kept = expression.flags.replace(/[gy]/g, '')
  return new RegExp(expression.source, flag === undefined ? kept : `${kept}${flag}`)
}

/** Text of a group; `undefined` when it took no part in the match. */
function groupOf(match: RegExpExecArray, group: number | string): string | undefined {
  return typeof group === 'number' ? match[group] : match.groups?.[group]
}

/**
 * The first match in each text, or a group of it, by number or name; nothing where there is none.
 *
 * @example
 * ```ts
 * import { pipeline, regexFind } from 'millrace'
 * pipeline().create('lines', ['a=1', '-']).apply('value', regexFind(/=(\d)/, 1)) // '1'
 * ```
 */
export function regexFind(
  expression: RegExp,
  group: number | string = 0,
): PTransform<PCollection<string>, PCollection<string>> {
  const own = copyOf(expression)
  return (input) =>
    input.flatMap(
      'find',
      (text) => {
        const match = own.exec(text)
        const found = match === null ? undefined : groupOf(match, group)
        return found === undefined ? [] : [found]
      },
      { codec: t.string },
    )
}

/**
 * Every match in each text, or a group of it, by number or name.
 *
 * @example
 * ```ts
 * import { pipeline, regexFindAll } from 'millrace'
 * pipeline().create('lines', ['to be or']).apply('words', regexFindAll(/\w+/)) // 'to', 'be', 'or'
 * ```
 */
export function regexFindAll(
  expression: RegExp,
  group: number | string = 0,
): PTransform<PCollection<string>, PCollection<string>> {
  const own = copyOf(expression, 'g')
  return (input) =>
    input.flatMap(
      'find all',
      (text) =>
        [...text.matchAll(own)]
          .map((match) => groupOf(match, group))
          .filter((found): found is string => found !== undefined),
      { codec: t.string },
    )
}

/**
 * The texts that match as a whole.
 *
 * @example
 * ```ts
 * import { pipeline, regexMatches } from 'millrace'
 * pipeline().create('lines', ['12', '1x']).apply('numbers', regexMatches(/\d+/)) // '12'
 * ```
 */
export function regexMatches(expression: RegExp): PTransform<PCollection<string>, PCollection<string>> {
  const whole = new RegExp(`^(?:${expression.source})$`, copyOf(expression).flags)
  return (input) => input.filter('matches', (text) => whole.test(text))
}

/**
 * Each text with every match replaced; `$1` in the replacement is a group, as in `String.replace`.
 *
 * @example
 * ```ts
 * import { pipeline, regexReplaceAll } from 'millrace'
 * pipeline().create('lines', ['a-b-c']).apply('spaced', regexReplaceAll(/-/, ' ')) // 'a b c'
 * ```
 */
export function regexReplaceAll(
  expression: RegExp,
  replacement: string,
): PTransform<PCollection<string>, PCollection<string>> {
  const own = copyOf(expression, 'g')
  return (input) => input.map('replace', (text) => text.replace(own, replacement), { codec: t.string })
}

/**
 * The parts of each text between matches; empty ones are left out.
 *
 * @example
 * ```ts
 * import { pipeline, regexSplit } from 'millrace'
 * pipeline().create('lines', ['a, b']).apply('parts', regexSplit(/, ?/)) // 'a', 'b'
 * ```
 */
export function regexSplit(expression: RegExp): PTransform<PCollection<string>, PCollection<string>> {
  const own = copyOf(expression)
  return (input) => input.flatMap('split', (text) => text.split(own).filter((part) => part !== ''), { codec: t.string })
}
