/**
 * The screen of a run, as lines: a row per step with its rates, watermark and what it keeps, the panes that came last, and
 * which keys do something.
 *
 * Law: a function of two statuses, a size and what the user asked to see; no line is wider than the screen, and all together
 * are no higher.
 */
import stringWidth from 'string-width'
import { countText, spanText, timeText, windowText } from '../run-status-text.js'
import { why } from '../run-status-why.js'
import type { PaneStatus, RunStatus, SpanStatus, StepStatus } from '../run-status.js'
import { elementsReadBy, namesWork } from './reading-steps.js'

/** How a piece of text looks. */
export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan'
/** A piece of a line. */
export type Segment = readonly [text: string, style?: Style]
/** A line of the screen. */
export type ViewLine = readonly Segment[]

/** What the user asked to see. */
export interface ViewOptions {
  readonly columns: number
  readonly rows: number
  /** All steps, and what holds their watermarks. */
  readonly details: boolean
  readonly help: boolean
  /** Whether keys are listened to. */
  readonly keys: boolean
}

/** A batch that begins so much later than it was due is said to be late. */
const LATE_MILLIS = 10
/** Panes on the screen. */
const PANES_MAX = 5

/** The screen of a run at one moment; `before` is the status that rates are measured from. */
export function viewLines(status: RunStatus, before: RunStatus | undefined, options: ViewOptions): readonly ViewLine[] {
  const { columns, rows, details, help, keys } = options
  // What has left the screen at its top could not be redrawn.
  const room = Math.max(3, rows - 1)
  const head = [titleLine(status, before), ...batchLines(status), ...(details ? loadLines(status) : shedLines(status))]
  const foot = help ? helpLines(keys) : keys ? [keyLine(status)] : []
  const panes = paneLines(status, Math.min(PANES_MAX, Math.floor(room / 4)))
  const reasons = details ? reasonLines(status, columns) : []
  const table = tableRoom(room - 1 - head.length - foot.length - panes.length, reasons.length, details)
  const { lines, hidden } = stepTable(status, before, table.steps, columns, details)
  const more: ViewLine[] = hidden === 0 ? [] : [[[` … and ${countText(hidden)} more ${hidden === 1 ? 'step' : 'steps'}${details || !keys ? '' : '; d shows all'}`, 'dim']]] // prettier-ignore
  const all = [...head, ...lines, ...more, ...reasons.slice(0, table.reasons), ...panes, ...foot]
  return all.slice(0, room).map((line) => cutLine(line, Math.max(20, columns - 1)))
}

/** Rows for steps and for reasons. */
function tableRoom(
  room: number,
  reasons: number,
  details: boolean,
): { readonly steps: number; readonly reasons: number } {
  if (!details) return { steps: Math.max(1, room), reasons: 0 }
  const forReasons = Math.min(reasons, Math.max(1, Math.floor(room / 2)))
  return { steps: Math.max(1, room - forReasons), reasons: forReasons }
}

function titleLine(status: RunStatus, before: RunStatus | undefined): ViewLine {
  const read = elementsReadBy(status)
  const rate = rateOf(read, before === undefined ? undefined : elementsReadBy(before), status, before)
  const state: Segment =
    status.state === 'running' ? ['running', 'green'] : [status.state, status.state === 'failed' ? 'red' : 'yellow']
  return [
    [` ${status.pipeline}`, 'bold'],
    [` · ${status.runner} · `],
    state,
    [` · ${spanText(status.wallMillis)} · ${countText(read)} read, ${rate}/s`],
  ]
}

/** Which batch it is, and where the time of the newest one has gone. */
function batchLines({ batches }: RunStatus): readonly ViewLine[] {
  if (batches === undefined) return []
  const { committed, intervalMillis, last, resumedAfter, elementsMax } = batches
  const parts = [
    ` batch ${countText(committed)}`,
    `every ${spanText(intervalMillis)}`,
    ...(last === undefined
      ? []
      : [`read ${millisText(last.readMillis)}, close ${millisText(last.closeMillis)}, commit ${millisText(last.commitMillis)}`]), // prettier-ignore
    ...(elementsMax === undefined ? [] : [`held to ${countText(elementsMax)} a batch`]),
    ...(last === undefined || last.delayMillis < LATE_MILLIS ? [] : [`${millisText(last.delayMillis)} late`]),
    ...(resumedAfter === undefined ? [] : [`went on after batch ${countText(resumedAfter)}`]),
  ]
  return [[[parts.join(' · '), 'dim']]]
}

/** What is dropped under load. */
function shedLines({ batches }: RunStatus): readonly ViewLine[] {
  return (batches?.shedding ?? [])
    .filter(({ share, dropped }) => share > 0 || dropped > 0)
    .map(({ step, share, dropped }): ViewLine => [
      [` ${step} drops ${Math.round(share * 100)} %, in the last batch ${countText(dropped)}`, 'yellow'],
    ])
}

/** Latency, skew, queues, and what is dropped. */
function loadLines(status: RunStatus): readonly ViewLine[] {
  const { batches } = status
  const { latency } = batches?.last ?? {}
  const text = (what: string, span: SpanStatus | undefined): readonly string[] =>
    span === undefined
      ? []
      : [
          `${what} p50 ${millisText(span.p50Millis)}, p99 ${millisText(span.p99Millis)}, max ${millisText(span.maxMillis)}`,
        ]
  const spans = [
    ...text('from arrival', latency?.arrival),
    ...text('from event', latency?.event),
    ...text('skew', latency?.skew),
  ]
  const queues = (batches?.queues ?? []).map(({ step, elements, bytes, spilledBytes }): ViewLine => [
    [` queue of ${step}: ${countText(elements)} elements, ${countText(bytes)} bytes, ${countText(spilledBytes)} of them on the disk`, 'dim'], // prettier-ignore
  ])
  return [
    ...(spans.length === 0 ? [] : [[[` ${spans.join(' · ')}`, 'dim']] as ViewLine]),
    ...queues,
    ...shedLines(status),
  ]
}

function millisText(millis: number): string {
  return millis < 1000 ? `${Math.round(millis)} ms` : spanText(millis)
}

// ---- steps -----------------------------------------------------------------------------------------------------------

interface Column {
  readonly title: string
  readonly cell: (step: StepStatus) => Segment
  /** Columns with the smallest number go first where there is no room. */
  readonly keep: number
}

function columnsOf(status: RunStatus, before: RunStatus | undefined, width: number): readonly Column[] {
  const earlier = new Map(before?.steps.map((step) => [step.step, step]))
  const rate = (step: StepStatus, of: (step: StepStatus) => number): Segment => {
    const then = earlier.get(step.step)
    return [rateOf(of(step), then === undefined ? undefined : of(then), status, before)]
  }
  const orDash = (count: number, style?: Style): Segment =>
    count === 0 ? ['–', 'dim'] : style === undefined ? [countText(count)] : [countText(count), style]
  return [
    { title: 'in/s', keep: 3, cell: (step) => (step.inputs.length === 0 ? ['–', 'dim'] : rate(step, ({ elementsIn }) => elementsIn)) }, // prettier-ignore
    { title: 'out/s', keep: 6, cell: (step) => (isSink(step, status) ? ['–', 'dim'] : rate(step, ({ elementsOut }) => elementsOut)) }, // prettier-ignore
    {
      title: 'watermark',
      keep: 7,
      cell: ({ outputWatermark }) => [watermarkText(outputWatermark, status.takenAt, width)],
    },
    { title: 'lag', keep: 2, cell: ({ lagMillis }) => (lagMillis === undefined ? ['–', 'dim'] : [spanText(lagMillis)]) }, // prettier-ignore
    { title: 'keys', keep: 5, cell: ({ stateKeys }) => orDash(stateKeys) },
    { title: 'timers', keep: 0, cell: ({ timers }) => orDash(timers) },
    { title: 'waiting', keep: 1, cell: ({ pushedBack, buffered }) => orDash(pushedBack + buffered) },
    { title: 'late', keep: 4, cell: ({ droppedLate }) => orDash(droppedLate, 'yellow') },
    { title: 'errors', keep: 4, cell: ({ deadLetters }) => orDash(deadLetters, 'red') },
  ]
}

function stepTable(
  status: RunStatus,
  before: RunStatus | undefined,
  room: number,
  width: number,
  details: boolean,
): { readonly lines: readonly ViewLine[]; readonly hidden: number } {
  const all = details ? status.steps : status.steps.filter((step) => !namesWork(step, status))
  const steps = all.length <= room ? all : chosen(all, status, room - 1)
  const names = steps.map((each) => each.step)
  const longest = Math.max(4, ...names.map((name) => stringWidth(name)))
  let columns = columnsOf(status, before, width).map((column) => {
    const cells = steps.map(column.cell)
    return { ...column, cells, width: Math.max(column.title.length, ...cells.map(([text]) => stringWidth(text))) }
  })
  // Columns go before names are cut to less than can be told apart.
  const spare = (): number => width - 2 - columns.reduce((sum, column) => sum + column.width + 2, 0)
  while (columns.length > 2 && spare() < Math.min(longest, 16)) {
    const least = Math.min(...columns.map(({ keep }) => keep))
    columns = columns.filter(({ keep }) => keep !== least)
  }
  const nameWidth = Math.max(8, Math.min(longest, spare()))
  const head: ViewLine = [
    [` ${pad('step', nameWidth)}${columns.map(({ title, width: of }) => `  ${title.padStart(of)}`).join('')}`, 'dim'],
  ]
  const rows = names.map((full, i): ViewLine => {
    const name = pad(cutText(full, nameWidth), nameWidth)
    const cells = columns.map(({ cells: all, width: of }): Segment => {
      const [text, style] = all[i] as Segment
      const padded = `  ${' '.repeat(Math.max(0, of - stringWidth(text)))}${text}`
      return style === undefined ? [padded] : [padded, style]
    })
    return [[` ${name}`], ...cells]
  })
  return { lines: [head, ...rows], hidden: status.steps.length - steps.length }
}

/** The steps that say most, in their order: those that keep something, sources, ends, then the rest. */
function chosen(steps: readonly StepStatus[], status: RunStatus, room: number): readonly StepStatus[] {
  const rank = (step: StepStatus): number =>
    step.stateKeys > 0 ||
    step.awaits !== undefined ||
    step.pushedBack > 0 ||
    step.deadLetters > 0 ||
    step.droppedLate > 0
      ? 0
      : step.inputs.length === 0
        ? 1
        : isSink(step, status)
          ? 2
          : 3
  const best = [...steps].sort((a, b) => rank(a) - rank(b)).slice(0, Math.max(1, room))
  return steps.filter((step) => best.includes(step))
}

function isSink({ step }: StepStatus, status: RunStatus): boolean {
  return !status.steps.some(({ inputs, hold }) => inputs.includes(step) || (hold.kind === 'sideInput' && hold.step === step)) // prettier-ignore
}

function rateOf(now: number, then: number | undefined, status: RunStatus, before: RunStatus | undefined): string {
  // What earlier runs of the query have counted is not of this one.
  if (before === undefined && status.batches?.resumedAfter !== undefined) return '–'
  const millis = status.wallMillis - (before?.wallMillis ?? 0)
  if (millis <= 0) return '0'
  return countText(Math.round(Math.max(0, ((now - (then ?? 0)) * 1000) / millis)))
}

function watermarkText(watermark: number, near: number, width: number): string {
  const exact = timeText(watermark, near)
  // Where there is little room, seconds are enough.
  const text = width < 60 ? exact.replace(/(:\d\d)\.\d+$/, '$1') : exact
  return text === 'the beginning of time' ? '-∞' : text === 'the end of time' ? 'ended' : text
}

// ---- panes, reasons, keys --------------------------------------------------------------------------------------------

const TIMINGS: Readonly<Record<PaneStatus['timing'], readonly [text: string, style: Style]>> = {
  early: ['EARLY', 'cyan'],
  onTime: ['ON_TIME', 'green'],
  late: ['LATE', 'yellow'],
  unknown: ['–', 'dim'],
}

function paneLines({ panes, takenAt }: RunStatus, room: number): readonly ViewLine[] {
  if (panes.length === 0 || room < 1) return []
  return panes.slice(-room).map((pane, i): ViewLine => {
    const { step, key, value, window, timing, index, isLast } = pane
    const [text, style] = TIMINGS[timing]
    return [
      [i === 0 ? ' last panes  ' : '             ', 'dim'],
      [text.padEnd(7), style],
      [` #${`${index}${isLast ? '' : '…'}`.padEnd(3)} ${key} → ${value}  ${windowText(window, takenAt)}`],
      [`  ${step}`, 'dim'],
    ]
  })
}

function reasonLines(status: RunStatus, columns: number): readonly ViewLine[] {
  return why(status).flatMap(({ text }) =>
    wrapped(text, Math.max(20, columns - 8)).map((line, i): ViewLine => [
      [i === 0 ? ' why  ' : '      ', 'cyan'],
      [line],
    ]),
  )
}

function keyLine({ state }: RunStatus): ViewLine {
  return [[` q drain · p ${state === 'paused' ? 'resume' : 'pause'} · d details · ? help`, 'dim']]
}

function helpLines(keys: boolean): readonly ViewLine[] {
  const lines = [
    ...(keys
      ? [
          'q        drain: stop reading, finish what was read (as Ctrl-C; a second Ctrl-C stops at once)',
          'p        pause the sources, or read on',
          'd        all steps, and why results have not come',
          '?        this help, or away with it',
        ]
      : []),
    'watermark  no element with an earlier time will leave the step; lag: how far that is behind the clock',
    'keys       pairs of key and window that the step keeps; late: dropped as too late; errors: dead letters',
    'panes      EARLY before the watermark, ON_TIME with it, LATE after it; #index; … more may follow',
  ]
  return lines.map((line): ViewLine => [[` ${line}`, 'dim']])
}

// ---- text ------------------------------------------------------------------------------------------------------------

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** A text no wider than `width`, with an ellipsis where something is missing. */
export function cutText(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let cut = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    const size = stringWidth(segment)
    if (used + size > width - 1) break
    cut += segment
    used += size
  }
  return `${cut}…`
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)))
}

/** A line that would wrap would be two lines for the terminal and one for us. */
function cutLine(line: ViewLine, width: number): ViewLine {
  const cut: Segment[] = []
  let left = width
  for (const [text, style] of line) {
    if (left <= 0) break
    const part = cutText(text, left)
    cut.push(style === undefined ? [part] : [part, style])
    left -= stringWidth(part)
    if (part !== text) break
  }
  return cut
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && stringWidth(line) + 1 + stringWidth(word) > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
