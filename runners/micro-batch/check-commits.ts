/**
 * Looks at what the driver has written into a checkpoint's commits, which the store does not understand.
 *
 * The invariants, as `store/store-check.ts` names them, and I5: time does not go back. Instants, clocks and watermarks are the same
 * or later from commit to commit.
 */
import { decodeFromBytes, dynamicCoder } from '../../sdk/coders/index.js'
import { coded } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import { type CommitContent, decodeCommitContent } from './commit-content.js'
import type { CommitRecord, PlanRecord, StoreFault } from './store/checkpoint-store.js'

/** What is wrong with a checkpoint's commits, and with the plan of the batch after them. */
export function checkCommits(
  history: readonly CommitRecord[],
  planned: PlanRecord | undefined,
  where: string,
): readonly StoreFault[] {
  const faults: StoreFault[] = []
  const say = (invariant: string, message: string): void => void faults.push({ invariant, where, message })
  const attempt = <T>(what: string, body: () => T): T | undefined => {
    try {
      return body()
    } catch (error) {
      say('format', `${what} cannot be read: ${messageOf(error)}`)
      return undefined
    }
  }
  let before: { readonly batch: number; readonly instant: number; readonly content?: CommitContent } | undefined
  for (const { batch, instant, content: bytes, deliveries } of history) {
    if (before !== undefined && instant < before.instant)
      say(
        'I5',
        `the instant of commit ${batch} is ${instant}, before that of commit ${before.batch}, ${before.instant}`,
      )
    const content = bytes.length === 0 ? undefined : attempt(`the content of commit ${batch}`, () => contentOf(bytes))
    if (before?.content !== undefined && content !== undefined) {
      for (const message of wentBack(before.content, content)) say('I5', `commit ${batch}: ${message}`)
    }
    if (deliveries.length > 0) attempt(`what commit ${batch} delivers`, () => checkDeliveries(deliveries))
    const last: CommitContent | undefined = content ?? before?.content
    before = { batch, instant, ...(last === undefined ? {} : { content: last }) }
  }
  if (planned === undefined) return faults
  attempt(`plan ${planned.batch}`, () => decodeFromBytes(dynamicCoder, planned.content))
  if (before !== undefined && planned.instant < before.instant)
    say('I5', `the instant of plan ${planned.batch} is ${planned.instant}, before that of commit ${before.batch}`)
  return faults
}

function contentOf(bytes: Uint8Array): CommitContent {
  const content = decodeCommitContent(bytes) as Partial<CommitContent> | null
  if (!(content?.watermarks instanceof Map) || typeof content.clock !== 'number')
    throw coded('MR-6103', new TypeError('it has no watermarks and no clock'))
  return content as CommitContent
}

function wentBack(before: CommitContent, now: CommitContent): readonly string[] {
  const messages = now.clock < before.clock ? [`the clock went back from ${before.clock} to ${now.clock}`] : []
  for (const [step, watermark] of before.watermarks) {
    const next = now.watermarks.get(step)
    if (next === undefined) messages.push(`the watermark of step "${step}" is gone`)
    else if (next < watermark) messages.push(`the watermark of step "${step}" fell from ${watermark} to ${next}`)
  }
  return messages
}

function checkDeliveries(bytes: Uint8Array): void {
  const packed = decodeFromBytes(dynamicCoder, bytes)
  const isPacked =
    Array.isArray(packed) &&
    packed.every(
      (row: unknown) =>
        Array.isArray(row) &&
        typeof row[0] === 'string' &&
        Array.isArray(row[1]) &&
        row[1].every((item: unknown) => item instanceof Uint8Array),
    )
  if (!isPacked) throw coded('MR-6103', new TypeError('they are no lists of items by step'))
}
