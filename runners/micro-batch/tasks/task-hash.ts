/**
 * The hash of what a task has given: tasks that are done again must give the same.
 */
import { canonicalHash } from '../../../sdk/coders/canonical-hash.js'
import { dynamicCoder, encodeToBytes } from '../../../sdk/coders/index.js'
import type { TaskOutput } from './task.js'

/** Of all that goes on to others: two 32-bit numbers, as hexadecimal. */
export function hashOf({ blocks, delivered, collected, printed }: TaskOutput): string {
  if (blocks.length + delivered.length + collected.length + printed.length === 0) return ''
  const parts: unknown[] = [
    blocks.map(({ stage, input, partition, bytes, count, ends }) => [stage, input, partition, hashed(bytes), count, ends]), // prettier-ignore
    delivered.map(([step, items, count]) => [step, hashed(items), count]),
    collected.map(([name, elements, count]) => [name, hashed(elements), count]),
    printed,
  ]
  return hashed(encodeToBytes(dynamicCoder, parts))
}

function hashed(bytes: Uint8Array): string {
  return `${bytes.length.toString(16)}-${canonicalHash(bytes).toString(16)}`
}
