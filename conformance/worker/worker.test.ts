/**
 * A worker of ours against the protocol, byte for byte, with an engine that is in the test's hands.
 */
import { create } from '@bufbuild/protobuf'
import * as t from 'io-ts'
import { kv, metric, type Runnable, state, type Pipeline } from 'millrace'
import { describe, expect, it } from 'vitest'
import { countsOf } from '../../runners/distributed/translation/monitoring.js'
import {
  ElementsSchema,
  ProcessBundleRequest_CacheTokenSchema,
} from '../../runners/distributed/proto/generated/beam/fn_execution_pb.js'
import { ByteReader, varintCoder } from '../../sdk/coders/index.js'
import { passLargeBundle } from './large-bundle.js'
import { doubling, started } from './started.js'
import type { PeerFragment, Sent, WorkerAtPeer } from './worker-at-peer.js'

const valuesOf = (sent: readonly Sent[]): readonly unknown[] => sent.map(({ value }) => value)
const NONE = new Uint8Array(0)

/** What a bundle has put out, whole: its answer comes by another stream, and may be here before the last of it. */
async function outputOf(
  { peer }: WorkerAtPeer,
  from: PeerFragment,
  instructionId: string,
  collectionId: string,
): Promise<readonly unknown[]> {
  const ended = (): readonly string[] => [...peer.output(instructionId).ended]
  await expect.poll(ended, { interval: 2, timeout: 10_000 }).toContain(`to ${collectionId}`)
  return valuesOf(from.decode(instructionId, collectionId))
}

describe('bundles', () => {
  it('have their data before their instruction, and it waits', async () => {
    const at = await started(doubling)
    const double = at.describe('double')
    // The stream of data is open from the first bundle on.
    const first = at.peer.process('b0', double.id)
    await at.peer.send('b0', double.source, NONE, true)
    await first
    await at.peer.send('b1', double.source, double.encode([1, 2, 3]))
    await at.peer.send('b1', double.source, double.encode([4]), true)
    const response = await at.peer.process('b1', double.id)
    expect(await outputOf(at, double, 'b1', 'double.out')).toEqual([2, 4, 6, 8])
    expect(countsOf(response.monitoringInfos).elements.get('double.out')).toBe(4)
  })

  it('of no elements end all their outputs', async () => {
    const at = await started(doubling)
    const double = at.describe('double')
    const response = at.peer.process('b', double.id)
    await at.peer.send('b', double.source, NONE, true)
    expect((await response).residualRoots).toEqual([])
    await expect.poll(() => [...at.peer.output('b').ended]).toEqual(['to double.out'])
    expect(double.decode('b', 'double.out')).toEqual([])
  })

  it('may be open in any number on one thread, also when the last of them must end first', async () => {
    const at = await started(doubling)
    const double = at.describe('double')
    const names = Array.from({ length: 64 }, (_, i) => `b${i}`)
    const ended: string[] = []
    const responses = names.map((name) => at.peer.process(name, double.id).then(() => ended.push(name)))
    for (const [i, name] of names.entries()) await at.peer.send(name, double.source, double.encode([i]))
    for (const name of [...names].reverse()) {
      await at.peer.send(name, double.source, NONE, true)
      await expect.poll(() => ended.at(-1), { interval: 2, timeout: 20_000 }).toBe(name)
    }
    await Promise.all(responses)
    for (const [i, name] of names.entries()) expect(await outputOf(at, double, name, 'double.out')).toEqual([2 * i])
  })

  it('that fail say why, and others go on', async () => {
    const at = await started((p) =>
      p
        .create('numbers', [1])
        .map('check', (n) => {
          if (n === 13) throw new RangeError('unlucky')
          return n
        })
        .collect('all'),
    )
    const check = at.describe('check')
    const bad = at.peer.process('bad', check.id)
    const good = at.peer.process('good', check.id)
    await at.peer.send('bad', check.source, check.encode([1, 13]), true)
    await at.peer.send('good', check.source, check.encode([1, 2]), true)
    await expect(bad).rejects.toThrow(/unlucky/)
    const { monitoringInfos } = await good
    expect(countsOf(monitoringInfos).elements.get('check.out')).toBe(2)
    // What the failed one has counted counts nowhere.
    expect(at.run.metricsNow().elements.get('check.out')).toBe(2)
  })

  it('that fail with a whole document tell the engine its beginning and its end, and the author all of it', async () => {
    const document = 'x'.repeat(2_000_000)
    const at = await started((p) =>
      p
        .create('numbers', [1])
        .map('parse', () => {
          throw new SyntaxError(`cannot parse ${document}`)
        })
        .collect('all'),
    )
    const parse = at.describe('parse')
    const bad = at.peer.process('bad', parse.id)
    await at.peer.send('bad', parse.source, parse.encode([1]), true)
    const told = await bad.then(String, (error: Error) => error.message)
    expect(told).toContain('cannot parse xxx')
    expect(told).toMatch(/characters are left out\) … .*bundle-processor/s)
    expect(told.length).toBeLessThan(20_000)
    expect((at.side.failure as Error).message).toContain(document)
  })
})

describe('what a worker tells of a bundle', () => {
  const measured: Runnable = (p) =>
    p
      .create('numbers', [1])
      .parDo('measure', {
        output: t.number,
        metrics: {
          seen: metric.counter(),
          size: metric.distribution(),
          last: metric.gauge(),
          names: metric.stringSet(),
        },
        process: (n, { metrics, emit, log }) => {
          metrics.seen.inc()
          metrics.size.update(n)
          metrics.last.set(n / 2)
          metrics.names.add(`n${n % 2}`)
          if (n === 3) log.warn({ n, err: new Error('three') }, 'odd')
          emit(n)
        },
      })
      .collect('all')

  it('is what was counted in it, in full, or by short ids for an engine that knows them', async () => {
    const at = await started(measured)
    const measure = at.describe('measure')
    const response = at.peer.process('b', measure.id)
    await at.peer.send('b', measure.source, measure.encode([3, 5]), true)
    const { monitoringInfos, monitoringData } = await response
    const counts = countsOf(monitoringInfos)
    expect(new Map(counts.user.map(({ name, value }) => [name, value]))).toEqual(
      new Map<string, unknown>([
        ['seen', 2],
        ['size', { count: 2, sum: 8, min: 3, max: 5, mean: 4 }],
        ['last', 2.5],
        ['names', ['n1']],
      ]),
    )
    const { monitoringInfo } = await at.peer.ask('monitoringInfos', { monitoringInfoId: Object.keys(monitoringData) })
    const full = Object.entries(monitoringInfo).map(([id, info]) => ({
      ...info,
      payload: monitoringData[id] as Uint8Array<ArrayBuffer>,
    }))
    expect(countsOf(full)).toEqual(counts)
    // The next bundle says what it has counted, not what the first has.
    const second = at.peer.process('b2', measure.id)
    await at.peer.send('b2', measure.source, measure.encode([4]), true)
    const next = countsOf((await second).monitoringInfos)
    expect(next.user.find(({ name }) => name === 'seen')?.value).toBe(1)
    expect(at.run.metricsNow().get('measure', 'seen')).toBe(3)
  })

  it('is only values where the engine says that it knows short ids', async () => {
    const at = await started(measured, {}, (peer) =>
      peer.capabilities.push('beam:protocol:monitoring_info_short_ids:v1'),
    )
    const measure = at.describe('measure')
    // What the engine can is known a moment after the worker has begun.
    let full = -1
    for (let i = 0; full !== 0 && i < 100; i++) {
      const response = at.peer.process(`b${i}`, measure.id)
      await at.peer.send(`b${i}`, measure.source, measure.encode([3]), true)
      const { monitoringInfos, monitoringData } = await response
      full = monitoringInfos.length
      expect(Object.keys(monitoringData).length).toBeGreaterThan(0)
    }
    expect(full).toBe(0)
  })

  it('has the lines of its log, with step and instruction', async () => {
    const lines: string[] = []
    const line = (_: object | string, message?: string): void => void lines.push(message ?? '')
    const at = await started(measured, { logger: { trace: line, debug: line, info: line, warn: line, error: line } })
    const measure = at.describe('measure')
    const response = at.peer.process('b', measure.id)
    await at.peer.send('b', measure.source, measure.encode([3]), true)
    await response
    await expect.poll(() => at.peer.log.length).toBe(1)
    expect(at.peer.log[0]).toMatchObject({
      message: 'odd',
      instructionId: 'b',
      transformId: 'measure',
      severity: 5,
      customData: { n: 3 },
    })
    expect(at.peer.log[0]?.trace).toContain('Error: three')
    expect(lines).toEqual(['odd'])
  })

  it('is told to an engine that asks how the worker is', async () => {
    const at = await started(doubling, {}, (peer) => (peer.offersStatus = true))
    const double = at.describe('double')
    const response = at.peer.process('open one', double.id)
    await expect.poll(() => at.peer.status()).toContain('open one of fragment 0')
    await at.peer.send('open one', double.source, NONE, true)
    await response
    expect(await at.peer.status()).toContain('0 open bundles')
  })
})

describe('callbacks after a bundle', () => {
  it('wait until the engine says that it is committed, and are called once', async () => {
    const called: number[] = []
    const at = await started((p) =>
      p
        .create('numbers', [1])
        .parDo('tell', {
          output: t.number,
          bundleFinalizer: true,
          process: (n, { emit, afterCommit }) => {
            afterCommit(() => void called.push(n))
            emit(n)
          },
        })
        .collect('all'),
    )
    const tell = at.describe('tell')
    for (const name of ['b1', 'b2']) {
      const response = at.peer.process(name, tell.id)
      await at.peer.send(name, tell.source, tell.encode([Number(name.slice(1))]), true)
      expect((await response).requiresFinalization).toBe(true)
    }
    expect(called).toEqual([])
    await at.peer.ask('finalizeBundle', { instructionId: 'b2' })
    expect(called).toEqual([2])
    await expect(at.peer.ask('finalizeBundle', { instructionId: 'b2' })).rejects.toThrow('nothing to finalize')
    await at.peer.ask('finalizeBundle', { instructionId: 'b1' })
    expect(called).toEqual([2, 1])
  })
})

describe('progress', () => {
  it('is the element at work', async () => {
    const at = await started(doubling)
    const double = at.describe('double')
    const response = at.peer.process('b', double.id)
    const index = async (): Promise<number> => {
      const { monitoringInfos } = await at.peer.ask('processBundleProgress', { instructionId: 'b' })
      const info = monitoringInfos.find(({ urn }) => urn === 'beam:metric:data_channel:read_index:v1')
      expect([undefined, double.source]).toContain(info?.labels['PTRANSFORM'])
      return info === undefined ? Number.NaN : Number(varintCoder.decode(new ByteReader(info.payload), true))
    }
    await expect.poll(index).toBe(-1)
    await at.peer.send('b', double.source, double.encode([1, 2, 3]))
    await expect.poll(index).toBe(2)
    await at.peer.send('b', double.source, NONE, true)
    await response
    expect((await at.peer.ask('processBundleProgress', { instructionId: 'b' })).monitoringInfos).toEqual([])
  })
})

describe('a split', () => {
  const numbers = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i)
  const half = (source: string, estimatedInputElements: number): object => ({
    desiredSplits: { [source]: { fractionOfRemainder: 0.5, estimatedInputElements: BigInt(estimatedInputElements) } },
  })

  it('gives elements away that are not begun, and they are not done here', async () => {
    const at = await started(doubling)
    const double = at.describe('double')
    const response = at.peer.process('b', double.id)
    await at.peer.send('b', double.source, double.encode(numbers(0, 10)))
    await expect.poll(() => at.run.metricsNow().elements.get('double.out')).toBe(10)
    const first = await at.peer.ask('processBundleSplit', { instructionId: 'b', ...half(double.source, 100) })
    expect(first.channelSplits).toMatchObject([
      { transformId: double.source, lastPrimaryElement: 54n, firstResidualElement: 55n },
    ])
    const second = await at.peer.ask('processBundleSplit', { instructionId: 'b', ...half(double.source, 100) })
    expect(second.channelSplits).toMatchObject([{ lastPrimaryElement: 31n, firstResidualElement: 32n }])
    await at.peer.send('b', double.source, double.encode(numbers(10, 100)), true)
    const { monitoringInfos } = await response
    expect(await outputOf(at, double, 'b', 'double.out')).toEqual(numbers(0, 32).map((n) => 2 * n))
    expect(countsOf(monitoringInfos).elements.get('double.out')).toBe(32)
  })

  it('of a bundle that has nothing left, or that nobody knows, gives nothing away', async () => {
    const at = await started(doubling)
    const double = at.describe('double')
    const unknown = await at.peer.ask('processBundleSplit', { instructionId: 'never', ...half(double.source, 9) })
    expect(unknown.channelSplits).toEqual([])
  })

  it('of a bundle with state gives nothing away: its keys would be in two bundles at once', async () => {
    const at = await started(sums)
    const sum = at.describe('sum')
    const response = at.peer.process('b', sum.id)
    const pairs = numbers(0, 12).map((n) => kv('a', n))
    await at.peer.send('b', sum.source, sum.encode(pairs.slice(0, 6)))
    const { channelSplits } = await at.peer.ask('processBundleSplit', { instructionId: 'b', ...half(sum.source, 12) })
    expect(channelSplits).toEqual([])
    await at.peer.send('b', sum.source, sum.encode(pairs.slice(6)), true)
    await response
    expect(await outputOf(at, sum, 'b', 'sum.out')).toHaveLength(12)
  })

  it('that user code does not come to in a second is given up, and nothing is given away', async () => {
    const at = await started((p) =>
      p
        .create('numbers', [1])
        .map('slow', (n) => {
          // No element is begun before this one is done, and nothing else happens on this thread.
          for (const until = performance.now() + 150; performance.now() < until;);
          return n
        })
        .collect('all'),
    )
    const slow = at.describe('slow')
    const response = at.peer.process('b', slow.id)
    await at.peer.send('b', slow.source, slow.encode(numbers(0, 12)), true)
    const { channelSplits } = await at.peer.ask('processBundleSplit', { instructionId: 'b', ...half(slow.source, 12) })
    await response
    const done = await outputOf(at, slow, 'b', 'slow.out')
    expect(done).toEqual(numbers(0, Number(channelSplits[0]?.firstResidualElement ?? 12n)))
  })
})

describe('elements in the instruction', () => {
  it('are the input of the bundle, and go back in the answer where the engine takes them so', async () => {
    const at = await started(doubling, {}, (peer) =>
      peer.capabilities.push('beam:protocol:control_response_elements_embedding:v1'),
    )
    const double = at.describe('double')
    // What the engine can is known a moment after the worker has begun.
    for (let i = 0; ; i++) {
      const instructionId = `b${i}`
      const data = [{ instructionId, transformId: double.source, data: double.encode([i]) as Uint8Array<ArrayBuffer>, isLast: true }] // prettier-ignore
      const { elements } = await at.peer.process(instructionId, double.id, {
        elements: create(ElementsSchema, { data }),
      })
      if (elements === undefined) {
        await expect.poll(() => valuesOf(double.decode(instructionId, 'double.out'))).toEqual([2 * i])
        continue
      }
      expect(at.peer.output(instructionId).bytes.size).toBe(0)
      expect(elements.data.at(-1)?.isLast).toBe(true)
      expect(Buffer.concat(elements.data.map((each) => each.data))).toEqual(Buffer.from(double.encode([2 * i])))
      break
    }
  })
})

describe('a bundle larger than memory for it', () => {
  it('streams through, though the engine takes nothing for a while: what is on its way is bounded', async () => {
    const { bytesIn, bytesOut, growth } = await passLargeBundle({ chunks: 256, copies: 16, stallMillis: 1000 })
    expect(bytesOut).toBe(16 * bytesIn)
    // 537 MB go out, and nobody takes them at first: who did not wait would hold them all.
    expect(growth).toBeLessThan(380 * 1024 * 1024)
  }, 60_000)
})

/** Sums as they grow; 13 is unlucky. */
function sums(p: Pipeline): void {
  p.create('pairs', [kv('a', 1)])
    .parDo('sum', {
      output: t.number,
      state: { sum: state.value(t.number) },
      process: ({ value }, { state: { sum }, emit }) => {
        sum.write((sum.read() ?? 0) + value)
        if (value === 13) throw new RangeError('unlucky')
        emit(sum.read() ?? 0)
      },
    })
    .collect('all')
}

describe('state', () => {
  it('is not asked for again as long as the token is the same', async () => {
    const at = await started(sums)
    const sum = at.describe('sum')
    const bundle = async (name: string, token: string | undefined): Promise<readonly unknown[]> => {
      const bytes = new TextEncoder().encode(token)
      const cacheTokens = token === undefined ? [] : [create(ProcessBundleRequest_CacheTokenSchema, { token: bytes, type: { case: 'userState', value: {} } })] // prettier-ignore
      const response = at.peer.process(name, sum.id, { cacheTokens })
      await at.peer.send(name, sum.source, sum.encode([kv('a', 1), kv('b', 10)]), true)
      await response
      return await outputOf(at, sum, name, 'sum.out')
    }
    const gets = async (): Promise<number> => (await at.peer.state.asked()).filter(({ kind }) => kind === 'get').length
    expect(await bundle('b1', 'one')).toEqual([1, 10])
    expect(await gets()).toBe(2)
    expect(await bundle('b2', 'one')).toEqual([2, 20])
    expect(await gets()).toBe(0)
    expect(await bundle('b3', 'two')).toEqual([3, 30])
    expect(await gets()).toBe(2)
    expect(await bundle('b4', undefined)).toEqual([4, 40])
    expect(await gets()).toBe(2)
    // Who writes without a token has changed what was kept.
    expect(await bundle('b5', 'two')).toEqual([5, 50])
    expect(await gets()).toBe(2)
  })

  it('of a bundle that fails is not written', async () => {
    const at = await started(sums)
    const sum = at.describe('sum')
    const sent = async (name: string, ...values: readonly number[]): Promise<void> => {
      const response = at.peer.process(name, sum.id)
      await at.peer.send(name, sum.source, sum.encode(values.map((value) => kv('a', value))), true)
      await response
    }
    await sent('b1', 1, 2)
    await expect(sent('b2', 4, 13)).rejects.toThrow('unlucky')
    await sent('b3', 5)
    expect(await outputOf(at, sum, 'b3', 'sum.out')).toEqual([8])
  })
})
