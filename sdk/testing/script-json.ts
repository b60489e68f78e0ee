/**
 * Scripts as JSON: times as numbers, elements as the bytes of their coder in hex, so that what a file holds is what would
 * go over a wire.
 *
 * Law: `eventsOf(scriptJson(events, codec), codec)` equals `events`.
 */
import * as t from 'io-ts'
import type { Codec } from '../codec.js'
import { decodeFromBytes, dynamicCoder, encodeToBytes, type Coder } from '../coders/index.js'
import { coderOfCodec } from '../graph/coders.js'
import type { TestStreamEvent } from '../graph/model.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'

const elementJson = t.readonly(t.type({ timestamp: t.number, bytes: t.string }))
const eventJson = t.union([
  t.readonly(t.type({ elements: t.readonlyArray(elementJson) })),
  t.readonly(t.type({ watermark: t.number })),
  t.readonly(t.type({ advanceMillis: t.number })),
])
const json = t.type({ events: t.readonlyArray(eventJson) })

/** An event of a script as JSON: elements, a move of the watermark, or a move of the clock. */
export type EventJson =
  | { readonly elements: readonly { readonly timestamp: number; readonly bytes: string }[] }
  | { readonly watermark: number }
  | { readonly advanceMillis: number }

/** A script as JSON. */
export interface ScriptJson {
  readonly events: readonly EventJson[]
}

/** Events as JSON. */
export function scriptJson(events: readonly TestStreamEvent[], codec: Codec | undefined): ScriptJson {
  const coder = coderFor(codec)
  return {
    events: events.map((event): EventJson => {
      if (event.kind === 'watermark') return { watermark: event.timestamp }
      if (event.kind === 'processingTime') return { advanceMillis: event.advanceMillis }
      return {
        elements: event.elements.map(({ timestamp, value }) => ({
          timestamp,
          bytes: hexOf(encodeToBytes(coder, value)),
        })),
      }
    }),
  }
}

/** The events that JSON stands for. @throws {PipelineError} when it is no script, {@link DecodeError} when bytes are no element. */
export function eventsOf(given: unknown, codec: Codec | undefined): readonly TestStreamEvent[] {
  const coder = coderFor(codec)
  if (!json.is(given))
    refuse('MR-8006', `a script as JSON is { events: […] }, as toJSON() of a script gives, but got ${preview(given)}.`)
  return given.events.map((event): TestStreamEvent => {
    if ('watermark' in event) return { kind: 'watermark', timestamp: event.watermark }
    if ('advanceMillis' in event) return { kind: 'processingTime', advanceMillis: event.advanceMillis }
    return {
      kind: 'elements',
      elements: event.elements.map(({ timestamp, bytes }) => ({
        timestamp,
        value: decodeFromBytes(coder, bytesOf(bytes)),
      })),
    }
  })
}

function coderFor(codec: Codec | undefined): Coder<unknown> {
  return codec === undefined ? dynamicCoder : coderOfCodec(codec)
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function bytesOf(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/.test(hex))
    refuse('MR-8006', `the bytes of an element of a script are hex, but are ${preview(hex)}.`)
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
