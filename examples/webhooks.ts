/**
 * Webhooks: events of code repositories, as a platform delivers them: at least once, sometimes again minutes later, not in
 * order. Each event counts once, by its id; then come the busiest repositories of each hour, and who pushed to them first.
 *
 *     npx millrace run examples/webhooks.ts
 */
import * as t from 'io-ts'
import {
  count,
  deduplicate,
  definePipeline,
  fixedWindows,
  type KV,
  latestPerKey,
  type PCollection,
  seededRandom,
  top,
  watermarks,
} from 'millrace'
import { replay } from 'millrace/io/generate'

/** An event as it is delivered. */
export interface Delivery {
  /** Of the delivery: a new one each time. */
  readonly delivery: number
  readonly event: RepositoryEvent
}

/** What happened. */
export interface RepositoryEvent {
  readonly id: string
  readonly type: 'PushEvent' | 'IssuesEvent' | 'WatchEvent'
  readonly repository: string
  readonly actor: string
  readonly createdAt: string
}

export default definePipeline({
  name: 'webhooks',
  options: t.partial({ events: t.number, deliverySeed: t.number }),
  build(p, { events = 3000, deliverySeed = 1 }) {
    const once = p
      .apply(
        'deliveries',
        replay(deliveriesOf(eventsOf(events), deliverySeed), {
          timestamp: ({ event }) => event.createdAt,
          watermark: watermarks.outOfOrder('20 minutes'),
        }),
      )
      .windowInto('per hour', fixedWindows('1 hour'), { allowedLateness: 0 })
      .apply('once', deduplicate({ by: ({ event }) => event.id, within: '1 hour', timeDomain: 'eventTime' }))
      .map('event', ({ event }) => event)
      .collect('events')
    once.apply('busiest', busiest).collect('busiest').map('as text', textOf).print('hour', { limit: 24 })
    once
      .filter('pushes', ({ type }) => type === 'PushEvent')
      .keyBy('by repository', ({ repository }) => repository)
      .apply('last push', latestPerKey)
      .collect('last pushes')
  },
})

/** The three repositories with the most events, per window. */
export function busiest(events: PCollection<RepositoryEvent>): PCollection<readonly KV<string, number>[]> {
  return events
    .keyBy('by repository', ({ repository }) => repository)
    .combinePerKey('events', count())
    .combineGlobally(
      'top three',
      top(3, { by: (a: KV<string, number>, b: KV<string, number>) => a.value - b.value || (a.key < b.key ? 1 : -1) }),
      { whenEmpty: 'nothing' },
    )
}

/** What happened within a few hours, in its order. */
export function eventsOf(n: number): readonly RepositoryEvent[] {
  const types = ['PushEvent', 'IssuesEvent', 'WatchEvent'] as const
  return Array.from({ length: n }, (_, i) => {
    const mixed = Math.imul(i + 1, 2_654_435_761) >>> 0
    return {
      id: String(40_000_000_000 + i),
      type: types[mixed % 3] as RepositoryEvent['type'],
      repository: `org/repo-${Math.floor(((mixed >>> 4) % 100) ** 2 / 500)}`,
      actor: `dev${(mixed >>> 12) % 50}`,
      createdAt: new Date(Date.UTC(2026, 0, 1) + i * 4000).toISOString(),
    }
  })
}

/** How it is delivered: one in ten events again, up to a quarter of an hour later, and neighbours out of order. */
export function deliveriesOf(events: readonly RepositoryEvent[], seed: number): readonly Delivery[] {
  const random = seededRandom(seed)
  const attempts = events.flatMap((event) => {
    const at = Date.parse(event.createdAt) + random() * 60_000
    return random() < 0.1
      ? [
          { at, event },
          { at: at + random() * 900_000, event },
        ]
      : [{ at, event }]
  })
  return attempts.sort((a, b) => a.at - b.at).map(({ event }, delivery) => ({ delivery, event }))
}

function textOf(repositories: readonly KV<string, number>[]): string {
  return repositories.map(({ key, value }) => `${key} ${value}`).join(', ')
}
