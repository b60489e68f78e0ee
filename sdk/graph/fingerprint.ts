/**
 * The fingerprint of a graph: what must stay the same for state and timers kept by an earlier run to still mean what
 * they meant. It covers steps and their inputs, windowing, state cells, timers and codecs. It leaves out code, the
 * author's lines, options and the values of the program itself, which may change between two runs.
 *
 * Law: equal graphs have equal fingerprints, in whatever order their steps were written down; two graphs that differ
 * in something covered differ in the fingerprint, and `firstDifference` says in words where.
 *
 * A codec is known by its name, and a row by its fields besides. Limit: io-ts builds names from the shape, but a Standard
 * Schema without a schema has only the name of its library, so a change inside one is not seen.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { canonicalHash } from '../coders/canonical-hash.js'
import { fieldTypeText, type Schema } from '../schema/schema.js'
import type { WindowingStrategy } from '../windowing/windowing-strategy.js'
import {
  type Components,
  type ExternalPayload,
  leafTransforms,
  type ParDoPayload,
  type PipelineGraph,
  type StateSpecNode,
  type TransformNode,
} from './model.js'
import * as urns from './urns.js'

/** One thing that is covered: `of` the step, or a part of it, an attribute has a value. */
export interface FingerprintEntry {
  readonly step: string
  /** The part of the step, in words: `the step`, `its output`, `state cell "total"`. */
  readonly of: string
  /** What of it, in words: `codec`, `allowed lateness`. */
  readonly attribute: string
  readonly value: string
}

/** A fingerprint, with what it was made of: kept beside it, so that a difference can be named. */
export interface GraphFingerprint {
  /** sha-256 of the entries, in hexadecimal. */
  readonly hash: string
  readonly entries: readonly FingerprintEntry[]
}

/** Changes when the same graph gets other entries. */
const FORMAT = 2

/**
 * The fingerprint of a graph.
 *
 * @example
 * ```ts
 * import { pipeline } from 'millrace'
 * import { graphFingerprint } from './fingerprint.js'
 * const p = pipeline()
 * p.create('numbers', [1, 2]).print('show')
 * graphFingerprint(p.build().graph).hash.length // => 64
 * ```
 */
export function graphFingerprint(graph: PipelineGraph): GraphFingerprint {
  let known = KNOWN.get(graph)
  if (known === undefined) KNOWN.set(graph, (known = fingerprintOf(graph)))
  return known
}

/** Graphs do not change once they are built, and a driver, its standbys and its workers may all ask. */
const KNOWN = new WeakMap<PipelineGraph, GraphFingerprint>()

function fingerprintOf(graph: PipelineGraph): GraphFingerprint {
  const entries = leafTransforms(graph)
    .flatMap(([, node]) => entriesOf(node, graph.components))
    .sort(byPlace)
  const text = JSON.stringify([
    'millrace graph',
    FORMAT,
    entries.map(({ step, of, attribute, value }) => [step, of, attribute, value]),
  ])
  const digest = sha256(new TextEncoder().encode(text))
  return { hash: Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''), entries }
}

/** One thing in which two graphs differ. */
export interface GraphDifference {
  /** Unique name of the step. */
  readonly step: string
  /** `gone` and `new` are whole steps; else something of a step that both have. */
  readonly kind: 'gone' | 'new' | 'changed'
  /** Whether it is how values are written, and nothing else. */
  readonly isCodec: boolean
  /** As a sentence without its step: `is gone`, `changed its kind from A to B`, `its output changed its codec from A to B`. */
  readonly text: string
  /** The part of the step that differs. */
  readonly of: string
}

/**
 * What makes two fingerprints differ, as a sentence: steps that came or went before settings that changed.
 *
 * @returns `undefined` when they are equal.
 */
export function firstDifference(before: GraphFingerprint, after: GraphFingerprint): string | undefined {
  if (before.hash === after.hash) return undefined
  const all = differences(before, after)
  const gone = all.find(({ kind }) => kind === 'gone')
  const added = all.find(({ kind }) => kind === 'new')
  if (gone !== undefined && added !== undefined) return `step "${gone.step}" is gone, and step "${added.step}" is new`
  const first = gone ?? added ?? all[0]
  if (first === undefined) return 'the fingerprints were made by versions of millrace that write them differently'
  const { step, of, text } = first
  return `step "${step}"${of === THE_STEP ? '' : ':'} ${text}`
}

/** All that makes two fingerprints differ: steps that went, steps that came, and then what changed, by step. */
export function differences(before: GraphFingerprint, after: GraphFingerprint): readonly GraphDifference[] {
  const steps = (of: GraphFingerprint): readonly string[] => [...new Set(of.entries.map(({ step }) => step))]
  const [earlier, later] = [new Set(steps(before)), new Set(steps(after))]
  const whole = (step: string, kind: 'gone' | 'new'): GraphDifference => ({
    step,
    kind,
    isCodec: false,
    text: `is ${kind}`,
    of: THE_STEP,
  })
  const gone = [...earlier].filter((step) => !later.has(step)).map((step) => whole(step, 'gone'))
  const added = [...later].filter((step) => !earlier.has(step)).map((step) => whole(step, 'new'))
  const was = new Map(before.entries.map((entry) => [placeOf(entry), entry]))
  const is = new Map(after.entries.map((entry) => [placeOf(entry), entry]))
  const parts = (of: GraphFingerprint): ReadonlySet<string> => new Set(of.entries.map(partOf))
  const [partsBefore, partsAfter] = [parts(before), parts(after)]
  // A codec's name changes with its fields, so fields are looked at first: they say what has changed.
  const isField = ({ attribute }: FingerprintEntry): number => (attribute.startsWith(FIELD) ? 0 : 1)
  const both = [...before.entries, ...after.entries]
    .filter(({ step }) => earlier.has(step) && later.has(step))
    .sort((a, b) => byText(a.step, b.step) || byText(a.of, b.of) || isField(a) - isField(b) || byPlace(a, b))
  const changed = new Map<string, GraphDifference>()
  for (const entry of both) {
    const place = placeOf(entry)
    const [from, to] = [was.get(place)?.value ?? 'none', is.get(place)?.value ?? 'none']
    if (from === to) continue
    const { step, of, attribute } = entry
    const part = partOf(entry)
    const there = partsAfter.has(part) ? (partsBefore.has(part) ? undefined : 'new') : 'gone'
    const text = there === undefined ? `changed its ${attribute} from ${from} to ${to}` : `is ${there}`
    const isCodec = there === undefined && (attribute.startsWith('codec') || attribute.startsWith(FIELD))
    const key = there === undefined ? place : part
    const sentence = of === THE_STEP ? text : `${of} ${text}`
    if (!changed.has(key)) changed.set(key, { step, kind: 'changed', isCodec, text: sentence, of })
  }
  return [...gone, ...added, ...changed.values()]
}

function partOf({ step, of }: FingerprintEntry): string {
  return JSON.stringify([step, of])
}

// ---- entries -------------------------------------------------------------------------------------------------------

const THE_STEP = 'the step'

function entriesOf(node: TransformNode, components: Components): readonly FingerprintEntry[] {
  const { spec } = node
  // A view: it is covered by the step that reads it.
  if (spec === undefined) return []
  const entries: FingerprintEntry[] = []
  const add = (of: string, attribute: string, value: string): void => {
    entries.push({ step: node.uniqueName, of, attribute, value })
  }
  add(THE_STEP, 'kind', kindNames.get(spec.urn) ?? spec.urn)
  addInputs(node, components, add)
  if (spec.urn === urns.PAR_DO) addParDo(spec.payload, components, add)
  if (spec.urn === urns.EXTERNAL) addExternal(spec.payload, add)
  if ('payload' in spec && 'accumulatorCoderId' in spec.payload)
    add('its accumulator', 'codec', coderText(spec.payload.accumulatorCoderId, components))
  for (const [tag, id] of node.outputs) {
    const output = components.collections.get(id)
    if (output === undefined) continue
    const name = tag === 'out' ? 'its output' : `output "${tag}"`
    add(name, 'codec', coderText(output.coderId, components))
    addFields(name, output.coderId, components, add)
    add(name, 'size', output.isBounded ? 'bounded' : 'unbounded')
    const strategy = components.windowingStrategies.get(output.windowingStrategyId)
    if (strategy !== undefined) addWindowing(name, strategy, add)
  }
  return entries
}

/** One entry for each field of a row, so that a difference names the field. */
function addFields(of: string, coderId: string, components: Components, add: Add): void {
  const visitRow = (path: string, { fields }: Schema): void =>
    fields.forEach(({ name, type, encodingPosition }, i) => {
      const text = type.kind === 'row' ? `row${type.nullable ? '?' : ''}` : fieldTypeText(type)
      const position = encodingPosition ?? i
      add(of, `${FIELD}${path}${name}"`, `${text} at position ${position}`)
      if (type.kind === 'row') visitRow(`${path}${name}.`, type.schema)
    })
  const visit = (path: string, id: string): void => {
    const node = components.coders.get(id)
    if (node?.schema !== undefined) visitRow(path, node.schema)
    const parts = node?.componentCoderIds ?? []
    if (node?.urn === urns.KV_CODER) parts.forEach((part, i) => visit(`${path}${i === 0 ? 'key' : 'value'}.`, part))
    else parts.forEach((part, i) => visit(parts.length === 1 ? path : `${path}${i}.`, part))
  }
  visit('', coderId)
}

/** How the attribute of a field begins. */
const FIELD = 'field "'

type Add = (of: string, attribute: string, value: string) => void

/** A union has its inputs in no order; every other step reads them by name. */
function addInputs(node: TransformNode, components: Components, add: Add): void {
  const named = [...node.inputs].map(([tag, id]): [string, string] => [
    tag,
    `"${components.collections.get(id)?.uniqueName ?? id}"`,
  ])
  if (node.spec?.urn === urns.FLATTEN) {
    const inputs = named.map(([, name]) => name).sort(byText)
    add(THE_STEP, 'inputs', inputs.length === 0 ? 'none' : inputs.join(', '))
    return
  }
  for (const [tag, name] of named) add(tag === 'in' ? 'its input' : `input "${tag}"`, 'source', name)
}

function addParDo(payload: ParDoPayload, components: Components, add: Add): void {
  for (const [name, side] of payload.sideInputs) {
    add(`side input "${name}"`, 'access', side.accessPattern === urns.SIDE_MULTIMAP ? 'by key' : 'as a whole')
    if (side.windowMappingFn !== undefined) add(`side input "${name}"`, 'windows', 'by a function')
  }
  for (const [name, cell] of payload.stateSpecs) addStateCell(`state cell "${name}"`, cell, components, add)
  for (const [name, timer] of payload.timerSpecs) {
    add(`timer "${name}"`, 'time', timer.timeDomain)
    if (timer.isFamily) add(`timer "${name}"`, 'tags', 'many')
  }
  if (payload.restrictionCoderId !== '')
    add('its restriction', 'codec', coderText(payload.restrictionCoderId, components))
  if (payload.delivery !== undefined) {
    add('its delivery', 'codec', coderText(payload.delivery.coderId, components))
    addFields('its delivery', payload.delivery.coderId, components, add)
  }
  if (payload.requestsFinalization) add('bundleFinalizer', 'presence', 'declared')
  if (payload.onWindowExpiration) add('onWindowExpiration', 'presence', 'declared')
  if (payload.requiresTimeSortedInput) add('its input', 'order', 'by time')
}

function addStateCell(of: string, cell: StateSpecNode, components: Components, add: Add): void {
  // An author's word.
  add(of, 'kind', cell.kind === 'readModifyWrite' ? 'value' : cell.kind)
  if ('keyCoderId' in cell) add(of, 'codec of keys', coderText(cell.keyCoderId, components))
  const coderId = valueCoderOf(cell)
  add(of, 'codec', coderText(coderId, components))
  addFields(of, coderId, components, add)
}

function valueCoderOf(cell: StateSpecNode): string {
  if (cell.kind === 'readModifyWrite') return cell.coderId
  if (cell.kind === 'combining') return cell.accumulatorCoderId
  return 'elementCoderId' in cell ? cell.elementCoderId : cell.valueCoderId
}

/** Where the service is says nothing of what is computed. */
function addExternal({ urn, configuration }: ExternalPayload, add: Add): void {
  add(THE_STEP, 'transform', urn)
  const bytes = configuration instanceof Uint8Array ? configuration : configuration.row
  add(THE_STEP, 'configuration', canonicalHash(bytes).toString(16))
}

function addWindowing(of: string, strategy: WindowingStrategy, add: Add): void {
  // What a grouping takes is decided when it is built.
  const { windowFn, trigger, allowsUnsafeTrigger: _, ...rest } = strategy
  const { kind, ...payload } = windowFn.payload
  add(of, 'windows', plainText({ kind, ...payload }))
  add(of, 'WindowFn', windowFn.urn)
  add(of, 'trigger', plainText(trigger))
  for (const [name, value] of Object.entries(rest)) add(of, attributeNames.get(name) ?? name, plainText(value))
}

const attributeNames: ReadonlyMap<string, string> = new Map([
  ['mergeStatus', 'merging'],
  ['accumulationMode', 'accumulation'],
  ['timestampCombiner', 'timestamp combiner'],
  ['allowedLatenessMillis', 'allowed lateness in milliseconds'],
  ['closingBehavior', 'behaviour at closing'],
  ['onTimeBehavior', 'behaviour on time'],
  ['lateData', 'handler of late data'],
])

const kindNames: ReadonlyMap<string, string> = new Map([
  [urns.IMPULSE, 'Impulse'],
  [urns.PAR_DO, 'ParDo'],
  [urns.FLATTEN, 'Flatten'],
  [urns.GROUP_BY_KEY, 'GroupByKey'],
  [urns.WINDOW_INTO, 'WindowInto'],
  [urns.COMBINE_PER_KEY, 'Combine.perKey'],
  [urns.COMBINE_GROUPED, 'Combine.groupedValues'],
  [urns.RESHUFFLE, 'Reshuffle'],
  [urns.TEST_STREAM, 'TestStream'],
  [urns.EXTERNAL, 'external'],
  [urns.COLLECT, 'collect'],
  [urns.PRINT, 'print'],
])

/** A coder for people: `KV<string, { user: string, cents: number }>`. */
export function coderText(id: string, components: Components): string {
  const node = components.coders.get(id)
  if (node === undefined) return `no coder "${id}"`
  const parts = node.componentCoderIds.map((part) => coderText(part, components))
  switch (node.urn) {
    case urns.DYNAMIC_CODER:
      return 'dynamic'
    case urns.CODEC_CODER:
    case urns.ROW_CODER:
      return node.codecName ?? 'a codec without a name'
    case urns.KV_CODER:
      return `KV<${parts.join(', ')}>`
    case urns.ITERABLE_CODER:
      return `Iterable<${parts.join(', ')}>`
    case urns.TAGGED_CODER:
      return `one of ${parts.join(', ')}`
    case urns.CHANGE_CODER:
      return `Change<${parts.join(', ')}>`
    case urns.RESULT_ROW_CODER:
      return `ResultRow<${parts.join(', ')}>`
    case urns.BYTES_CODER:
      return 'bytes'
    case urns.STRING_CODER:
      return 'string'
    case urns.VARINT_CODER:
      return 'int64'
    case urns.DOUBLE_CODER:
      return 'double'
    case urns.BOOL_CODER:
      return 'boolean'
    default:
      return parts.length === 0 ? node.urn : `${node.urn}<${parts.join(', ')}>`
  }
}

/** Plain data as text that does not depend on the order of fields: `fixed(offsetMillis 0, sizeMillis 1000)`. */
function plainText(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return `[${value.map(plainText).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const { kind, ...fields } = value as Readonly<Record<string, unknown>>
  const parts = Object.entries(fields)
    .filter(([, field]) => field !== undefined && typeof field !== 'function')
    .sort(([a], [b]) => byText(a, b))
    .map(([name, field]) => `${name} ${plainText(field)}`)
  const name = typeof kind === 'string' ? kind : ''
  return name !== '' && parts.length === 0 ? name : `${name}(${parts.join(', ')})`
}

function placeOf({ step, of, attribute }: FingerprintEntry): string {
  return JSON.stringify([step, of, attribute])
}

function byPlace(a: FingerprintEntry, b: FingerprintEntry): number {
  return byText(a.step, b.step) || byText(a.of, b.of) || byText(a.attribute, b.attribute)
}

/** By UTF-16 units: the same on every machine, whatever its language. */
function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
