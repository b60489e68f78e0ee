/**
 * Roots made from nothing: Impulse (one empty element that starts things) and Create (values of the program itself).
 */
import { refuse } from '../refuse.js'
import { type Codec, codecName, decodeWith, isTypeOnly, typed } from '../codec.js'
import { messageOf, PipelineError } from '../errors.js'
import { type CollectionRef, type GraphBuilder, nameText, reservedName, type StepName } from '../graph/builder.js'
import { refuseUnknownOptions } from '../known-options.js'
import { preview } from '../preview.js'
import { type OffsetRange, offsetRangeCodec, OffsetRangeTracker } from '../source/restriction-tracker.js'
import type { SplittableContext, SplittableDoFn } from '../source/splittable.js'
import { TIMESTAMP_MIN, toTimestamp, type Instant } from '../time.js'
import { addImpulse } from './impulse.js'
import { addSplittable } from './splittable.js'

/** Options of `create`. */
export interface CreateOptions<T, C extends Codec = Codec> {
  /** Describes the values. Default: the dynamic coder. */
  readonly codec?: C
  /** Event time of a value. Default: the beginning of time. */
  readonly timestamp?: (value: T) => Instant
}

/** A range of an array is read like a range of a file: position by position, so that a runner may cut it anywhere. */
export function addCreate(
  builder: GraphBuilder,
  name: StepName,
  values: Iterable<unknown>,
  options: CreateOptions<never> = {},
): CollectionRef {
  if (typeof values !== 'object' || values === null || typeof values[Symbol.iterator] !== 'function') {
    throw new PipelineError(
      'MR-1004',
      `create "${nameText(name)}" needs an array or another iterable of values, but got ${typeof values}.`,
      nameText(name),
    )
  }
  refuseUnknownOptions(`create "${nameText(name)}"`, options, { codec: true, timestamp: true }, nameText(name))
  const { timestamp, codec } = options
  const all =
    codec === undefined || isTypeOnly(codec)
      ? [...values]
      : Array.from(values, (value, i) => described(value, i, codec, nameText(name)))
  const timestamps =
    timestamp === undefined ? undefined : all.map((value, i) => timestampOf(value, i, timestamp, nameText(name)))
  return builder.scoped(
    name,
    [],
    () =>
      addSplittable(
        addImpulse(builder, reservedName('impulse')),
        reservedName('read'),
        arraySource(all, timestamps, codec),
      ).get('out') as CollectionRef,
    (out) => [out],
  )
}

/** A value as its codec has it. */
function described(value: unknown, index: number, codec: Codec, name: string): unknown {
  const where = `value ${index} of create "${name}"`
  let checked: unknown
  try {
    checked = decodeWith(codec, value)
  } catch (error) {
    return refuse('MR-4001', `${where}: ${messageOf(error)}`, name)
  }
  if (!(checked instanceof Promise)) return checked
  // Nobody will wait for it.
  checked.catch(() => undefined)
  return refuse(
    'MR-4006',
    `${where}: the ${codecName(codec)} checks asynchronously. Check with a map that has the codec.`,
    name,
  )
}

function timestampOf(value: unknown, index: number, timestamp: (value: never) => Instant, name: string): number {
  const instant = timestamp(value as never)
  try {
    return toTimestamp(instant)
  } catch (error) {
    return refuse(
      'MR-2002',
      `create "${name}" cannot place value ${index}, ${preview(value)}, in time: ${messageOf(error)}`,
      name,
    )
  }
}

function arraySource(
  values: readonly unknown[],
  timestamps: readonly number[] | undefined,
  codec: Codec | undefined,
): SplittableDoFn<unknown, OffsetRange, OffsetRangeTracker, Codec, undefined> {
  const process = (
    _element: unknown,
    tracker: OffsetRangeTracker,
    { emit, room }: SplittableContext<unknown, undefined>,
  ): void => {
    for (let at = tracker.currentRestriction().from; ;) {
      const asked = room()
      const granted = tracker.tryClaimBlock(at, asked)
      for (const end = at + granted; at < end; at++) {
        emit(values[at], timestamps === undefined ? TIMESTAMP_MIN : timestamps[at])
      }
      if (granted < asked) return
    }
  }
  return {
    output: codec ?? typed<unknown>(),
    bounded: true,
    replayable: true,
    watermark: { kind: 'none' },
    restriction: () => ({ from: 0, to: values.length }),
    restrictionCodec: offsetRangeCodec,
    split: (_element, range, parts) => splitRange(range, parts),
    tracker: (range) => new OffsetRangeTracker(range),
    elementAt: (_element, position) => values[position],
    ...(timestamps === undefined
      ? {}
      : { timestampAt: (_element: unknown, position: number) => timestamps[position] as number }),
    process,
  }
}

/** Cuts a range of offsets into at most `parts` pieces of nearly equal length. */
export function splitRange({ from, to }: OffsetRange, parts: number): readonly OffsetRange[] {
  const pieces: OffsetRange[] = []
  const size = Math.max(1, Math.ceil((to - from) / Math.max(1, parts)))
  for (let at = from; at < to; at += size) pieces.push({ from: at, to: Math.min(at + size, to) })
  return pieces
}
