/**
 * What a checkpoint keeps of a step, as rows of keys, windows and values. The form of each part lies with the checkpoint, so it is read
 * without the pipeline; with the pipeline, its own codecs say what values are.
 */
import { ByteReader, type Coder, decodeFromBytes, dynamicCoder, windowedValueCoder } from '../../sdk/coders/index.js'
import { coderOf } from '../../sdk/graph/coders.js'
import { coderOfShape, type CoderShape } from '../../sdk/graph/coder-shape.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { theGlobalWindowCoder, windowCoderWith } from '../../sdk/windowing/window-coder.js'
import { numberOf } from '../core/cells/kept-cells.js'
import { type CellDecoding, decodeGrouping, decodeRecords } from '../core/kept-decoding.js'
import type { KeptEntry } from '../core/kept-state.js'
import type { LivePart, PartShape, WindowsShape } from './migration/kept-shape.js'

/** Something that is kept. */
export interface KeptRow {
  /** What holds it: a state cell or timer by name, `values` of a grouping, a side input by name, `elements`, `work`, `collected`. */
  readonly state: string
  readonly kind: string
  /** Of what has no keys, `undefined`. */
  readonly key: unknown
  readonly hasKey: boolean
  readonly window: BoundedWindow | undefined
  readonly value: unknown
}

const SIDE_PART = 'p'.charCodeAt(0)

/** The rows of a part. @param live - the part as the pipeline has it, where that is at hand and the same. */
export function keptRows(
  entries: readonly KeptEntry[],
  shape: PartShape,
  live?: { readonly part: LivePart; readonly built: BuiltPipeline },
): readonly KeptRow[] {
  const coder = (of: CoderShape | undefined, id: string | undefined): Coder<unknown> =>
    live !== undefined && id !== undefined ? coderOf(live.built, id) : coderOfShape(of ?? { coder: 'dynamic' })
  const ids = live?.part.coders
  const value = coder(shape.value, ids?.valueId)
  const window = windowCoder(shape.windows)
  switch (shape.keeps) {
    case 'state': {
      const cells = shape.cells.map((cell, at): CellDecoding => {
        const own = ids?.cells[at]
        const of = coder(cell.value, own?.value)
        return { ...cell, value: of, key: cell.key === undefined ? of : coder(cell.key, own?.key) }
      })
      const timers = shape.timers.map(({ name }) => name)
      const rows = decodeRecords(entries, { key: coder(shape.key, ids?.keyId), window, cells, timers })
      return rows.map(({ name, ...row }) => ({ ...row, state: name, hasKey: true }))
    }
    case 'grouping':
      return decodeGrouping(entries, coder(shape.key, ids?.keyId), window, value, shape.isList).map(
        ({ role, ...row }) => ({ ...row, state: 'values', kind: role, hasKey: true }),
      )
    case 'side':
      return sideRows(entries, shape, value, window)
    case 'elements':
      return entries.flatMap(({ id, content }) => (id.length === 0 ? [] : [elementRow(content, value, window, true)]))
    case 'collected':
      return entries.flatMap(({ content }) =>
        (decodeFromBytes(dynamicCoder, content) as readonly Uint8Array[]).map((bytes) => ({
          ...elementRow(bytes, value, window, false),
          state: 'collected',
        })),
      )
    case 'work':
      return workRows(entries, coder(shape.restriction, ids?.restrictionId))
    case 'script':
      return []
  }
}

function windowCoder(shape: WindowsShape | undefined): Coder<BoundedWindow> {
  if (shape === undefined || shape.coder === 'global') return theGlobalWindowCoder
  return windowCoderWith(shape.coder === 'interval' ? undefined : coderOfShape(shape.coder))
}

function elementRow(
  content: Uint8Array,
  value: Coder<unknown>,
  window: Coder<BoundedWindow>,
  nested: boolean,
): KeptRow {
  const element = windowedValueCoder(value, window).decode(new ByteReader(content), nested)
  return { state: 'elements', kind: 'element', key: undefined, hasKey: false, window: element.windows[0], value: element.value } // prettier-ignore
}

function sideRows(
  entries: readonly KeptEntry[],
  { part, step }: PartShape,
  value: Coder<unknown>,
  window: Coder<BoundedWindow>,
): readonly KeptRow[] {
  const state = part.slice(step.length + 1 + 'side/'.length)
  return entries.flatMap(({ id, content }) => {
    if (id[0] !== SIDE_PART) return []
    const name = new ByteReader(id)
    name.byte()
    const of = window.decode(name, true)
    const rows: KeptRow[] = []
    for (const input = new ByteReader(content); input.remaining > 0;) {
      numberOf(input)
      rows.push({ state, kind: 'side input', key: undefined, hasKey: false, window: of, value: value.decode(input, true) }) // prettier-ignore
    }
    return rows
  })
}

function workRows(entries: readonly KeptEntry[], restriction: Coder<unknown>): readonly KeptRow[] {
  return entries.flatMap(({ id, content }) => {
    if (id.length === 0) return []
    const work = decodeFromBytes(dynamicCoder, content) as {
      readonly restriction: Uint8Array
      readonly watermark: number
    }
    const value = { restriction: decodeFromBytes(restriction, work.restriction), watermark: work.watermark }
    return [{ state: 'work', kind: 'restriction', key: undefined, hasKey: false, window: undefined, value }]
  })
}
