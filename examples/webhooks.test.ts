import { expect, it } from 'vitest'
import { type KV, type PipelineResult, run, type RunOptions } from 'millrace'
import { nodeEnv } from '../runners/direct/node.js'
import webhooks, { deliveriesOf, eventsOf, type RepositoryEvent } from './webhooks.js'

const ways: readonly RunOptions[] = [
  {},
  { bundleSize: 1 },
  { bundleSize: 50, stageCompiler: 'closures' },
  { strict: true, seed: 4 },
]

const deliver = async (way: RunOptions, deliverySeed: number): Promise<PipelineResult> =>
  run(webhooks, { ...way, options: { deliverySeed }, env: { ...nodeEnv(), print: () => undefined } })

/** Counts every event once, by a plain loop. */
function plainCounts(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { repository, createdAt } of eventsOf(3000)) {
    const key = `${createdAt.slice(0, 13)} ${repository}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

it.each(ways.flatMap((way) => [1, 2].map((seed) => [seed, way] as const)))(
  'an event counts once, however often it was delivered: deliveries %i, %j',
  async (seed, way) => {
    expect(deliveriesOf(eventsOf(3000), seed).length).toBeGreaterThan(3200)
    const result = await deliver(way, seed)
    const ids = result.collect<RepositoryEvent>('events').map(({ id }) => id)
    expect(ids.sort()).toEqual(eventsOf(3000).map(({ id }) => id))

    const counts = plainCounts()
    const hours = result.collectWindowed<readonly KV<string, number>[]>('busiest')
    expect(hours).toHaveLength(4)
    for (const { value, window } of hours) {
      const hour = new Date(window.start).toISOString().slice(0, 13)
      const plain = [...counts]
        .filter(([key]) => key.startsWith(hour))
        .map(([key, n]) => ({ key: key.slice(14), value: n }))
        .sort((a, b) => b.value - a.value || (a.key < b.key ? -1 : 1))
      expect(value).toEqual(plain.slice(0, 3))
    }
  },
)

it('the last push of a repository is the last that happened, not the last that was delivered', async () => {
  const result = await deliver({}, 3)
  for (const { value, window } of result.collectWindowed<KV<string, RepositoryEvent>>('last pushes')) {
    const pushes = eventsOf(3000).filter(
      ({ type, repository, createdAt }) =>
        type === 'PushEvent' &&
        repository === value.key &&
        Math.floor(Date.parse(createdAt) / 3.6e6) * 3.6e6 === window.start,
    )
    expect(value.value).toEqual(pushes.at(-1))
  }
})
