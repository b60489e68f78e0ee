/**
 * Why something has failed, as an engine is told it. It may stand for an error whose message has a whole document in it.
 *
 * Law: a text that is longer than an engine can bear keeps its beginning, where the message is, and its end, where the calls are.
 */

/** Flink has a text many times over, as the cause of a cause: one of 20 MB filled its heap, and the job neither failed nor ended. */
const HEAD_MAX = 12_000
const TAIL_MAX = 4000

/** A text, or the two ends of it. */
export function clipped(text: string): string {
  const left = text.length - HEAD_MAX - TAIL_MAX
  if (left <= 0) return text
  return `${text.slice(0, HEAD_MAX)} … (${left} characters are left out) … ${text.slice(-TAIL_MAX)}`
}
