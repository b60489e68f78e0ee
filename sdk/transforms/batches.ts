/**
 * Batches: values of a key handed on several at a time, for consumers that take many as easily as one, such as a service
 * with bulk requests. A batch is a matter of how the work is done: which values share one means nothing.
 *
 * Law: every value of a key and window is in exactly one batch of it, in the order in which values came. No batch is empty, has
 * more than `size` values, or, unless it is a single value, more than `bytes` bytes.
 */
import type { ErrorCode } from '../error-codes.js'
import { type Coder, encodeToBytes } from '../coders/index.js'
import { typed } from '../codec.js'
import { type CollectionRef, reservedName } from '../graph/builder.js'
import { coderOf } from '../graph/coders.js'
import type { StateSpecNode } from '../graph/model.js'
import { authorPath } from '../graph/names.js'
import { refuseUnknownOptions } from '../known-options.js'
import { type KV, kv } from '../kv.js'
import type { PCollection } from '../pcollection.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { BagState, ValueState } from '../state/state-cell.js'
import { state } from '../state/state-spec.js'
import { type ProcessingTimeTimer, timer } from '../state/timer-spec.js'
import { type Duration, durationMillis } from '../time.js'
import type { AnyDoFn } from './do-fn.js'
import { refuseMerging } from './groupable.js'
import { addStep } from './step.js'

/** When a batch goes on; the first of those given decides, and at least one is. */
export interface GroupIntoBatchesOptions {
  /** Most values in a batch, from 1. */
  readonly size?: number
  /** Most bytes of a batch's values, each by the collection's coder, from 1. A value that alone has more is a batch of its own. */
  readonly bytes?: number
  /** Longest time, by the runner's clock and above 0, that the first value of a batch waits for others. */
  readonly maxBuffering?: Duration
}

const OPTIONS = { size: true, bytes: true, maxBuffering: true } satisfies Record<keyof GroupIntoBatchesOptions, true>

/** The options, checked. */
interface Limits {
  readonly size: number
  readonly bytes: number
  /** Undefined: only the window's end. */
  readonly bufferingMillis: number | undefined
}

interface Cells {
  readonly batch: BagState<unknown>
  readonly count: ValueState<number, number>
  readonly weight: ValueState<number, number>
}

/** What the step's functions see; written out because the engine's types are not inferred here. */
interface Call {
  /** Not when an element is processed, which has it. */
  readonly key: unknown
  readonly state: Cells
  readonly timers: { readonly waited: ProcessingTimeTimer }
  readonly emit: (batch: KV<unknown, readonly unknown[]>) => void
}

/**
 * The values of each key in batches, within each window. What is left when the window expires is its last batch. A batch has the
 * timestamp of the value at which it was put out; one that has waited long enough, of its first value; the last one, the
 * window's last. Windows that merge are refused.
 *
 * Needs bag and value state of the runner, and with `maxBuffering` processing-time timers.
 *
 * @throws {PipelineError} when an option is unknown or wrong, none is given, or the input is not keyed or in merging windows.
 * @example
 * ```ts
 * import { groupIntoBatches, pipeline, run } from 'millrace'
 * const p = pipeline()
 * p.create('rows', [1, 2, 3, 4, 5])
 *   .keyBy('table', () => 'orders')
 *   .apply('requests', groupIntoBatches({ size: 2, maxBuffering: '10 seconds' }))
 *   .values('rows of each')
 *   .collect('out')
 * const result = await run(p)
 * result.collect('out') // => [[1, 2], [3, 4], [5]]
 * ```
 */
export function groupIntoBatches(
  options: GroupIntoBatchesOptions,
): <K, V>(keyed: PCollection<KV<K, V>>) => PCollection<KV<K, readonly V[]>> {
  const limits = limitsOf(options)
  return (keyed) => keyed.derive(addBatches(keyed, limits))
}

function addBatches(input: CollectionRef, limits: Limits): CollectionRef {
  const { builder } = input
  const { coders } = builder
  const name = reservedName('batch')
  const [keyCoder, valueCoder] = builder.keyedCoders(input)
  refuseMerging(input, authorPath(builder.pathOf(name)), 'groupIntoBatches keeps values')
  // Nobody weighs what may weigh anything.
  const coder = limits.bytes === Infinity ? undefined : coderOf(builder.build(''), valueCoder)
  const cells: readonly (readonly [string, StateSpecNode])[] = [
    ['batch', { kind: 'bag', elementCoderId: valueCoder }],
    ['count', { kind: 'readModifyWrite', coderId: coders.dynamic() }],
    ['weight', { kind: 'readModifyWrite', coderId: coders.dynamic() }],
  ]
  return addStep(input, {
    name,
    fn: { kind: 'doFn', doFn: doFnOf(limits, coder), tags: ['out'], allowedSkewMillis: 0, options: {} },
    outputs: () => [{ tag: 'out', coderId: coders.kv(keyCoder, coders.iterable(valueCoder)) }],
    states: () => new Map(cells),
    timers: new Map(
      limits.bufferingMillis === undefined ? [] : [['waited', { timeDomain: 'processingTime', isFamily: false }]],
    ),
    onWindowExpiration: true,
  })[0] as CollectionRef
}

function doFnOf({ size, bytes, bufferingMillis }: Limits, coder: Coder<unknown> | undefined): AnyDoFn {
  const waits = bufferingMillis !== undefined
  const putOut = (key: unknown, { state: { batch, count, weight }, emit }: Omit<Call, 'key'>): void => {
    emit(kv(key, [...batch.read()]))
    batch.clear()
    count.clear()
    weight.clear()
  }
  const process = ({ key, value }: KV<unknown, unknown>, call: Omit<Call, 'key'>): void => {
    const { batch, count, weight } = call.state
    const own = coder === undefined ? 0 : encodeToBytes(coder, value).length
    let [before, sofar] = [count.read(), weight.read()]
    if (before > 0 && sofar + own > bytes) {
      putOut(key, call)
      if (waits) call.timers.waited.clear()
      before = sofar = 0
    }
    batch.add(value)
    if (before + 1 >= size || sofar + own >= bytes) {
      putOut(key, call)
      if (waits && before > 0) call.timers.waited.clear()
      return
    }
    count.write(before + 1)
    if (coder !== undefined) weight.write(sofar + own)
    if (waits && before === 0) call.timers.waited.setRelative(bufferingMillis)
  }
  const rest = (call: Call): void => {
    if (call.state.count.read() > 0) putOut(call.key, call)
  }
  const zero = { initial: 0 }
  return {
    state: {
      batch: state.bag(typed<unknown>()),
      count: state.value(typed<number>(), zero),
      weight: state.value(typed<number>(), zero),
    },
    ...(waits ? { timers: { waited: timer.processingTime() }, onTimer: { waited: rest } } : {}),
    process,
    onWindowExpiration: rest,
  }
}

function limitsOf(options: GroupIntoBatchesOptions): Limits {
  const fail = (code: ErrorCode, message: string): never => refuse(code, `groupIntoBatches ${message}`)
  if (typeof options !== 'object' || options === null) fail('MR-1003', 'needs options, for example { size: 100 }.')
  refuseUnknownOptions('groupIntoBatches', options, OPTIONS)
  const { size, bytes, maxBuffering } = options
  if (size === undefined && bytes === undefined && maxBuffering === undefined)
    fail('MR-1003', 'needs size, bytes or maxBuffering, for example { size: 100 }.')
  for (const [name, limit] of [
    ['size', size],
    ['bytes', bytes],
  ] as const) {
    if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1))
      fail('MR-1002', `needs ${name} to be a whole number from 1, but got ${preview(limit)}.`)
  }
  const bufferingMillis =
    maxBuffering === undefined ? undefined : durationMillis(maxBuffering, 'maxBuffering of groupIntoBatches')
  if (bufferingMillis === 0) fail('MR-1002', 'needs maxBuffering to be above 0, because nothing waits for no time.')
  return { size: size ?? Infinity, bytes: bytes ?? Infinity, bufferingMillis }
}
