/**
 * Scripts of links that end workers.
 */
import type { LinkScript, MessageFate } from '../../runners/micro-batch/tasks/memory-link.js'
import type { FromWorker, ToWorker } from '../../runners/micro-batch/tasks/worker-link.js'

/** Ends workers at the messages whose numbers are given, among those of a kind. */
export function killing(
  kind: (ToWorker | FromWorker)['kind'],
  at: ReadonlySet<number>,
): LinkScript & { readonly kills: number } {
  let seen = 0
  const script = {
    kills: 0,
    fateOf(_worker: string, message: ToWorker | FromWorker): MessageFate | undefined {
      if (message.kind !== kind || !at.has(seen++)) return undefined
      script.kills++
      return { kills: true }
    },
  }
  return script
}
