/**
 * Panes in one byte of flags, followed by the indices where the flags do not tell them already.
 *
 * Bits 0 and 1: first, last. Bits 2 and 3: timing. The high half is the form: 0, both indices are 0 (early: 0 and −1);
 * 1, one index (the other is the same; early: −1); 2, both indices. Law: of the forms that decode to the same pane, the
 * shortest is written, which is Beam's choice for every pane that Beam can make.
 */
import { DecodeError } from '../errors.js'
import { preview } from '../preview.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import type { Coder } from './coder.js'

/** The shape of a PaneInfo. */
export interface PaneInfoLike {
  readonly isFirst: boolean
  readonly isLast: boolean
  readonly timing: 'early' | 'onTime' | 'late' | 'unknown'
  readonly index: number
  readonly nonSpeculativeIndex: number
}

const TIMINGS: readonly PaneInfoLike['timing'][] = ['early', 'onTime', 'late', 'unknown']
const EARLY = 0
const FIRST = 0x1
const LAST = 0x2
const FORM_SAME_INDEX = 0x10
const FORM_BOTH_INDICES = 0x20

class PaneInfoCoder implements Coder<PaneInfoLike> {
  /** Beam has no URN for it: panes occur as parts of its other coders only. */
  readonly urn = 'millrace:coder:pane_info:v1'
  readonly components = []
  readonly canonical = true

  encode(value: PaneInfoLike, out: ByteWriter): void {
    const timing = TIMINGS.indexOf(value.timing)
    const { index, nonSpeculativeIndex } = value
    if (timing < 0 || !Number.isSafeInteger(index) || !Number.isSafeInteger(nonSpeculativeIndex)) {
      throw new DecodeError('MR-4002', `expected a pane, got ${preview(value)}`)
    }
    const flags = (value.isFirst ? FIRST : 0) | (value.isLast ? LAST : 0) | (timing << 2)
    if (nonSpeculativeIndex !== impliedIndex(timing, index)) {
      out.byte(flags | FORM_BOTH_INDICES)
      out.varint(index)
      out.varint(nonSpeculativeIndex)
    } else if (index !== 0 || timing === EARLY) {
      out.byte(flags | FORM_SAME_INDEX)
      out.varint(index)
    } else {
      out.byte(flags)
    }
  }

  decode(input: ByteReader): PaneInfoLike {
    const start = input.position
    const first = input.byte()
    const form = first & 0xf0
    if (form > FORM_BOTH_INDICES) throw input.error(`0x${first.toString(16)} starts no pane`, start)
    const timing = (first >> 2) & 0x3
    const index = form === 0 ? 0 : readIndex(input)
    return {
      isFirst: (first & FIRST) !== 0,
      isLast: (first & LAST) !== 0,
      timing: TIMINGS[timing] as PaneInfoLike['timing'],
      index,
      nonSpeculativeIndex: form === FORM_BOTH_INDICES ? readIndex(input) : impliedIndex(timing, index),
    }
  }
}

/** The non-speculative index that need not be written. */
function impliedIndex(timing: number, index: number): number {
  return timing === EARLY ? -1 : index
}

function readIndex(input: ByteReader): number {
  const start = input.position
  const index = input.varint()
  if (typeof index === 'bigint') throw input.error(`pane index ${index}`, start)
  return index
}

/** Panes. */
export const paneInfoCoder: Coder<PaneInfoLike> = new PaneInfoCoder()
