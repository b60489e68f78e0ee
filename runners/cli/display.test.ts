import { describe, expect, it } from 'vitest'
import type { Progress } from 'millrace'
import type { Output } from './display.js'
import { displayOn } from './output.js'
import type { Finished, Started } from './protocol.js'

/** Both outputs written to one page, as on a terminal; escape sequences are obeyed. */
class Page implements Output {
  readonly isTerminal: boolean
  readonly hasColour = false
  lines: string[] = ['']
  written = ''
  readonly #rows: number

  constructor(isTerminal: boolean, rows = 24) {
    this.isTerminal = isTerminal
    this.#rows = rows
  }

  size(): { columns: number; rows: number } {
    return { columns: 60, rows: this.#rows }
  }

  write(text: string): void {
    this.written += text

    for (const part of text.split(/(\u001b\[\d+[AJ])/)) {
      const up = /^\u001b\[(\d+)A$/.exec(part)
      if (up !== null) this.lines = [...this.lines.slice(0, -1 - Number(up[1])), '']
      else if (!part.startsWith('\u001b')) {
        const [first = '', ...more] = part.split('\n')
        this.lines[this.lines.length - 1] += first
        this.lines.push(...more)
      }
    }
  }
}

const started: Started = { kind: 'started', pipeline: 'words', graphFingerprint: 'f', options: '{"top":3}' }
const finished: Finished = {
  kind: 'finished',
  state: 'DONE',
  millis: 1234,
  elements: 7_654_321,
  elementsRead: 1_234_567,
  counters: [
    { step: 'per hour', name: 'droppedDueToLateness', value: 3 },
    { step: 'parse', name: 'retries', value: 2 },
  ],
  deadLetters: [],
  files: ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
}
const progressOf = (count: number): Progress => ({
  elements: count * 2,
  oldestCall: undefined,
  sources: [],
  steps: [
    { step: 'read', elementsIn: 0, elementsOut: count, watermark: 1000 },
    { step: 'count words', elementsIn: count, elementsOut: 0, watermark: 0 },
  ],
})

describe('on a terminal', () => {
  it('the block stays below everything else and is gone at the end', () => {
    const page = new Page(true)
    const display = displayOn(page, page, { json: false, quiet: false })
    display.started(started, 'hash')
    display.progress(progressOf(1000), 1000)
    display.results(['words: whale 1'])
    display.log('half a ', 'out')
    display.progress(progressOf(4000), 2000)
    display.log('line\n', 'out')
    display.note('a remark')
    expect(page.lines).toEqual([
      'words: whale 1',
      '[words] half a line',
      'a remark',
      'words · 2.0 s     in    out  out/s                 watermark'.slice(0, 59),
      '  read             –  4,000  3,000  1970-01-01T00:00:01.000Z'.slice(0, 59),
      '  count words  4,000      0      0  1970-01-01T00:00:00.000Z'.slice(0, 59),
      '',
    ])
    display.finished(finished)
    expect(page.lines.slice(3)).toEqual([
      'words: done in 1.23 s, 1,234,567 elements read',
      '  3 dropped as too late (droppedDueToLateness) in step "per hour"',
      '  2 retries in step "parse"',
      '  wrote a',
      '  wrote b',
      '  wrote c',
      '  wrote d',
      '  wrote e',
      '  … and 2 more files',
      '',
    ])
  })

  it('the block is never higher than the screen', () => {
    const page = new Page(true, 8)
    const display = displayOn(page, page, { json: false, quiet: false })
    const steps = Array.from({ length: 20 }, (_, i) => ({ step: `s${i}`, elementsIn: 1, elementsOut: 1, watermark: 0 }))
    display.progress({ elements: 1, oldestCall: undefined, sources: [], steps }, 1000)
    expect(page.lines.length).toBeLessThanOrEqual(8)
    expect(page.lines.at(-2)).toBe('  … and 16 more steps')
  })
})

describe('in a log', () => {
  it('progress is a line of key=value, with the step that holds the watermark', () => {
    const [out, err] = [new Page(false), new Page(false)]
    const display = displayOn(out, err, { json: false, quiet: false })
    display.started(started, 'hash')
    display.progress(progressOf(1000), 1000)
    display.progress(progressOf(1500), 2000)
    display.results(['words: whale 1'])
    expect(err.written).toBe(
      'elapsed=1.0s elements=2000 rate=2000/s watermark=1970-01-01T00:00:00.000Z at="count words"\n' +
        'elapsed=2.0s elements=3000 rate=1000/s watermark=1970-01-01T00:00:00.000Z at="count words"\n',
    )
    expect(out.written).toBe('words: whale 1\n')
  })

  it('errors show what the message does not say already', () => {
    const page = new Page(false)
    const display = displayOn(page, page, { json: false, quiet: true })
    const cause = { name: 'TypeError', message: 'no number', frames: ['at parse (a.ts:1:2)'] }
    display.failed({ name: 'UserCodeError', message: 'step "a" failed in process: no number', frames: [], cause })
    display.failed({ name: 'Error', message: 'a promise was rejected', frames: [], cause })
    display.failed({ name: 'RangeError', message: 'bad', frames: ['at x (b.ts:1:1)'] })
    expect(page.written).toBe(
      'error: step "a" failed in process: no number\n  TypeError thrown\n    at parse (a.ts:1:2)\n' +
        'error: a promise was rejected\n  caused by TypeError: no number\n      at parse (a.ts:1:2)\n' +
        'error: RangeError: bad\n    at x (b.ts:1:1)\n',
    )
  })
})

describe('for programs', () => {
  it('what the module writes while it loads does not come before the first line', () => {
    const [out, err] = [new Page(false), new Page(false)]
    const display = displayOn(out, err, { json: true, quiet: false })
    display.log('loading', 'out')
    display.started(started, 'hash')
    display.log('at work', 'err')
    display.progress(progressOf(1), 1000.4)
    display.finished(finished)
    const lines = err.written
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.map(({ type }) => type)).toEqual(['started', 'log', 'log', 'progress', 'finished'])
    expect(lines[0]).toEqual({
      type: 'started',
      pipeline: 'words',
      moduleHash: 'hash',
      graphFingerprint: 'f',
      options: { top: 3 },
    })
    expect(lines[3]).toMatchObject({ elapsedMillis: 1000, elements: 2 })
  })
})
