import { describe, expect, it } from 'vitest'
import type { RunStatus, StepStatus } from 'millrace'
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

const started: Started = {
  kind: 'started',
  pipeline: 'words',
  graphFingerprint: 'f',
  options: '{"top":3}',
  guarantees: [],
}
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
  unseen: [],
}
const stepOf = (step: string, fields: Partial<StepStatus>): StepStatus => ({
  step,
  inputs: [],
  elementsIn: 0,
  elementsOut: 0,
  inputWatermark: 1000,
  outputWatermark: 0,
  lagMillis: 1000,
  stateKeys: 0,
  windows: 0,
  timers: 0,
  pushedBack: 0,
  buffered: 0,
  droppedLate: 0,
  deadLetters: 0,
  retries: 0,
  partitions: [],
  partitionCount: 0,
  hold: { kind: 'elements', at: 0, elements: 0 },
  awaits: undefined,
  ...fields,
})
const statusOf = (elements: number, wallMillis: number, steps: readonly StepStatus[]): RunStatus => ({
  pipeline: 'words',
  runner: 'direct',
  state: 'running',
  startedAt: 0,
  takenAt: 1000,
  wallMillis,
  elements,
  watermark: 0,
  sources: [],
  steps,
  panes: [],
  oldestCall: undefined,
})
const progressOf = (count: number, wallMillis = 1000): RunStatus =>
  statusOf(count * 2, wallMillis, [
    stepOf('read', { elementsOut: count, outputWatermark: 1000, lagMillis: 0 }),
    stepOf('count words', { inputs: ['read'], elementsIn: count, stateKeys: 12, droppedLate: 3 }),
  ])

describe('on a terminal', () => {
  it('the block stays below everything else and is gone at the end', () => {
    const page = new Page(true)
    const display = displayOn(page, page, { json: false, quiet: false })
    display.started(started, 'hash')
    display.progress(progressOf(1000), 1000)
    display.results(['words: whale 1'])
    display.log('half a ', 'out')
    display.progress(progressOf(4000, 2000), 2000)
    display.log('line\n', 'out')
    display.note('a remark')
    expect(page.lines).toEqual([
      'words: whale 1',
      '[words] half a line',
      'a remark',
      ' words · direct · running · 2.0 s · 4,000 read, 3,000/s',
      ' step          in/s  out/s  watermark  keys  late  errors',
      ' read             –  3,000   00:00:01     –     –       –',
      ' count words  3,000      –   00:00:00    12     3       –',
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
    const steps = Array.from({ length: 20 }, (_, i) => stepOf(`s${i}`, {}))
    display.progress(statusOf(1, 1000, steps), 1000)
    expect(page.lines.length).toBeLessThanOrEqual(8)
    expect(page.lines.at(-2)).toBe(' … and 16 more steps')
  })
})

describe('in a log', () => {
  it('progress is a line of key=value, with the step that holds the watermark', () => {
    const [out, err] = [new Page(false), new Page(false)]
    const display = displayOn(out, err, { json: false, quiet: false })
    display.started(started, 'hash')
    display.progress(progressOf(1000), 1000)
    display.progress(progressOf(1500, 2000), 2000)
    display.results(['words: whale 1'])
    expect(err.written).toBe(
      'elapsed=1.0s read=1000 rate=1000/s watermark=1970-01-01T00:00:00.000Z at="count words" lag=1s keys=12 late=3 errors=0\n' +
        'elapsed=2.0s read=1500 rate=500/s watermark=1970-01-01T00:00:00.000Z at="count words" lag=1s keys=12 late=3 errors=0\n',
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

describe('a run in batches', () => {
  const span = { p50Millis: 300, p99Millis: 700, maxMillis: 800 }
  const latency = { arrival: span, event: span, skew: undefined }
  const last = { readMillis: 480.4, closeMillis: 3.2, commitMillis: 8.6, elements: 500, delayMillis: 0, latency }
  const batches = {
    committed: 41,
    resumedAfter: 12,
    intervalMillis: 500,
    elementsMax: undefined,
    queues: [],
    shedding: [],
    last,
  }
  const inBatches = (count: number, wallMillis: number): RunStatus => ({ ...progressOf(count, wallMillis), batches })

  it('shows its batch, where the time of that has gone, and what it went on after', () => {
    const page = new Page(true)
    const display = displayOn(page, page, { json: false, quiet: false })
    page.size = () => ({ columns: 120, rows: 24 })
    display.started(started, 'hash')
    display.progress(inBatches(7000, 1000), 1000)
    expect(page.lines).toContain(
      ' batch 41 · every 0.5 s · read 480 ms, close 3 ms, commit 9 ms · went on after batch 12',
    )
    // What the runs before it have read says nothing about how fast this one is.
    expect(page.lines[0]).toContain('7,000 read, –/s')
    display.progress(inBatches(7500, 2000), 2000)
    expect(page.lines[0]).toContain('7,500 read, 500/s')
  })

  it('shows to how many elements it is held, and how late it began', () => {
    const page = new Page(true)
    const display = displayOn(page, page, { json: false, quiet: false })
    page.size = () => ({ columns: 120, rows: 24 })
    display.started(started, 'hash')
    const late = { ...batches, resumedAfter: undefined, elementsMax: 1200, last: { ...last, delayMillis: 1300 } }
    display.progress({ ...inBatches(7000, 1000), batches: late }, 1000)
    expect(page.lines).toContain(
      ' batch 41 · every 0.5 s · read 480 ms, close 3 ms, commit 9 ms · held to 1,200 a batch · 1.3 s late',
    )
  })

  it('shows in its details latency, skew, queues and what is dropped', () => {
    const page = new Page(true)
    const display = displayOn(page, page, { json: false, quiet: false })
    page.size = () => ({ columns: 160, rows: 30 })
    display.started(started, 'hash')
    const queues = [{ step: 'clicks', elements: 1200, elementsMax: 3000, bytes: 48_000, spilledBytes: 16_000 }]
    const shedding = [{ step: 'under load', share: 0.25, dropped: 17 }]
    display.progress({ ...inBatches(7000, 1000), batches: { ...batches, queues, shedding } }, 1000)
    expect(page.lines).toContain(' under load drops 25 %, in the last batch 17')
    display.toggle?.('details')
    expect(page.lines).toContain(
      ' from arrival p50 300 ms, p99 700 ms, max 800 ms · from event p50 300 ms, p99 700 ms, max 800 ms',
    )
    expect(page.lines).toContain(' queue of clicks: 1,200 elements, 48,000 bytes, 16,000 of them on the disk')
  })

  it('says them in lines, and at its end', () => {
    const page = new Page(false)
    const display = displayOn(page, page, { json: false, quiet: false })
    display.started(started, 'hash')
    display.progress(inBatches(7000, 1000), 1000)
    expect(page.written).toContain('elapsed=1.0s batch=41 closing=12ms read=7000 rate=0/s')
    display.finished({ ...finished, state: 'STOPPED', batches })
    expect(page.written).toContain('words: stopped in 1.23 s')
    expect(page.written).toContain('  went on after batch 12; batch 41 is committed\n')
    expect(page.written).toContain('  goes on there when it is started again with the same checkpoint\n')
  })
})
