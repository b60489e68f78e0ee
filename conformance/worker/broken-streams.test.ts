/**
 * What becomes of bundles when a stream, a worker or the wire has gone: nothing hangs, nothing is answered twice, nothing of it counts.
 */
import { create } from '@bufbuild/protobuf'
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { ElementsSchema } from '../../runners/distributed/proto/generated/beam/fn_execution_pb.js'
import { OUT_BYTES_MAX } from '../../runners/distributed/wire/shared-counters.js'
import { doubling, started } from './started.js'
import { WorkerAtPeer } from './worker-at-peer.js'

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

describe.each(['broken', 'in order'] as const)('a stream of data that the engine ends (%s)', (how) => {
  it('fails the bundles that are open, once, and nothing of them counts; the next bundle has another stream', async () => {
    const at = await started(doubling)
    const double = at.describe('double')
    const first = at.peer.process('b0', double.id)
    await at.peer.send('b0', double.source, double.encode([1]))
    await expect.poll(() => at.run.metricsNow().elements.get('double.out')).toBe(1)
    at.peer.breakData(how)
    await expect(first).rejects.toThrow('the stream of data broke')
    await expect.poll(() => at.run.openBundles).toBe(0)
    expect(at.run.metricsNow().elements.get('double.out') ?? 0).toBe(0)

    const data = [{ instructionId: 'b1', transformId: double.source, data: double.encode([21]) as Uint8Array<ArrayBuffer>, isLast: true }] // prettier-ignore
    await at.peer.process('b1', double.id, { elements: create(ElementsSchema, { data }) })
    await expect.poll(() => double.decode('b1', 'double.out').map(({ value }) => value)).toEqual([42])
    expect(at.run.metricsNow().elements.get('double.out')).toBe(1)
    expect(at.peer.answers.get('b0')).toBe(1)
    expect(at.side.failure).toBeUndefined()
  })

  it('while no bundle is open costs the next bundle nothing', async () => {
    const at = await started(doubling)
    const double = at.describe('double')
    const first = at.peer.process('b0', double.id)
    await at.peer.send('b0', double.source, double.encode([1]), true)
    await first
    at.peer.breakData(how)
    await pause(50)
    const data = [{ instructionId: 'b1', transformId: double.source, data: double.encode([21]) as Uint8Array<ArrayBuffer>, isLast: true }] // prettier-ignore
    await at.peer.process('b1', double.id, { elements: create(ElementsSchema, { data }) })
    await expect.poll(() => double.decode('b1', 'double.out').map(({ value }) => value)).toEqual([42])
  })
})

describe('a worker that the engine gives up', () => {
  it('leaves no bundle open, is torn down, and holds nothing of the next worker up', async () => {
    const torn: string[] = []
    const at = await started((p) =>
      p
        .create('numbers', [1])
        .parDo('double', {
          output: t.number,
          process: (n, { emit }) => emit(2 * n),
          teardown: () => void torn.push('double'),
        })
        .collect('all'),
    )
    const double = at.describe('double')
    void at.peer.process('b0', double.id).catch(() => undefined)
    await at.peer.send('b0', double.source, double.encode([1]))
    await expect.poll(() => at.run.openBundles).toBe(1)
    at.peer.endWorker()
    await expect.poll(() => at.run.openBundles).toBe(0)
    await expect.poll(() => torn).toEqual(['double'])
    expect(at.side.failure).toBeUndefined()

    await at.peer.start(at.pool)
    const next = at.peer.process('b1', double.id)
    await at.peer.send('b1', double.source, double.encode([3]), true)
    await next
    await expect.poll(() => at.run.metricsNow().elements.get('double.out')).toBe(1)
  })
})

it('a description that cannot be had fails its bundle, and is asked for again by the next one', async () => {
  const at = await started(doubling)
  const double = at.describe('double')
  const descriptor = at.peer.descriptors.get(double.id)
  at.peer.descriptors.delete(double.id)
  await expect(at.peer.process('b0', double.id)).rejects.toThrow('cannot be had')
  if (descriptor !== undefined) at.peer.descriptors.set(double.id, descriptor)
  const next = at.peer.process('b1', double.id)
  await at.peer.send('b1', double.source, double.encode([1]), true)
  await next
  expect(at.run.openBundles).toBe(0)
})

it('output that has begun on the stream ends there, though the engine then says that it takes it in answers', async () => {
  let offer = (): void => undefined
  const at = await started(doubling, {}, (peer) => {
    peer.capabilities.push('beam:protocol:control_response_elements_embedding:v1')
    peer.offered = new Promise((resolve) => (offer = resolve))
  })
  const double = at.describe('double')
  const answered = at.peer.process('b0', double.id)
  const many = Array.from({ length: 200_000 }, (_, n) => n)
  await at.peer.send('b0', double.source, double.encode(many))
  await expect.poll(() => at.peer.bytesOut, { timeout: 10_000 }).toBeGreaterThan(100_000)
  offer()
  await pause(200)
  await at.peer.send('b0', double.source, double.encode([1]), true)
  expect((await answered).elements).toBeUndefined()
  await expect.poll(() => [...at.peer.output('b0').ended]).toEqual(['to double.out'])
  expect(double.decode('b0', 'double.out')).toHaveLength(many.length + 1)
})

it('a step that reads a side input when the run is over is told so, and blocks nobody', async () => {
  let readOn = (): void => undefined
  const isOver = new Promise<void>((resolve) => (readOn = resolve))
  const seen: unknown[] = []
  const at = await WorkerAtPeer.start((p) => {
    const limit = p.create('limits', [1]).asSingleton('limit')
    p.create('numbers', [1])
      .parDo('add', {
        output: t.number,
        sides: { limit },
        process: async (n, { sides, emit }) => {
          await isOver
          try {
            emit(n + sides.limit)
          } catch (error) {
            seen.push(error)
          }
        },
      })
      .collect('all')
  })
  const add = at.describe('add')
  void at.peer.process('b0', add.id).catch(() => undefined)
  await at.peer.send('b0', add.source, add.encode([1]), true)
  await pause(100)
  await at.run.wire.close()
  readOn()
  await expect.poll(() => seen).toMatchObject([{ code: 'MR-6203', message: expect.stringContaining('the run is over') as string }]) // prettier-ignore
  // Nor does output that nobody takes.
  at.run.wire.shared.outPut(2 * OUT_BYTES_MAX)
  at.run.sent()
  await at.run.room()
  await at.peer.close()
})
