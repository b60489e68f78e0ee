/**
 * Clicks: visits to a shop, as a stream that has no end. A visit is the clicks of one visitor with no gap of more than a
 * minute between them. While it lasts there is an early answer every two seconds, when it is over the answer, and a
 * correction for each click that comes late. Counts per page are kept beside it, in windows of ten seconds.
 *
 *     npx millrace run examples/clicks.ts                      # watch it; q, or Ctrl-C, drains
 *     npx millrace run examples/clicks.ts --clicks 5000 --start 2001-01-01T10:00:00Z
 */
import * as t from 'io-ts'
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  count,
  definePipeline,
  fixedWindows,
  type PCollection,
  sessionWindows,
  sum,
} from 'millrace'
import { generateSequence } from 'millrace/io/generate'

/** Somebody looked at a page, and stayed. */
export interface Click {
  readonly visitor: string
  readonly page: string
  readonly seconds: number
}

export default definePipeline({
  name: 'clicks',
  options: t.partial({ clicks: t.number, perSecond: t.number, start: t.string, disorderSeed: t.number }),
  build(p, { clicks, perSecond = 50, start, disorderSeed = 1 }) {
    const stream = p
      .apply(
        'numbers',
        generateSequence({
          ...(clicks === undefined ? {} : { to: clicks }),
          ...(start === undefined ? {} : { start }),
          rate: { elements: perSecond, per: '1 second' },
          disorder: { by: '3 seconds', late: 0.01, lateBy: '40 seconds', seed: disorderSeed },
        }),
      )
      .map('click', clickOf)
    stream.apply('visits', visits).collect('visits').map('visit', textOf).print('visit', { limit: 20 })
    stream
      .windowInto('per 10 seconds', fixedWindows('10 seconds'))
      .keyBy('by page', ({ page }) => page)
      .combinePerKey('looked at', count())
      .collect('pages')
  },
})

/** Seconds per visitor and visit, guessed early, answered, and corrected. */
export function visits(clicks: PCollection<Click>): PCollection<Visit> {
  return clicks
    .windowInto('visits', sessionWindows('1 minute'), {
      trigger: afterWatermark({ early: afterProcessingTime('2 seconds'), late: afterCount(1) }),
      allowedLateness: '5 minutes',
      accumulation: 'accumulating',
    })
    .keyBy('by visitor', ({ visitor }) => visitor)
    .combinePerKey(
      'seconds',
      sum(({ seconds }) => seconds),
    )
    .map('visit', ({ key, value }) => ({ visitor: key, seconds: value }))
}

/** How long a visitor stayed, as far as is known. */
export interface Visit {
  readonly visitor: string
  readonly seconds: number
}

const pages = ['home', 'search', 'basket', 'checkout'] as const

/** Visitors come in turns: about thirty are there at a time, and each stays for some 250 clicks of all. */
function clickOf(n: number): Click {
  const mixed = Math.imul(n, 2_654_435_761) >>> 0
  return {
    visitor: `u${Math.floor(n / 250) * 30 + (mixed % 30)}`,
    page: pages[(mixed >>> 8) % pages.length] as string,
    seconds: 1 + ((mixed >>> 16) % 20),
  }
}

function textOf({ visitor, seconds }: Visit): string {
  return `${visitor.padEnd(6)} ${String(seconds).padStart(4)} s`
}
