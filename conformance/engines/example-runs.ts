/**
 * The examples with totals that are final, and so the same on every engine.
 */
import { type Pipeline, run, type Runner } from 'millrace'
import { type Delays, totals } from '../../examples/flights.js'
import wordCount from '../../examples/word-count.js'
import { nodeEnv } from '../../runners/direct/node.js'

/** Kinds of windows that flights are added up in. */
export const KINDS = ['day', 'week', 'session'] as const
export type Kind = (typeof KINDS)[number]

/** What word count prints. */
export async function wordsBy(runner: Runner | 'direct'): Promise<readonly string[]> {
  const lines: string[] = []
  const env = { ...nodeEnv(), print: (line: string) => void lines.push(line) }
  await run(wordCount, { runner, env, options: { top: 20 } })
  return lines
}

/** Totals of flights as text, by kind of window. */
export async function delaysBy(
  runner: Runner | 'direct',
  kinds: readonly Kind[] = KINDS,
): Promise<ReadonlyMap<Kind, readonly string[]>> {
  const env = { ...nodeEnv(), print: () => undefined }
  const result = await run((p: Pipeline) => totals(p, undefined, kinds), { runner, env })
  const textOf = ({ origin, start, end, flights, delay }: Delays): string => `${origin} ${start}-${end}: ${flights}, ${delay}` // prettier-ignore
  return new Map(kinds.map((kind) => [kind, [...result.collect<Delays>(`${kind}s`)].map(textOf).sort()]))
}
