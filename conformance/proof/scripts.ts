/**
 * Random TestStream scripts: what each pane of a grouping must be, one by one. A script decides its own bundles and its
 * watermark, so that here, other than with sources, nothing is left to the runner but the order of results.
 *
 * The reference plays the script with one list of cells. It knows of windows, lateness and the default trigger what the
 * model says: a window answers when the watermark has passed its end, again after each bundle with late elements, and for
 * the last time when the watermark has passed its end by the allowed lateness.
 */
import { type KV, kv, pipeline, type Pipeline, run, type RunOptions, sum } from 'millrace'
import { at, testStream } from 'millrace/testing'
import { differenceText, type Draw, drawOf, thrownText } from './draw.js'
import { gather, type Windowing, windowFnOf, windowingOf } from './random-streams.js'
import { windowsOf } from './streams-reference.js'

interface Element {
  readonly key: string
  readonly value: number
  readonly timestamp: number
}

/** Elements that come together, or the watermark's next place. */
type Event = { readonly elements: readonly Element[] } | { readonly watermark: number }

/** A script, and how it is grouped. */
interface Script {
  readonly events: readonly Event[]
  readonly windowing: Windowing
  readonly allowedLateness: number
  readonly accumulation: 'accumulating' | 'discarding'
  readonly onTime: 'always' | 'ifNonEmpty'
  readonly closing: 'always' | 'ifNonEmpty'
  readonly reduction: 'group' | 'gather' | 'sum'
}

/** Ways that leave a script's bundles as they are. */
const ways: readonly RunOptions[] = [
  { stageCompiler: 'generated' },
  { stageCompiler: 'closures' },
  { stageCompiler: 'closures', bundleSize: 1 },
]

/** What is wrong with the script of a seed, in words; `undefined` when nothing is. */
export async function faultOfScript(seed: number): Promise<string | undefined> {
  const script = scriptOf(drawOf(seed ^ 0x51ed270b))
  const expected = panesOf(script)
  for (const way of ways) {
    let fault: string | undefined
    try {
      const result = await run(toPipeline(script), way)
      const panes = result
        .collectWindowed<KV<string, Iterable<number>>>('out')
        .map(({ value: { key, value }, window: { start, end }, timestamp, pane }) =>
          textOf({ key, start, end, timestamp, values: value, ...pane }),
        )
      const dropped = `dropped ${result.metrics.counter('droppedDueToLateness')}`
      fault = differenceText(expected, [...panes, dropped])
    } catch (error) {
      fault = `failed with ${thrownText(error)}`
    }
    if (fault !== undefined)
      return `seed ${seed}, ${JSON.stringify(way)}, script: ${fault}\n  ${JSON.stringify(script)}`
  }
  return undefined
}

function scriptOf(draw: Draw): Script {
  let watermark = draw.int(-150, 50)
  const events = Array.from({ length: draw.int(2, 12) }, (): Event => {
    if (draw.chance(0.4)) return { watermark: (watermark += draw.int(0, 30)) }
    const elements = Array.from({ length: draw.int(1, 6) }, () => ({
      key: draw.pick(['a', 'b', 'c']),
      value: draw.int(-9, 99),
      timestamp: watermark + draw.int(-40, 30),
    }))
    return { elements }
  })
  return {
    events,
    windowing: windowingOf(draw),
    allowedLateness: draw.pick([0, 0, 3, 10, 40]),
    accumulation: draw.pick(['accumulating', 'discarding'] as const),
    onTime: draw.pick(['always', 'ifNonEmpty'] as const),
    closing: draw.pick(['always', 'ifNonEmpty'] as const),
    reduction: draw.pick(['group', 'gather', 'sum'] as const),
  }
}

function toPipeline({ events, windowing, reduction, ...options }: Script): Pipeline {
  const p = pipeline()
  let stream = testStream<Element>()
  for (const event of events) {
    if ('watermark' in event) stream = stream.advanceWatermarkTo(event.watermark)
    else stream = stream.add(...event.elements.map((element) => at(element.timestamp, element)))
  }
  const { allowedLateness, accumulation, onTime, closing } = options
  const keyed = p
    .apply('script', stream.end())
    .windowInto('windows', windowFnOf(windowing), { allowedLateness, accumulation, onTime, closing })
    .map('pair', ({ key, value }) => kv(key, value))
  switch (reduction) {
    case 'group':
      // Kept as it is given: a later pane must not change an earlier one.
      keyed.groupByKey('group').collect('out')
      break
    case 'gather':
      keyed.combinePerKey('gather', gather).collect('out')
      break
    case 'sum':
      keyed
        .combinePerKey('sum', sum())
        .map('list', ({ key, value }) => kv(key, [value]))
        .collect('out')
  }
  return p
}

// ---- the reference --------------------------------------------------------------------------------------------------

/** A key in a window. */
interface Cell {
  readonly key: string
  readonly start: number
  readonly end: number
  /** Everything that has come. */
  readonly all: readonly number[]
  /** What has come since the last pane. */
  fresh: readonly number[]
  /** Panes so far. */
  panes: number
  /** Whether the watermark has passed the window's end. */
  isOver: boolean
}

/** All panes of a script as text, and how many elements are dropped. */
function panesOf({ events, windowing, allowedLateness, accumulation, reduction, closing }: Script): readonly string[] {
  const panes: string[] = []
  let cells: readonly Cell[] = []
  let watermark = -Infinity
  let dropped = 0
  const isExpired = ({ end }: { readonly end: number }): boolean => end - 1 + allowedLateness < watermark
  const answer = (cell: Cell, timing: 'onTime' | 'late', isLast: boolean): void => {
    const content = accumulation === 'accumulating' ? cell.all : cell.fresh
    const values = reduction === 'sum' ? [content.reduce((a, b) => a + b, 0)] : content
    const { key, start, end, panes: index } = cell
    panes.push(
      textOf({
        key,
        start,
        end,
        timestamp: end - 1,
        values,
        timing,
        index,
        isLast,
        isFirst: index === 0,
        nonSpeculativeIndex: index,
      }),
    )
    cell.panes++
    cell.fresh = []
  }
  const advance = (to: number): void => {
    watermark = to
    for (const cell of cells) {
      if (!cell.isOver && cell.end - 1 < watermark) {
        cell.isOver = true
        answer(cell, 'onTime', isExpired(cell))
      } else if (isExpired(cell) && closing === 'always') answer(cell, 'late', true)
    }
    cells = cells.filter((cell) => !isExpired(cell))
  }
  for (const event of events) {
    if ('watermark' in event) {
      advance(event.watermark)
      continue
    }
    const arrived = event.elements.flatMap(({ key, value, timestamp }) =>
      windowsOf(windowing, timestamp).map((window) => ({
        ...window,
        key,
        all: [value],
        fresh: [value],
        panes: -1,
        isOver: false,
      })),
    )
    dropped += arrived.filter(isExpired).length
    const isNews = new Set<Cell>(arrived)
    cells = unions([...cells, ...arrived.filter((cell) => !isExpired(cell))], windowing.kind === 'sessions').map(
      (parts) => {
        if (!parts.some((part) => isNews.has(part))) return parts[0] as Cell
        const cell = union(parts, watermark)
        if (cell.isOver) answer(cell, 'late', false)
        return cell
      },
    )
  }
  advance(Infinity)
  return [...panes, `dropped ${dropped}`]
}

/** Cells that are one: those of a key in the same window or, where windows merge, in windows that overlap. */
function unions(cells: readonly Cell[], merges: boolean): readonly (readonly Cell[])[] {
  const together: Cell[][] = []
  let end = -Infinity
  const inOrder = [...cells].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.start - b.start))
  for (const cell of inOrder) {
    const last = together.at(-1)
    const [first] = last ?? []
    if (first?.key === cell.key && (merges ? cell.start < end : cell.start === first.start)) last?.push(cell)
    else {
      together.push([cell])
      end = -Infinity
    }
    end = Math.max(end, cell.end)
  }
  return together
}

/** One cell of several. In a window that is not new, its panes go on; in a new one they count from 0. */
function union(parts: readonly Cell[], watermark: number): Cell {
  const start = Math.min(...parts.map((part) => part.start))
  const end = Math.max(...parts.map((part) => part.end))
  const panes = Math.max(
    0,
    ...parts.filter((part) => part.start === start && part.end === end).map((part) => part.panes),
  )
  return {
    key: (parts[0] as Cell).key,
    start,
    end,
    all: parts.flatMap(({ all }) => all),
    fresh: parts.flatMap(({ fresh }) => fresh),
    panes,
    isOver: end - 1 < watermark,
  }
}

interface PaneText {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly timestamp: number
  readonly values: Iterable<number>
  readonly timing: string
  readonly index: number
  readonly nonSpeculativeIndex: number
  readonly isFirst: boolean
  readonly isLast: boolean
}

function textOf(pane: PaneText): string {
  const marks = `${pane.isFirst ? ' first' : ''}${pane.isLast ? ' last' : ''}`
  const values = [...pane.values].sort((a, b) => a - b).join(' ')
  return `${pane.key} [${pane.start}, ${pane.end}) @${pane.timestamp} ${pane.timing} ${pane.index}/${pane.nonSpeculativeIndex}${marks}: ${values}`
}
