/**
 * What is said of a batch beside its changes, as a commit has it.
 *
 * Law: what is decoded is what was encoded.
 */
import { decodeFromBytes, dynamicCoder, encodeToBytes } from '../../sdk/coders/index.js'

/** See the head of this file. */
export interface CommitContent {
  /** Output watermarks of stages, by the step they begin with. */
  readonly watermarks: ReadonlyMap<string, number>
  /** The clock when it was committed: a script may have moved it since the batch began. */
  readonly clock: number
  /** Into how many partitions workers have divided what is kept. Default 1. */
  readonly hosts?: number
}

/** As bytes. */
export function encodeCommitContent({ hosts = 1, ...content }: CommitContent): Uint8Array {
  // A single partition keeps what a run without workers keeps.
  return encodeToBytes(dynamicCoder, hosts === 1 ? content : { ...content, hosts })
}

/** From bytes that a driver has written. */
export function decodeCommitContent(bytes: Uint8Array): CommitContent {
  return decodeFromBytes(dynamicCoder, bytes) as CommitContent
}
