/**
 * The live examples: JavaScript that a reader sees, changes and runs in the page, with the knobs that it may ask for.
 */

/** A knob beside an example; the code finds its value in `settings`. */
export type Knob =
  | {
      readonly kind: 'slider'
      readonly name: string
      readonly label: string
      readonly unit: string
      readonly min: number
      readonly max: number
      readonly step: number
      readonly value: number
    }
  | { readonly kind: 'choice'; readonly name: string; readonly label: string; readonly choices: readonly string[] }

/** An example. */
export interface Example {
  readonly id: string
  readonly title: string
  readonly about: string
  readonly knobs: readonly Knob[]
  readonly code: string
}

const wordCount: Example = {
  id: 'word-count',
  title: 'Word count',
  about:
    'The smallest pipeline that groups: lines become words, words are counted. Change the lines, or count by length.',
  knobs: [],
  code: `import { pipeline, run } from 'millrace'
import { show } from 'page'

const lines = [
  'Call me Ishmael. Some years ago, never mind how long precisely,',
  'having little or no money in my purse, and nothing particular',
  'to interest me on shore, I thought I would sail about a little',
]

const p = pipeline()
p.create('lines', lines)
  .flatMap('split', (line) => line.toLowerCase().match(/[a-z]+/g) ?? [])
  .countPerElement('count')
  .collect('counts')

const result = await run(p)
const counts = result.collect('counts').sort((a, b) => b.value - a.value || (a.key < b.key ? -1 : 1))
for (const { key, value } of counts.slice(0, 8)) show(\`\${String(value).padStart(3)}  \${key}\`)
`,
}

const sessions: Example = {
  id: 'sessions',
  title: 'Sessions',
  about:
    'Clicks of two people, in sessions that end when nobody clicks for a while. Move the gap and see sessions unite.',
  knobs: [{ kind: 'slider', name: 'gap', label: 'gap', unit: 'minutes', min: 1, max: 30, step: 1, value: 10 }],
  code: `import { pipeline, run, sessionWindows } from 'millrace'
import { settings, show } from 'page'

const clicks = [
  { user: 'ann', at: '2026-03-01T08:00:00Z' },
  { user: 'ann', at: '2026-03-01T08:04:00Z' },
  { user: 'bob', at: '2026-03-01T08:01:00Z' },
  { user: 'ann', at: '2026-03-01T08:17:00Z' },
  { user: 'bob', at: '2026-03-01T08:26:00Z' },
  { user: 'ann', at: '2026-03-01T08:21:00Z' },
]

const p = pipeline()
p.create('clicks', clicks, { timestamp: (click) => click.at })
  .windowInto('sessions', sessionWindows(\`\${settings.gap} minutes\`))
  .keyBy('by user', (click) => click.user)
  .countPerKey('count')
  .collect('sessions')

const result = await run(p)
const time = (millis) => new Date(millis).toISOString().slice(11, 16)
const found = result.collectWindowed('sessions').sort((a, b) => a.window.start - b.window.start)
for (const { value, window } of found) {
  show(\`\${value.key}  \${time(window.start)} – \${time(window.end)}  \${value.value} clicks\`)
}
`,
}

const triggers: Example = {
  id: 'triggers',
  title: 'Triggers and late data',
  about:
    'Points of a game in windows of two minutes. The watermark follows the newest point by its lag: a short lag answers early and finds more late. Move the knobs; the picture is drawn from the run.',
  knobs: [
    { kind: 'slider', name: 'lag', label: 'watermark lag', unit: 'seconds', min: 0, max: 240, step: 15, value: 60 },
    {
      kind: 'slider',
      name: 'lateness',
      label: 'allowed lateness',
      unit: 'seconds',
      min: 0,
      max: 300,
      step: 15,
      value: 120,
    },
    {
      kind: 'slider',
      name: 'early',
      label: 'early pane after',
      unit: 'seconds',
      min: 15,
      max: 180,
      step: 15,
      value: 75,
    },
    { kind: 'choice', name: 'accumulation', label: 'panes', choices: ['accumulating', 'discarding'] },
  ],
  code: `import {
  afterCount,
  afterProcessingTime,
  afterWatermark,
  fixedWindows,
  sum,
} from 'millrace'
import { draw, settings } from 'page'

// [minute it came, minute it happened, points]
const points = [
  [1.2, 0.6, 3], [2.1, 1.5, 5], [3.1, 2.7, 2], [3.8, 1.1, 4],
  [4.6, 3.4, 6], [5.3, 4.5, 1], [6.3, 5.1, 7], [7.0, 6.3, 2],
  [7.6, 1.3, 9], [8.3, 5.6, 3],
]

await draw({
  points,
  lag: settings.lag,
  lateness: settings.lateness,
  build: (points, late) =>
    points
      .windowInto('windows', fixedWindows('2 minutes'), {
        trigger: afterWatermark({
          early: afterProcessingTime(\`\${settings.early} seconds\`),
          late: afterCount(1),
        }),
        allowedLateness: \`\${settings.lateness} seconds\`,
        accumulation: settings.accumulation,
        lateData: late,
      })
      .combineGlobally('sum', sum(), { whenEmpty: 'nothing' }),
})
`,
}

/** All of them, in the order of the page. */
export const EXAMPLES: readonly Example[] = [triggers, wordCount, sessions]
