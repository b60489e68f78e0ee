/**
 * The pictures of the pages are what a run does: drawn again, they are the same bytes. And they can be read.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fixedWindows, sum } from 'millrace'
import { expect, it } from 'vitest'
import { drawPictures, PICTURES_FOLDER } from './all.js'
import { record } from './recording.js'
import { PALETTE, picture, type Role, text } from './svg.js'
import { drawTimeTime } from './time-time.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = join(root, PICTURES_FOLDER)
const drawn = await drawPictures()

it('the folder has the pictures that are drawn, and no others', () => {
  expect(readdirSync(folder).sort()).toEqual([...drawn.keys()].map((name) => `${name}.svg`).sort())
})

it.each([...drawn])('%s is what a run does today (npm run docs:pictures draws it again)', (name, svg) => {
  expect(readFileSync(join(folder, `${name}.svg`), 'utf8')).toBe(svg)
})

it.each([...drawn])('%s says in words what it shows, and asks nobody for anything', (_, svg) => {
  expect(svg).toMatch(/<desc>[^<]{40,}<\/desc>/)
  expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|url\(|<image|<script|@import/)
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
})

it.each([...drawn])('%s keeps its text within its frame', (_, svg) => {
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? []
  for (const [, x, y] of svg.matchAll(/<text x="([\d.-]+)" y="([\d.-]+)"/g)) {
    expect(Number(x)).toBeGreaterThan(0)
    expect(Number(x)).toBeLessThan(Number(width))
    expect(Number(y)).toBeGreaterThan(0)
    expect(Number(y)).toBeLessThan(Number(height))
  }
})

it('a recording says when elements came, how far the watermark was, and which panes came when', async () => {
  const recording = await record<number>({
    moments: [
      { now: 5, elements: [{ value: 1, timestamp: 1 }] },
      { now: 9, watermark: 10 },
      { now: 12, elements: [{ value: 7, timestamp: 2 }] },
    ],
    build: (events, late) =>
      events
        .windowInto('tens', fixedWindows(10), { lateData: late })
        .combineGlobally('sum', sum(), { whenEmpty: 'nothing' }),
  })
  expect(recording.elements).toEqual([
    { text: '1', timestamp: 1, now: 5 },
    { text: '7', timestamp: 2, now: 12 },
  ])
  expect(recording.panes).toEqual([{ text: '1', key: '', start: 0, end: 10, timing: 'onTime', index: 0, now: 9 }])
  expect(recording.dropped).toEqual([{ text: '7', timestamp: 2, now: 12 }])
  expect(recording.watermarks.filter(({ watermark }) => watermark === 10).map(({ now }) => now)).toEqual([9, 12, 12])
  const options = {
    title: 'a & b',
    description: '',
    eventTime: [0, 20],
    processingTime: [0, 20],
    gridMillis: 10,
  } as const
  expect(drawTimeTime(recording, options)).toContain('a &amp; b')
})

/** Relative luminance of a colour, as WCAG 2 has it. */
function luminance(colour: string): number {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
  const [r = 0, g = 0, b = 0] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

const contrast = (a: string, b: string): number => {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (light + 0.05) / (dark + 0.05)
}

const WRITTEN: readonly Role[] = ['ink', 'soft', 'element', 'watermark', 'early', 'onTime', 'late', 'first', 'second']

it.each(['light', 'dark'] as const)('every colour that text has stands out from the %s grounds', (theme) => {
  const palette = PALETTE[theme]
  for (const role of WRITTEN) {
    expect(contrast(palette[role], palette.ground), role).toBeGreaterThan(4.5)
    expect(contrast(palette[role], palette.window), role).toBeGreaterThan(4.5)
  }
})

it('a text is escaped, and a number has one decimal', () => {
  expect(text(1.25, 2, 'a < b & "c"')).toBe('<text x="1.3" y="2">a &lt; b &amp; &quot;c&quot;</text>')
  expect(picture({ width: 10, height: 10, title: '<t>', description: 'd' }, [])).toContain('<title>&lt;t&gt;</title>')
})
