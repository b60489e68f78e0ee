import { expect, it } from 'vitest'
import { IntervalWindow, type KV, pipeline, run } from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import { nodeEnv } from '../runners/direct/node.js'
import clicks, { type Click, type Visit, visits } from './clicks.js'

const SECOND = 1000
const by = (visitor: string, seconds: number): Click => ({ visitor, page: 'home', seconds })

it('a visit is guessed while it lasts, answered when it is over, and corrected by what comes late', async () => {
  const p = pipeline()
  const stream = testStream<Click>()
    .add(at(0, by('ann', 5)))
    .advanceProcessingTime('3 seconds')
    .add(at(30 * SECOND, by('ann', 7)), at(200 * SECOND, by('ann', 1)))
    .advanceWatermarkTo(95 * SECOND)
    .add(at(20 * SECOND, by('ann', 4)))
    .end()
  const answers = p.apply('clicks', stream).apply('visits', visits)
  assertThat('guess', answers)
    .inEarlyPanes(new IntervalWindow(0, 60 * SECOND))
    .isSingleton({ visitor: 'ann', seconds: 5 })
  assertThat('answer', answers)
    .inOnTimePane(new IntervalWindow(0, 90 * SECOND))
    .isSingleton({ visitor: 'ann', seconds: 12 })
  assertThat('correction', answers)
    .inLatePanes(new IntervalWindow(0, 90 * SECOND))
    .isSingleton({ visitor: 'ann', seconds: 16 })
  assertThat('the next visit', answers)
    .inWindow(new IntervalWindow(200 * SECOND, 260 * SECOND))
    .isSingleton({ visitor: 'ann', seconds: 1 })
  await run(p, { strict: true })
})

it.each([1, 2, 3])('every click is in one visit and on one page, whatever is late: seed %i', async (seed) => {
  const total = 2000
  const result = await run(clicks, {
    options: { clicks: total, perSecond: 20, start: '2001-01-01T10:00:00Z', disorderSeed: seed },
    env: { ...nodeEnv(), print: () => undefined },
  })
  const pages = result.collect<KV<string, number>>('pages')
  const dropped = result.metrics.counter('droppedDueToLateness')
  expect(pages.reduce((all, { value }) => all + value, 0) + dropped).toBe(total)

  const last = new Map<string, number>()
  for (const { value, window } of result.collectWindowed<Visit>('visits')) {
    last.set(`${value.visitor} ${window.start}`, value.seconds)
  }
  expect(last.size).toBeGreaterThan(200)
})

it('a stream that nobody ends goes on until it is stopped', async () => {
  const stop = new AbortController()
  let seen = 0
  const result = await run(clicks, {
    options: { perSecond: 1000 },
    env: { ...nodeEnv(), print: () => (seen += 1) > 3 && stop.abort() },
    signal: stop.signal,
  })
  expect(result.state).toBe('CANCELLED')
})
