/**
 * Picture of a splittable source: a range of records that a run reads in several calls. A call ends when the runner takes the
 * rest of its range away; what is left becomes work of its own.
 */
import { OffsetRangeTracker, pipeline, source, typed, watermarks } from 'millrace'
import { directRunner } from 'millrace/direct'
import { picture, tag, text } from './svg.js'
import { scale } from './time-time.js'

/** A call of `process`: the range it was given, and the records it has read. */
interface Call {
  readonly from: number
  /** End of the range when the call began. */
  readonly end: number
  readonly read: number[]
}

const RECORDS = 24

async function callsOf(): Promise<readonly Call[]> {
  const calls: Call[] = []
  const p = pipeline()
  p.apply(
    'records',
    source({
      output: typed<number>(),
      bounded: true,
      replayable: true,
      watermark: watermarks.none(),
      restriction: () => ({ from: 0, to: RECORDS }),
      restrictionCodec: typed<{ from: number; to: number }>(),
      tracker: (range) => new OffsetRangeTracker(range),
      process(_, tracker, { emit }) {
        const { from, to } = tracker.currentRestriction()
        const call: Call = { from, end: to, read: [] }
        calls.push(call)
        for (let record = from; tracker.tryClaim(record); record++) {
          call.read.push(record)
          emit(record)
        }
      },
    }),
  ).collect('read')
  const result = await directRunner().start(p.build(), { strict: true, seed: 4, bundleSize: 7 }).result
  const read = new Set(result.collect<number>('read'))
  if (read.size !== RECORDS) throw new Error(`${read.size} of ${RECORDS} records were read`)
  return calls
}

const [WIDTH, LEFT, RIGHT, ROW] = [680, 96, 24, 34]
const TITLE = 'A splittable source: 24 records, read in several calls'

/** The picture. */
export async function splitPicture(): Promise<string> {
  const calls = await callsOf()
  const x = scale([0, RECORDS], [LEFT, WIDTH - RIGHT])
  const cell = (WIDTH - LEFT - RIGHT) / RECORDS
  const body = [text(24, 24, TITLE, { class: 'title' })]
  const top = 62
  for (let n = 0; n <= RECORDS; n += 4) {
    body.push(text(x(n), top - 10, String(n), { class: 'small mid f-soft' }))
    body.push(tag('line', { x1: x(n), x2: x(n), y1: top - 6, y2: top + calls.length * ROW, class: 's-grid' }))
  }
  calls.forEach(({ from, end, read }, row) => {
    const y = top + row * ROW
    body.push(text(24, y + 19, `call ${row + 1}`, { class: 'small f-soft' }))
    const range = { x: x(from), y: y + 3, width: x(end) - x(from), height: ROW - 10, rx: 5 }
    body.push(tag('rect', { ...range, class: 'f-window s-edge', 'stroke-dasharray': '3 3' }))
    for (const record of read) {
      body.push(
        tag('rect', { x: x(record) + 1.5, y: y + 6, width: cell - 3, height: ROW - 16, rx: 3, class: 'f-first' }),
      )
    }
  })
  const bottom = top + calls.length * ROW
  const words = 'filled: records that the call has read   ·   dashed: the range it was given'
  body.push(text(24, bottom + 22, words, { class: 'small f-soft' }))
  const description = `The range from 0 to ${RECORDS} is read in ${calls.length} calls. The runner cuts ranges where it likes; every record is read exactly once.`
  return picture({ width: WIDTH, height: bottom + 38, title: TITLE, description }, body)
}
