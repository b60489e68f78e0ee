/** Sources that are read ahead by partitions on workers: what happens to the queues where workers end, come and go, or stand still. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Env,
  OffsetRangeTracker,
  type PCollection,
  pipeline,
  type Pipeline,
  resume,
  type RunningPipeline,
  type RunnerOptions,
  source,
  start,
  typed,
  watermarks,
} from 'millrace'
import * as t from 'io-ts'
import { microBatchRunner } from 'millrace/micro-batch'
import { afterAll, describe, expect, it } from 'vitest'
import { Sender } from '../../../conformance/support/impatient-sender.js'
import { SimulatedWorld } from '../../../conformance/proof/sim/simulated-world.js'
import { nodeFiles } from '../../direct/node.js'
import { openMemoryStore } from '../store/memory-store.js'
import { ModelDisk } from '../store/model-disk.js'
import type { LinkScript, MessageFate } from '../tasks/memory-link.js'
import type { FromWorker, ToWorker } from '../tasks/worker-link.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-queues-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const all = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)
const sorted = (of: readonly number[]): readonly number[] => [...of].sort((a, b) => a - b)

const partsIn = (place: string): readonly string[] =>
  (existsSync(place) ? readdirSync(place) : [])
    .filter((name) => name.startsWith('queue'))
    .flatMap((name) => readdirSync(join(place, name)).map((part) => `${name}/${part}`))

interface Setting {
  readonly spend?: number
  readonly options?: RunnerOptions
  readonly linkScript?: LinkScript
  readonly crash?: (name: string) => void
}

function begun(read: (p: Pipeline) => PCollection<number>, { spend = 3, options = {}, linkScript, crash }: Setting) {
  const world = new SimulatedWorld(() => 0.5, 0.002)
  const env: Env = { ...world.env, files: nodeFiles, crashpoint: (name) => crash?.(name) }
  const checkpoint = mkdtempSync(join(root, 'kept-'))
  const p = pipeline()
  p.apply('push', read)
    .reshuffle('spread')
    .parDo('work', {
      output: typed<number>(),
      concurrency: 1,
      async process(n, { emit }) {
        await new Promise<void>((resolve) => void world.env.setTimer(spend, resolve))
        emit(n)
      },
    })
    .collect('seen')
  const disk = new ModelDisk(() => 0.5)
  const openStore = (place: string, storeEnv: Env) => openMemoryStore(disk, place, storeEnv)
  const capabilities = { openStore, ...(linkScript === undefined ? {} : { linkScript }) }
  const lines: string[] = []
  const running = start(p, {
    runner: microBatchRunner({ batchInterval: '100 ms' }, capabilities),
    env: { ...env, print: (line) => void lines.push(line) },
    workers: 2,
    partitions: 4,
    isolation: 'memory',
    checkpoint,
    sourceLimits: { push: { queue: { memoryBytes: 8000 } } },
    ...options,
  })
  return { world, running, checkpoint, lines }
}

/** Ends the worker whose partition reads ahead at the messages whose numbers are given, among those of a kind. */
function killingReaders(kind: (ToWorker | FromWorker)['kind'], at: ReadonlySet<number>) {
  const script = { kills: 0, fateOf }
  let reader: number | undefined
  let seen = 0
  function fateOf(_: string, message: ToWorker | FromWorker): MessageFate | undefined {
    if (message.kind === 'done' && message.done.queue?.isReading === true) reader = message.partition
    const isOf = message.kind === kind && 'partition' in message && message.partition === reader
    if (!isOf || !at.has(seen++)) return undefined
    script.kills++
    return { kills: true }
  }
  return script
}

const queueOf = (running: RunningPipeline) => running.status().batches?.queues[0]

describe('a source that cannot wait, read by partitions', () => {
  it.each([
    ['task', 10],
    ['done', 15],
    ['changes', 3],
    ['settled', 3],
    ['committed', 1],
  ] as const)(
    'loses nothing where a worker ends at a message of the kind "%s": what was read ahead comes again',
    async (kind, every) => {
      const sender = new Sender(600, 1, true)
      const script = killingReaders(kind, new Set([every, 2 * every + 1]))
      const { world, running, checkpoint, lines } = begun(sender.read(), { linkScript: script })
      const result = await world.until(running.result, 1e6)
      const seen = sorted(result.collect<number>('seen'))
      // A source that was not told of what is planned gives it once more.
      expect([...new Set(seen)]).toEqual(all(600))
      expect(script.kills).toBeGreaterThan(1)
      expect(sender.opened).toBeGreaterThan(1)
      expect(lines.join()).not.toContain('not deterministic')
      expect(readdirSync(checkpoint).filter((name) => name.startsWith('queue'))).toEqual([])
    },
  )

  it('is asked for nothing twice while workers come and go between batches', async () => {
    const sender = new Sender(900, 1)
    let batches = 0
    const crash = (name: string): void => {
      if (name !== 'batch.committed') return
      const count = { 3: 4, 8: 1, 13: 3, 18: 2 }[++batches]
      if (count !== undefined) running.setWorkers(count)
    }
    const { world, running, lines } = begun(sender.read(), { crash, spend: 1 })
    const result = await world.until(running.result, 1e6)
    expect(sorted(result.collect<number>('seen'))).toEqual(all(900))
    expect(sender.opened).toBeGreaterThan(1)
    expect(lines.join()).not.toContain('not deterministic')
    expect(sender.acknowledged.size).toBe(900)
  })

  it('has no twin elsewhere, where what was read ahead would be lost with one of the two', async () => {
    const sender = new Sender(400, 1)
    let held = 0
    const linkScript: LinkScript = {
      fateOf: (_, message) =>
        message.kind === 'done' && message.done.collected.length > 0 && ++held % 4 === 0
          ? { delayMillis: 1500 }
          : undefined,
    }
    const { world, running } = begun(sender.read(), { linkScript })
    const result = await world.until(running.result, 1e6)
    expect(sorted(result.collect<number>('seen'))).toEqual(all(400))
    expect(sender.opened).toBe(1)
    expect(held).toBeGreaterThan(4)
  })

  it('is not read while the run is paused', async () => {
    const sender = new Sender(1500, 1)
    const { world, running } = begun(sender.read(), { spend: 0.1 })
    const at = (millis: number, what: () => void): void => void world.env.setTimer(millis, what)
    const looks: (number | undefined)[] = []
    at(300, () => running.pause())
    for (const millis of [700, 1200]) at(millis, () => looks.push(queueOf(running)?.elements, sender.delivered))
    at(1300, () => running.resume())
    const result = await world.until(running.result, 1e6)
    expect(sorted(result.collect<number>('seen'))).toEqual(all(1500))
    const [before, deliveredBefore, after, deliveredAfter] = looks
    expect([after, deliveredAfter]).toEqual([before, deliveredBefore])
    expect(deliveredBefore).toBeLessThan(700)
  })

  it('that is drained, or stopped, hands over what was read ahead', async () => {
    for (const end of ['drain', 'stop'] as const) {
      const sender = new Sender(2000, 1)
      const { world, running } = begun(sender.read(), {})
      const ending = world.env.setTimer(400, () => running[end]())
      const result = await world.until(running.result, 1e6)
      ending.cancel()
      expect(result.state).toBe(end === 'drain' ? 'DRAINED' : 'STOPPED')
      const seen = sorted(result.collect<number>('seen'))
      expect(seen.length).toBeGreaterThan(150)
      expect(seen).toEqual(all(seen.length))
      expect(sender.delivered).toBe(seen.length)
    }
  })

  it('removes what workers have left that were killed, of this run and of the one before', async () => {
    const sender = new Sender(600, 1, true)
    const spilled = new Set<string>()
    const script = killingReaders('committed', new Set([3]))
    const crash = (): void => {
      for (const name of partsIn(checkpoint)) spilled.add(name)
    }
    const { world, running, checkpoint } = begun(sender.read(), {
      linkScript: script,
      crash,
      options: { sourceLimits: { push: { queue: { memoryBytes: 2000 } } } },
    })
    mkdirSync(join(checkpoint, 'queue-7-9'))
    writeFileSync(join(checkpoint, 'queue-7-9', 'e0-before-1.part'), 'left')
    mkdirSync(join(checkpoint, 'queue-1'))
    writeFileSync(join(checkpoint, 'queue-1', 'e0-before-2.part'), 'left')
    const result = await world.until(running.result, 1e6)
    expect([...new Set(sorted(result.collect<number>('seen')))]).toEqual(all(600))
    expect(script.kills).toBe(1)
    expect([...spilled].some((name) => name.startsWith('queue-1-'))).toBe(true)
    expect(readdirSync(checkpoint).filter((name) => name.startsWith('queue'))).toEqual([])
  })
})

/** Numbers of several doors at once, each of which is read where its part of the work is. */
const doors = (opened: Set<number>) =>
  source({
    output: t.number,
    bounded: false,
    replayable: false,
    watermark: watermarks.none(),
    restriction: () => ({ from: 0, to: 400 }),
    restrictionCodec: t.type({ from: t.number, to: t.number }),
    split: (_, { from, to }, parts) =>
      Array.from({ length: parts }, (_each, i) => ({
        from: from + Math.floor(((to - from) * i) / parts),
        to: from + Math.floor(((to - from) * (i + 1)) / parts),
      })),
    tracker: (range) => new OffsetRangeTracker(range),
    process(_, tracker, { emit }) {
      const { from } = tracker.currentRestriction()
      opened.add(Math.floor(from / 100))
      for (let at = from; at < from + 5; at++) {
        if (!tracker.tryClaim(at)) return
        emit(at)
      }
      return resume({ after: '2 millis' })
    },
  })

it('queues of several partitions are one to who looks, and share its bounds', async () => {
  const opened = new Set<number>()
  const most = { elements: 0, told: 0 }
  const look = (): void => {
    most.elements = Math.max(most.elements, queueOf(running)?.elements ?? 0)
  }
  const { world, running } = begun(doors(opened), {
    spend: 5,
    crash: look,
    options: { sourceLimits: { push: { queue: { elements: 120 } } } },
  })
  const result = await world.until(running.result, 1e6)
  expect(sorted(result.collect<number>('seen'))).toEqual(all(400))
  expect([...opened].sort()).toEqual([0, 1, 2, 3])
  expect(most.elements).toBeGreaterThan(30)
  expect(most.elements).toBeLessThanOrEqual(120)
  const queue = queueOf(running)
  expect(queue).toMatchObject({ step: 'push', elements: 0, bytes: 0, spilledBytes: 0 })
  expect(queue?.elementsMax).toBeGreaterThanOrEqual(most.elements)
})
