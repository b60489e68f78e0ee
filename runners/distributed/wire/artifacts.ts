/**
 * Files by Beam's ArtifactRetrievalService, and bytes that come in pieces.
 */
import { create } from '@bufbuild/protobuf'
import { ArtifactRetrievalService, GetArtifactRequestSchema } from '../proto/generated/beam/job_management_pb.js'
import type { ArtifactInformation } from '../proto/generated/beam/pipeline_pb.js'
import { CallFailed } from '../transport/call-failed.js'
import type { CallOptions, Channel } from '../transport/transport.js'

/** The bytes of a file. @throws {CallFailed} when whoever has it does not give it. */
export function artifactBytes(
  channel: Channel,
  artifact: ArtifactInformation,
  options: CallOptions = {},
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = []
    const listener = {
      message: ({ data }: { readonly data: Uint8Array }): void => void pieces.push(data),
      end: (failure: { readonly status: string; readonly message: string } | undefined): void => {
        if (failure === undefined) resolve(joined(pieces))
        else reject(new CallFailed(failure.status, failure.message))
      },
    }
    const stream = channel.stream(ArtifactRetrievalService.method.getArtifact, listener, options)
    stream.send(create(GetArtifactRequestSchema, { artifact }))
  })
}

/** Pieces one after another; a copy, also of a single one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces
  if (pieces.length === 1 && first !== undefined) return first.slice()
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
