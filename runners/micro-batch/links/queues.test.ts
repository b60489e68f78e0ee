/** Too much input where workers are on threads, and in processes. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { start } from 'millrace'
import { afterAll, expect, it } from 'vitest'
import polledNumbers, { POLLED } from '../../../conformance/support/polled-numbers.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-queues-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const queuesIn = (place: string): readonly string[] =>
  (existsSync(place) ? readdirSync(place) : []).filter((name) => name.startsWith('queue'))

it.each(['thread', 'process'] as const)(
  'a queue, and an objective, work where workers have a %s',
  async (isolation) => {
    const checkpoint = mkdtempSync(join(root, 'kept-'))
    const spilled = new Set<string>()
    const running = start(polledNumbers, {
      runner: 'micro-batch',
      workers: 2,
      isolation,
      module: fileURLToPath(new URL('../../../conformance/support/polled-numbers.ts', import.meta.url)),
      checkpoint,
      latencyObjective: '400 millis',
      sourceLimits: { poll: { queue: { memoryBytes: 1000 } } },
    })
    const looking = setInterval(() => {
      for (const name of queuesIn(checkpoint)) spilled.add(name)
    }, 5)
    const result = await running.result.finally(() => clearInterval(looking))
    const parts = [result.collect<number>('seen'), result.collect<number>('under load/less')]
    expect(parts.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: POLLED }, (_, n) => n))
    expect(running.status().batches).toMatchObject({ queues: [{ step: 'poll', elements: 0 }], shedding: [{}] })
    expect(running.status().batches?.queues[0]?.elementsMax).toBeGreaterThan(5)
    expect(spilled.size).toBeGreaterThan(0)
    expect(queuesIn(checkpoint)).toEqual([])
  },
  60_000,
)
