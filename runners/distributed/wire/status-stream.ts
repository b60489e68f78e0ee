/**
 * Answers an engine that asks how a worker is, in words for people.
 */
import { create } from '@bufbuild/protobuf'
import { BeamFnWorkerStatus, WorkerStatusResponseSchema } from '../proto/generated/beam/fn_execution_pb.js'
import type { CallOptions, Channel } from '../transport/transport.js'

/** Opens the stream; it ends with its channel. @param describe says how the worker is. */
export function answerStatus(channel: Channel, describe: () => string, options: CallOptions): void {
  const stream = channel.stream(
    BeamFnWorkerStatus.method.workerStatus,
    {
      message: ({ id }) => stream.send(create(WorkerStatusResponseSchema, { id, statusInfo: describe() })),
      // An engine that no longer asks is none the worse for it.
      end: () => undefined,
    },
    options,
  )
}
