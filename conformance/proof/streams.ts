/**
 * Lane `streams`: random streams under a moving watermark, with late elements that are not too late.
 *
 * Claims, at every bundle size, with both stage compilers and in strict mode under every seed:
 *
 * - Nothing is dropped. What a key and window finally hold is the reference's: the last pane of an accumulating window,
 *   all panes of a discarding one together. How many late panes there are is not claimed; bundles decide it.
 * - Where the source looks ahead, so that nothing is late, each window answers exactly once, on time.
 * - Under a TestStream, whose bundles the script decides, the panes themselves are the reference's (`scripts.ts`).
 *
 * `npm run proof -- streams [--seeds n] [--from seed]`; a failure prints its seed, and `--from seed --seeds 1` repeats it.
 */
import { type KV, type PaneInfo, type PipelineResult, run } from 'millrace'
import { modesOf } from './bundling.js'
import { differenceText, thrownText } from './draw.js'
import { answersOnce, type Grouping, type Program, programOf, toPipeline } from './random-streams.js'
import { faultOfScript } from './scripts.js'
import { type Content, reference, united } from './streams-reference.js'

/** What is wrong with a seed, in words; `undefined` when nothing is. */
export async function faultOf(seed: number): Promise<string | undefined> {
  return (await faultOfStream(seed)) ?? (await faultOfScript(seed))
}

async function faultOfStream(seed: number): Promise<string | undefined> {
  const program = programOf(seed)
  const expected = reference(program)
  for (const mode of modesOf(seed)) {
    let fault: string | undefined
    try {
      fault = faultIn(await run(toPipeline(program), mode), program, expected)
    } catch (error) {
      fault = `failed with ${thrownText(error)}`
    }
    if (fault !== undefined) return `seed ${seed}, ${JSON.stringify(mode)}: ${fault}\n  ${JSON.stringify(program)}`
  }
  return undefined
}

interface Pane extends Content {
  readonly pane: PaneInfo
}

/** What is wrong with the result of a program; `undefined` when nothing is. */
export function faultIn(result: PipelineResult, program: Program, expected: readonly Content[]): string | undefined {
  for (const counter of ['droppedDueToLateness', 'droppedDueToClosedWindow']) {
    const dropped = result.metrics.counter(counter)
    if (dropped !== 0) return `${counter} is ${dropped}`
  }
  const panes = result
    .collectWindowed<KV<number, readonly number[]>>('out')
    .map(({ value: { key, value: values }, window: { start, end }, timestamp, pane }) => {
      return { key, start, end, timestamp, values, pane }
    })
  const misplaced = panes.find((pane) => !isStampedWell(pane, program))
  if (misplaced !== undefined) return `a pane has the wrong time: ${JSON.stringify(misplaced)}`
  const { reduction } = program.groupings.at(-1) as Grouping
  if (answersOnce(program)) {
    // Counts that a timer says are elements, not panes.
    const late = panes.find(({ pane }) => reduction !== 'timedCount' && (pane.timing !== 'onTime' || pane.index !== 0))
    if (late !== undefined) return `nothing is late, but a pane says it is: ${JSON.stringify(late)}`
    return differenceText(expected.map(stampedTextOf), panes.map(stampedTextOf))
  }
  const actual = expected.map((content) => ({ ...content, values: finalValues(panes, content, program) }))
  const strays = panes.filter((pane) => !expected.some((content) => isWithin(pane, content)))
  return differenceText(expected.map(textOf), [...actual, ...strays].map(textOf))
}

/** What a key and window held in the end. A session's first panes lie in the smaller windows that it grew from. */
function finalValues(
  panes: readonly Pane[],
  content: Content,
  { accumulation, groupings }: Program,
): readonly number[] {
  const { reduction } = groupings.at(-1) as Grouping
  const within = panes.filter((pane) => isWithin(pane, content))
  if (accumulation === 'discarding' || reduction === 'timedCount') {
    return united(
      within.map(({ values }) => values),
      reduction,
    )
  }
  const ofWindow = within.filter(({ start, end }) => start === content.start && end === content.end)
  return (
    ofWindow.reduce((last, pane) => (pane.pane.index > last.pane.index ? pane : last), ofWindow[0] as Pane)?.values ??
    []
  )
}

/** Panes are inside their window, and at its end unless timestamps are combined otherwise. */
function isStampedWell({ timestamp, start, end }: Pane, { timestampCombiner }: Program): boolean {
  return timestampCombiner === 'endOfWindow' ? timestamp === end - 1 : timestamp >= start && timestamp < end
}

function isWithin(pane: Content, content: Content): boolean {
  return pane.key === content.key && pane.start >= content.start && pane.end <= content.end
}

function textOf({ key, start, end, values }: Content): string {
  return `${key} [${start}, ${end}): ${[...values].sort((a, b) => a - b).join(' ')}`
}

function stampedTextOf(content: Content): string {
  return `@${content.timestamp} ${textOf(content)}`
}
