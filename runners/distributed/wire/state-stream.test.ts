import { create, toBinary } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import { afterEach, expect, it } from 'vitest'
import { grpcTransport } from '../node/grpc-transport.js'
import { BeamFnState, StateKeySchema } from '../proto/generated/beam/fn_execution_pb.js'
import { StateStream } from './state-stream.js'

const transport = grpcTransport(grpc)
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const KEY = toBinary(StateKeySchema, create(StateKeySchema, { type: { case: 'runner', value: {} } }))

/** A stream to an engine that hears everything and answers nothing. */
async function unanswered(lost: (failure: string) => void): Promise<{ stream: StateStream; asked: () => number }> {
  let asked = 0
  const builder = transport.server()
  builder.stream(BeamFnState.method.state, () => ({ message: () => void asked++, end: () => undefined }))
  const server = await builder.listen()
  const channel = transport.connect(server.address)
  open.push(server, channel)
  return { stream: new StateStream(channel, {}, lost), asked: () => asked }
}

// Whoever reads blocks a thread until there is an answer: without one it stands still for ever.
it.each([
  ['the engine goes away', 'the stream of state is over'],
  ['the worker ends', 'the worker has ended'],
])('what is asked for when %s is answered with that', async (who, why) => {
  const told: string[] = []
  const { stream, asked } = await unanswered((failure) => told.push(failure))
  const read = stream.read('bundle', KEY)
  const changed = stream.change('bundle', KEY, { kind: 'clear' })
  changed.catch(() => undefined)
  await expect.poll(asked).toBe(2)
  if (who === 'the worker ends') stream.close()
  else await open.shift()?.close()
  await expect(read).rejects.toThrow(why)
  await expect(changed).rejects.toThrow(why)
  await expect(stream.read('bundle', KEY)).rejects.toThrow(why)
  expect(told).toHaveLength(who === 'the worker ends' ? 0 : 1)
})
