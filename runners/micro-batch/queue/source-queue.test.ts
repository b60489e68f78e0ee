/** The queue of a source that cannot be told to wait: its bounds, the disk, and runs that take from it, also through crashes. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Env,
  type FileSystem,
  pipeline,
  run,
  type RunningPipeline,
  seededRandom,
  type SourceLimit,
  start,
  typed,
} from 'millrace'
import { microBatchRunner } from 'millrace/micro-batch'
import { afterAll, describe, expect, it } from 'vitest'
import { Sender } from '../../../conformance/support/impatient-sender.js'
import { SimulatedWorld } from '../../../conformance/proof/sim/simulated-world.js'
import type { Standby } from '../query-store.js'
import type { AheadBundle } from '../../core/execution/read-ahead.js'
import type { SourceCodec } from '../../core/execution/source-codec.js'
import { nodeFiles } from '../../direct/node.js'
import { openMemoryStore } from '../store/memory-store.js'
import { ModelDisk } from '../store/model-disk.js'
import { type QueueBounds, SourceQueue } from './source-queue.js'
import { SpilledParts } from './spilled-parts.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-queue-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const folder = (): string => join(mkdtempSync(join(root, 'kept-')), 'queue')

// ---- the queue alone -------------------------------------------------------------------------------------------------

/** Turns of records are data already here. */
const codec = { turn: (turn: unknown) => turn, turnFrom: (_: number, turn: unknown) => turn } as unknown as SourceCodec

function bundle(number: number, bytes: number, acknowledged: number[]): AheadBundle {
  const elements = new Uint8Array(bytes).fill(number % 256)
  const record = { work: 0, count: 10, isFull: false, left: [], elements }
  return { record, arrivedAt: number, acknowledgements: [() => void acknowledged.push(number)] }
}

function queueOf(bounds: Partial<QueueBounds>, place?: string, files: FileSystem = nodeFiles, epoch = 1) {
  const warnings: string[] = []
  const queue = new SourceQueue({
    step: 'read',
    codec,
    bounds: { elements: 1e6, bytes: 1e9, memoryBytes: 10_000, ...bounds },
    spilled: place === undefined ? undefined : new SpilledParts({ files, folder: place, run: 'r' }),
    warn: (message) => void warnings.push(message),
    bundleMax: () => 100,
  })
  queue.begin(epoch)
  return { queue, warnings }
}

describe('a queue', () => {
  it.each([1, 2, 3])('gives what it was given, in order, from memory and disk, seed %i', (seed) => {
    const random = seededRandom(seed)
    const place = folder()
    const { queue } = queueOf({}, place)
    const acknowledged: number[] = []
    const out: AheadBundle[] = []
    let pushed = 0
    while (out.length < 500) {
      if (pushed < 500 && random() < 0.6) queue.push(bundle(pushed++, Math.floor(random() * 2000), acknowledged))
      else {
        const next = queue.shift()
        if (next !== undefined) out.push(next)
        if (random() < 0.1) queue.committed()
      }
      const { bytes, spilledBytes } = queue.status()
      expect(bytes - spilledBytes).toBeLessThan(10_000 + 2200)
      expect(queue.length).toBe(10 * (pushed - out.length))
    }
    expect(out.map(({ arrivedAt }) => arrivedAt)).toEqual(Array.from({ length: 500 }, (_, i) => i))
    for (const { arrivedAt, record, acknowledgements } of out) {
      expect(record.elements?.every((byte) => byte === arrivedAt % 256)).toBe(true)
      for (const acknowledge of acknowledgements) void acknowledge()
    }
    expect(acknowledged).toHaveLength(500)
    queue.committed()
    expect(readdirSync(place)).toEqual([])
    queue.close()
    expect(existsSync(place)).toBe(false)
  })

  it('has no room beyond its elements, nor beyond its bytes', () => {
    const { queue } = queueOf({ elements: 25, bytes: 5000 })
    queue.push(bundle(0, 1, []))
    expect(queue.room).toBe(15)
    queue.push(bundle(1, 6000, []))
    expect(queue.room).toBe(0)
    queue.shift()
    queue.shift()
    expect(queue.room).toBe(25)
  })

  it('without a disk has room for what its memory holds', () => {
    const { queue } = queueOf({})
    while (queue.room >= 1) queue.push(bundle(0, 1000, []))
    expect(queue.status()).toMatchObject({ spilledBytes: 0 })
    expect(queue.status().bytes).toBeLessThan(11_500)
  })

  it('where the disk is full, stays in memory, has no more room than that, and says so', () => {
    const place = folder()
    const full: FileSystem = {
      ...nodeFiles,
      create: (path) => ({
        ...nodeFiles.create(path),
        write: () => {
          throw new Error('ENOSPC: no space left on device')
        },
      }),
    }
    const { queue, warnings } = queueOf({}, place, full)
    let pushed = 0
    while (queue.room >= 1) queue.push(bundle(pushed++, 1000, []))
    expect(warnings).toEqual([expect.stringMatching(/queue of step "read" cannot be written.*ENOSPC/)])
    expect(readdirSync(place)).toEqual([])
    for (let i = 0; i < pushed; i++) expect(queue.shift()?.arrivedAt).toBe(i)
    expect(queue.isEmpty).toBe(true)
  })

  it.each<readonly [string, (bytes: Buffer) => Buffer]>([
    ['one bit is another', (bytes) => Buffer.from(bytes.map((byte, i) => (i === 100 ? byte ^ 1 : byte)))],
    ['it is cut off', (bytes) => bytes.subarray(0, bytes.length - 3)],
    ['it is cut off within a head', (bytes) => Buffer.concat([bytes, bytes.subarray(0, 5)])],
  ])('names a part that is damaged: %s', (_, damage) => {
    const place = folder()
    const { queue } = queueOf({}, place)
    for (let i = 0; i < 10; i++) queue.push(bundle(i, 1000, []))
    const part = join(place, readdirSync(place)[0] as string)
    writeFileSync(part, damage(readFileSync(part)))
    expect(() => {
      for (let i = 0; i < 10; i++) queue.shift()
    }).toThrow(part)
  })

  it('removes what a run that crashed has left', () => {
    const place = folder()
    const { queue } = queueOf({}, place)
    for (let i = 0; i < 10; i++) queue.push(bundle(i, 1000, []))
    expect(readdirSync(place)).not.toEqual([])
    queueOf({}, place, nodeFiles, 2)
    expect(readdirSync(place)).toEqual([])
  })

  it('leaves what a driver that has taken over has written, at its beginning and at its end', () => {
    const place = folder()
    const { queue } = queueOf({}, place, nodeFiles, 2)
    for (let i = 0; i < 10; i++) queue.push(bundle(i, 1000, []))
    queueOf({}, place, nodeFiles, 1).queue.close()
    for (let i = 0; i < 10; i++) expect(queue.shift()?.arrivedAt).toBe(i)
  })

  it('writes and removes nothing before it has the lease', () => {
    const place = folder()
    const { queue } = queueOf({}, place)
    for (let i = 0; i < 10; i++) queue.push(bundle(i, 1000, []))
    const before = readdirSync(place)
    const other = new SourceQueue({
      step: 'read',
      codec,
      bounds: { elements: 1e6, bytes: 1e9, memoryBytes: 1000 },
      spilled: new SpilledParts({ files: nodeFiles, folder: place, run: 'other' }),
      warn: () => expect.unreachable(),
      bundleMax: () => 100,
    })
    for (let i = 0; i < 10; i++) other.push(bundle(i, 1000, []))
    other.close()
    expect(readdirSync(place)).toEqual(before)
  })
})

// ---- runs ------------------------------------------------------------------------------------------------------------

let drivers = 0

/** Runs a pipeline whose step takes `spend` simulated milliseconds an element, and waits for its own timer now and then. */
function begun(
  sender: Sender,
  limit: SourceLimit,
  of: {
    spend: number
    checkpoint?: string
    disk?: ModelDisk
    crash?: (name: string) => void
    standby?: Standby | undefined
    /** Whether drivers before it have ended. */
    isGone?: boolean
    workers?: number
  },
) {
  const world = new SimulatedWorld(() => 0.5, 0.002)
  const env: Env = { ...world.env, files: nodeFiles, crashpoint: (name) => of.crash?.(name) }
  const p = pipeline()
  p.apply('push', sender.read())
    .parDo('work', {
      output: typed<number>(),
      concurrency: 1,
      async process(n, { emit }) {
        await new Promise<void>((resolve) => void world.env.setTimer(of.spend, resolve))
        emit(n)
      },
    })
    .collect('seen')
  const driver = { own: `driver ${++drivers}`, isGone: () => of.isGone ?? true }
  const { checkpoint, disk = new ModelDisk(() => 0.5), workers = 0 } = of
  const openStore = (place: string, storeEnv: Env) => openMemoryStore(disk, place, storeEnv)
  const runner = microBatchRunner({ batchInterval: '100 ms' }, { openStore, driver })
  const options = {
    runner,
    env,
    sourceLimits: { push: limit },
    ...(workers === 0 ? {} : ({ workers, isolation: 'memory' } as const)),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(of.standby === undefined ? {} : { standby: of.standby }),
  }
  return { world, running: start(p, options) }
}

const queueOfRun = (running: RunningPipeline) => running.status().batches?.queues[0]

/** Files of queues in a folder, of all that there are. */
const partsIn = (place: string): readonly string[] =>
  (existsSync(place) ? readdirSync(place) : [])
    .filter((name) => name.startsWith('queue'))
    .flatMap((name) => readdirSync(join(place, name)).map((part) => `${name}/${part}`))

describe.each([0, 2])('a source that cannot wait, %i workers', (workers) => {
  it('is read while batches are at work: 1.5 times what they can do is queued, nothing is lost, and it drains', async () => {
    const sender = new Sender(1000, 2)
    const { world, running } = begun(sender, { queue: true }, { workers, spend: 3 })
    const result = await world.until(running.result, 1e6)
    expect(result.collect<number>('seen')).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    // At the sender's door hardly anything has waited; without a queue it would be what comes during a batch.
    expect(sender.waitingMax).toBeLessThan(20)
    const queue = queueOfRun(running)
    expect(queue?.elementsMax).toBeGreaterThan(200)
    expect(queue).toMatchObject({ step: 'push', elements: 0, bytes: 0 })
  })

  it('without a queue waits at its door', async () => {
    const sender = new Sender(1000, 2)
    const { world, running } = begun(sender, { queue: false }, { workers, spend: 3 })
    await world.until(running.result, 1e6)
    expect(sender.waitingMax).toBeGreaterThan(200)
  })

  it('is not read while its queue is full', async () => {
    const sender = new Sender(1000, 2)
    const { world, running } = begun(sender, { queue: { elements: 50 } }, { workers, spend: 3 })
    const result = await world.until(running.result, 1e6)
    expect(result.collect('seen')).toHaveLength(1000)
    // One partition has it all, and its part of the bound.
    expect(queueOfRun(running)?.elementsMax).toBe(workers === 0 ? 50 : 25)
  })

  it('spills what does not fit into the memory, and leaves no file', async () => {
    const sender = new Sender(1000, 1)
    const checkpoint = folder()
    const spilled = new Set<string>()
    const crash = (): void => {
      for (const name of partsIn(checkpoint)) spilled.add(name)
    }
    const { world, running } = begun(
      sender,
      { queue: { memoryBytes: 2000 * Math.max(1, workers) } },
      { workers, spend: 3, checkpoint, crash },
    )
    const result = await world.until(running.result, 1e6)
    expect(result.collect<number>('seen')).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(spilled.size).toBeGreaterThan(5)
    expect(readdirSync(checkpoint).filter((name) => name.startsWith('queue'))).toEqual([])
  })

  it.each([undefined, 'cold', 'warm', 'hot'] as const)(
    'is not disturbed by a second driver beside its queue on the disk, standby %s',
    async (standby) => {
      const sender = new Sender(1000, 1)
      const [checkpoint, disk] = [folder(), new ModelDisk(() => 0.5)]
      const limit = { queue: { memoryBytes: 2000 * Math.max(1, workers) } }
      const first = begun(sender, limit, { workers, spend: 3, checkpoint, disk })
      const spilled = (): number => queueOfRun(first.running)?.spilledBytes ?? 0
      const began = new Promise<void>((resolve) => {
        const look = (): void => {
          if (spilled() > 2000) resolve()
          else void first.world.env.setTimer(10, look)
        }
        look()
      })
      await first.world.until(began, 1e6)
      const files = partsIn(checkpoint)
      const second = begun(new Sender(0, 1), limit, { workers, spend: 3, checkpoint, disk, standby, isGone: false })
      if (standby === undefined) {
        await expect(second.world.until(second.running.result, 1e6)).rejects.toThrow(/another/)
      } else {
        const stopping = second.world.env.setTimer(300, () => second.running.stop())
        expect((await second.world.until(second.running.result, 1e6)).state).toBe('STOPPED')
        stopping.cancel()
      }
      expect(partsIn(checkpoint)).toEqual(files)
      const result = await first.world.until(first.running.result, 1e6)
      expect(result.collect<number>('seen')).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    },
  )

  it('that is stopped hands over what was read ahead before the run ends', async () => {
    const sender = new Sender(500, 1)
    const [checkpoint, disk] = [folder(), new ModelDisk(() => 0.5)]
    const first = begun(sender, { queue: true }, { workers, spend: 3, checkpoint, disk })
    const stopping = first.world.env.setTimer(300, () => first.running.stop())
    const { state } = await first.world.until(first.running.result, 1e6)
    stopping.cancel()
    expect(state).toBe('STOPPED')
    const taken = sender.acknowledged.size
    expect(taken).toBeGreaterThan(150)
    const second = begun(sender, { queue: true }, { workers, spend: 0.1, checkpoint, disk })
    const result = await second.world.until(second.running.result, 1e6)
    expect(result.collect<number>('seen')).toEqual(Array.from({ length: 500 }, (_, i) => i))
  })

  it.each([
    [1, 'anywhere'],
    [2, 'anywhere'],
    [3, 'before and after commits'],
    [4, 'before and after commits'],
    [5, 'before and after commits'],
  ])('is acknowledged only what is planned, so that crashes lose nothing, seed %i, crashes %s', async (seed, where) => {
    const random = seededRandom(seed)
    const sender = new Sender(400, 1)
    const [checkpoint, disk] = [folder(), new ModelDisk(random)]
    for (let crashes = 0; ; crashes++) {
      let left = crashes < 8 ? 1 + Math.floor(random() * (where === 'anywhere' ? 60 : 5)) : Infinity
      const crash = (name: string): void => {
        if ((where === 'anywhere' || name.startsWith('batch.')) && --left === 0) throw new Error(`crash at ${name}`)
      }
      sender.reconnect()
      const { world, running } = begun(
        sender,
        { queue: { memoryBytes: 1000 * Math.max(1, workers) } },
        { workers, spend: 1.5, checkpoint, disk, crash },
      )
      const result = await world.until(running.result, 1e6).catch((error: Error) => error)
      if (result instanceof Error) {
        expect(result.message).toContain('crash at')
        continue
      }
      const seen = [...result.collect<number>('seen')].sort((a, b) => a - b)
      const all = Array.from({ length: 400 }, (_, i) => i)
      // What is in the plan and was not acknowledged comes again.
      expect(where === 'anywhere' ? [...new Set(seen)] : seen).toEqual(all)
      expect(crashes).toBeGreaterThan(2)
      return
    }
  })
})

it('a queue for a source that can wait is refused, with the reason', async () => {
  const p = pipeline()
  p.create('orders', [1]).collect('out')
  await expect(run(p, { runner: 'micro-batch', sourceLimits: { orders: { queue: true } } })).rejects.toThrow(
    /asks for a queue for step "orders", which can be read again, so it is simply not read/,
  )
  const misspelt = { orders: { queue: { element: 5 } as object } }
  await expect(run(p, { runner: 'micro-batch', sourceLimits: misspelt })).rejects.toThrow(/no option "element"/)
  const none = { orders: { queue: { bytes: 0 } } }
  await expect(run(p, { runner: 'micro-batch', sourceLimits: none })).rejects.toThrow(/queue\.bytes.*from 1, but is 0/)
})
