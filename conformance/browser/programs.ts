/**
 * What runs in the page: a word count and a session window, small enough to check by eye.
 */
import { count, kv, type PCollection, type Pipeline, pipeline, sessionWindows } from 'millrace'

/** Counts of words, and clicks per user and session, as text. */
export interface Outcome {
  readonly words: readonly string[]
  readonly sessions: readonly string[]
}

const LINES = ['Call me Ishmael', 'call me later', 'later']

const MINUTE = 60_000
/** User and minute. */
const CLICKS = [
  ['ann', 0],
  ['bob', 1],
  ['ann', 4],
  ['ann', 30],
  ['bob', 2],
  ['ann', 33],
] as const

/** What {@link program} must give. */
export const EXPECTED: Outcome = {
  words: ['call 2', 'ishmael 1', 'later 2', 'me 2'],
  sessions: ['ann [0, 14) 2', 'ann [30, 43) 2', 'bob [1, 12) 2'],
}

/** The pipeline, with its outputs under `words` and `sessions`. */
export function program(): Pipeline {
  const p = pipeline()
  const words = (lines: PCollection<string>): PCollection<string> =>
    lines.flatMap('split', (line) => line.toLowerCase().split(' '))
  p.create('lines', LINES).apply('words of', words).countPerElement('count').collect('words')
  p.create('clicks', CLICKS, { timestamp: ([, minute]) => minute * MINUTE })
    .windowInto('sessions of 10 minutes', sessionWindows('10 minutes'))
    .map('by user', ([user, minute]) => kv(user, minute))
    .combinePerKey('count clicks', count())
    .collect('sessions')
  return p
}

/** The part of a pipeline's result that is looked at. */
export interface Collected {
  collect<T>(name: string): readonly T[]
  collectWindowed<T>(
    name: string,
  ): readonly { readonly value: T; readonly window: { readonly start: number; readonly end: number } }[]
}

/** The result as text, in an order of its own. */
export function outcomeOf(result: Collected): Outcome {
  interface Count {
    readonly key: string
    readonly value: number
  }
  return {
    words: result
      .collect<Count>('words')
      .map(({ key, value }) => `${key} ${value}`)
      .sort(),
    sessions: result
      .collectWindowed<Count>('sessions')
      .map(({ value: { key, value }, window }) => `${key} [${window.start / MINUTE}, ${window.end / MINUTE}) ${value}`)
      .sort(),
  }
}
