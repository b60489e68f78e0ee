/**
 * Clicks on a web site, a stream that never ends: how often each page was seen in every ten seconds, and how long visitors
 * stayed. The clicks are generated, out of order and some of them late, so nothing has to be installed to see it run.
 *
 *     npx millrace run pipelines/clicks.ts                 # Ctrl-C stops reading and finishes what was read
 *     npx millrace run pipelines/clicks.ts --clicks 200    # ends by itself
 *
 * A window answers three times and more: early, while it is filled (a guess); on time, when no click of it should be missing;
 * late, when one was missing all the same (a correction).
 */
import * as t from 'io-ts'
import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  count,
  definePipeline,
  fixedWindows,
  type KV,
  type PCollection,
  sessionWindows,
} from 'millrace'
import { generateSequence } from 'millrace/io/generate'

/** Somebody looks at a page. When is the timestamp. */
export interface Click {
  readonly user: string
  readonly page: string
}

export default definePipeline({
  name: 'clicks',
  options: t.partial({ perSecond: t.number, clicks: t.number, start: t.string }),
  build(p, { perSecond = 20, clicks, start }) {
    const all = p
      .apply(
        'generate',
        generateSequence({
          rate: { elements: perSecond, per: '1 second' },
          disorder: { by: '2 seconds', late: 0.02, lateBy: '8 seconds' },
          ...(clicks === undefined ? {} : { to: clicks }),
          ...(start === undefined ? {} : { start }),
        }),
      )
      .map('click', clickOf)
    all.apply('pages', viewsPerPage).print('page')
    all.apply('visits', clicksPerVisit).print('visit')
  },
})

/** How often each page was seen in every ten seconds, with corrections for half a minute. */
export function viewsPerPage(clicks: PCollection<Click>): PCollection<string> {
  return clicks
    .windowInto('ten seconds', fixedWindows('10 seconds'), {
      trigger: afterWatermark({ early: afterProcessingTime('2 seconds'), late: afterCount(1) }),
      allowedLateness: '30 seconds',
      accumulation: 'accumulating',
    })
    .keyBy('by page', ({ page }) => page)
    .combinePerKey('views', count())
    .parDo('pane', {
      output: t.string,
      process: ({ key, value }: KV<string, number>, { window, pane, emit }) =>
        emit(`${timeOf(window.start)} ${key.padEnd(8)} ${String(value).padStart(4)}  ${pane.timing}`),
    })
}

/** How many clicks each visit had: clicks of a visitor with less than five seconds between them. */
export function clicksPerVisit(clicks: PCollection<Click>): PCollection<string> {
  return clicks
    .windowInto('sessions', sessionWindows('5 seconds'))
    .keyBy('by user', ({ user }) => user)
    .countPerKey('clicks')
    .parDo('visit', {
      output: t.string,
      process: ({ key, value }: KV<string, number>, { window, emit }) =>
        emit(`${timeOf(window.start)} ${key} stayed ${(window.end - window.start) / 1000} s, ${value} clicks`),
    })
}

const users = ['ann', 'bob', 'cem', 'dora', 'emil', 'fay', 'gus']
const pages = ['/', '/shop', '/cart', '/about']

/** The n-th click; the same n gives the same click. Visitors take turns of forty clicks, two at a time. */
export function clickOf(n: number): Click {
  const turn = Math.floor(n / 40) * 2 + (n % 2)
  return { user: pick(users, turn), page: pick(pages, (n * n) % 7) }
}

function pick(from: readonly string[], n: number): string {
  return from[n % from.length] ?? ''
}

function timeOf(millis: number): string {
  return new Date(millis).toISOString().slice(11, 19)
}
