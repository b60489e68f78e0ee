/**
 * The thread of {@link PeerState}: bags of bytes in memory.
 */
import { parentPort } from 'node:worker_threads'
import { create, toBinary } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import {
  BeamFnState,
  type StateKey,
  StateKeySchema,
  StateAppendResponseSchema,
  StateClearResponseSchema,
  type StateRequest,
  type StateResponse,
  StateResponseSchema,
} from '../../runners/distributed/proto/generated/beam/fn_execution_pb.js'
import { grpcTransport } from '../../runners/distributed/node/grpc-transport.js'
import type { FromState, StateAsked, ToState } from './peer-state.js'

const cells = new Map<string, Uint8Array[]>()
let asked: StateAsked[] = []

function note({ type }: StateKey, kind: StateAsked['kind']): void {
  const of = type.value as Partial<Record<'transformId' | 'userStateId' | 'sideInputId', string>> & { key?: Uint8Array }
  const { transformId = '', userStateId, sideInputId, key = new Uint8Array(0) } = of
  asked.push({ kind, transformId, cell: userStateId ?? sideInputId ?? '', key: Buffer.from(key).toString('hex') })
}

function answer({ id, stateKey, request }: StateRequest): StateResponse {
  const key = stateKey as StateKey
  const cell = Buffer.from(toBinary(StateKeySchema, key)).toString('hex')
  note(key, request.case ?? 'get')
  switch (request.case) {
    case 'append':
      cells.set(cell, [...(cells.get(cell) ?? []), request.value.data])
      return create(StateResponseSchema, { id, response: { case: 'append', value: create(StateAppendResponseSchema) } })
    case 'clear':
      cells.delete(cell)
      return create(StateResponseSchema, { id, response: { case: 'clear', value: create(StateClearResponseSchema) } })
    default: {
      const data = new Uint8Array(Buffer.concat(cells.get(cell) ?? []))
      return create(StateResponseSchema, { id, response: { case: 'get', value: { data } } })
    }
  }
}

const builder = grpcTransport(grpc).server()
builder.stream(BeamFnState.method.state, (stream) => ({
  message: (request) => stream.send(answer(request)),
  end: () => stream.finish(),
}))
const say = (message: FromState): void => parentPort?.postMessage(message)
parentPort?.on('message', (message: ToState) => {
  if (message.kind !== 'asked') return
  say({ kind: 'asked', asked })
  asked = []
})
say({ kind: 'listening', address: (await builder.listen()).address })
