/**
 * Element-wise transforms: what can be said about one element without looking at any other. They give the author's
 * function the value alone, so anything callable with one argument fits; a step that needs the timestamp, the window or
 * state is a `parDo`.
 */
import * as t from 'io-ts'
import type { Codec } from '../codec.js'
import { type CollectionRef, reservedName, type StepName, nameText } from '../graph/builder.js'
import { type Duration, durationMillis, type Instant } from '../time.js'
import { PipelineError } from '../errors.js'
import { type OptionNames, refuseUnknownOptions } from '../known-options.js'
import type { KV } from '../kv.js'
import type { StepOptions } from './do-fn.js'
import { addStep } from './step.js'

/** Options of a step whose output may be described by a codec. */
export interface MapOptions<C extends Codec = Codec> extends StepOptions {
  /** Describes the output: checks it, gives it a type and a coder. */
  readonly codec?: C
}

/** Options of `withTimestamps`. */
export interface TimestampOptions extends StepOptions {
  /** How far back a new timestamp may lie behind the old one. Default 0. */
  readonly allowedSkew?: Duration
}

type Fn = (value: never) => unknown

function checkFunction(fn: unknown, what: string, name: StepName): void {
  if (typeof fn === 'function') return
  const text = nameText(name)
  throw new PipelineError(
    'MR-1004',
    `${what} of step "${text}" must be a function, but is ${typeof fn}. The name comes first, then the function.`,
    text,
  )
}

const stepOptions: OptionNames<StepOptions> = { onError: true, retry: true, concurrency: true, ordered: true }
const mapOptions: OptionNames<MapOptions> = { ...stepOptions, codec: true }
const timestampOptions: OptionNames<TimestampOptions> = { ...stepOptions, allowedSkew: true }

function checkOptions(input: CollectionRef, name: StepName, options: object, names: object): void {
  const path = input.builder.pathOf(name)
  refuseUnknownOptions(`step "${path}"`, options, names, path)
}

export function addMap(input: CollectionRef, name: StepName, fn: Fn, options: MapOptions = {}): CollectionRef {
  checkFunction(fn, 'map', name)
  checkOptions(input, name, options, mapOptions)
  const { codec } = options
  return addStep(input, {
    name,
    options,
    fn: codec === undefined ? { kind: 'map', fn, options } : { kind: 'map', fn, codec, options },
    outputs: (path) => [{ tag: 'out', coderId: input.builder.coders.codec(path, 0, codec) }],
  })[0] as CollectionRef
}

/** A map of the SDK's own, whose output has a known coder. */
export function addCodedMap(input: CollectionRef, name: StepName, fn: Fn, coderId: string): CollectionRef {
  return addStep(input, {
    name,
    fn: { kind: 'map', fn, options: {} },
    outputs: () => [{ tag: 'out', coderId }],
  })[0] as CollectionRef
}

/** A flatMap of the SDK's own, whose outputs have a known coder. */
export function addCodedFlatMap(input: CollectionRef, name: StepName, fn: Fn, coderId: string): CollectionRef {
  return addStep(input, {
    name,
    fn: { kind: 'flatMap', fn, options: {} },
    outputs: () => [{ tag: 'out', coderId }],
  })[0] as CollectionRef
}

/** The keys of a keyed collection. */
export function addKeys(input: CollectionRef, name: StepName): CollectionRef {
  return addCodedMap(input, name, (pair: KV<unknown, unknown>) => pair.key, input.builder.keyedCoders(input)[0])
}

/** The values of a keyed collection. */
export function addValues(input: CollectionRef, name: StepName): CollectionRef {
  return addCodedMap(input, name, (pair: KV<unknown, unknown>) => pair.value, input.builder.keyedCoders(input)[1])
}

export function addFlatMap(input: CollectionRef, name: StepName, fn: Fn, options: MapOptions = {}): CollectionRef {
  checkFunction(fn, 'flatMap', name)
  checkOptions(input, name, options, mapOptions)
  const { codec } = options
  return addStep(input, {
    name,
    options,
    fn: codec === undefined ? { kind: 'flatMap', fn, options } : { kind: 'flatMap', fn, codec, options },
    outputs: (path) => [{ tag: 'out', coderId: input.builder.coders.codec(path, 0, codec) }],
  })[0] as CollectionRef
}

export function addFilter(input: CollectionRef, name: StepName, fn: Fn, options: StepOptions = {}): CollectionRef {
  checkFunction(fn, 'filter', name)
  checkOptions(input, name, options, stepOptions)
  const { coderId } = input.builder.collection(input.id)
  return addStep(input, {
    name,
    options,
    fn: { kind: 'filter', fn, options },
    outputs: () => [{ tag: 'out', coderId }],
  })[0] as CollectionRef
}

export function addKeyBy(input: CollectionRef, name: StepName, fn: Fn, options: MapOptions = {}): CollectionRef {
  checkFunction(fn, 'keyBy', name)
  checkOptions(input, name, options, mapOptions)
  const { builder } = input
  const valueCoder = builder.collection(input.id).coderId
  return addStep(input, {
    name,
    options,
    fn: { kind: 'keyBy', fn, constant: false, options },
    outputs: (path) => [
      { tag: 'out', coderId: builder.coders.kv(builder.coders.codec(path, 0, options.codec), valueCoder) },
    ],
  })[0] as CollectionRef
}

/** Makes every element its own key. */
export function addOwnKey(input: CollectionRef, name: StepName = reservedName('key')): CollectionRef {
  const { builder } = input
  const { coderId } = builder.collection(input.id)
  return addStep(input, {
    name,
    fn: { kind: 'keyBy', fn: (value: unknown) => value, constant: false, options: {} },
    outputs: () => [{ tag: 'out', coderId: builder.coders.kv(coderId, coderId) }],
  })[0] as CollectionRef
}

/** Gives every element one key, so that a global question can be asked per key. */
export function addConstantKey(input: CollectionRef): CollectionRef {
  const { builder } = input
  const valueCoder = builder.collection(input.id).coderId
  return addStep(input, {
    name: reservedName('key'),
    fn: { kind: 'keyBy', fn: () => null, constant: true, options: {} },
    outputs: (path) => [{ tag: 'out', coderId: builder.coders.kv(builder.coders.codec(path, 0, t.null), valueCoder) }],
  })[0] as CollectionRef
}

export function addTimestamps(
  input: CollectionRef,
  name: StepName,
  fn: (value: never) => Instant,
  options: TimestampOptions = {},
): CollectionRef {
  checkFunction(fn, 'withTimestamps', name)
  checkOptions(input, name, options, timestampOptions)
  const { coderId } = input.builder.collection(input.id)
  const allowedSkewMillis = durationMillis(options.allowedSkew ?? 0, 'allowedSkew', input.builder.pathOf(name))
  return addStep(input, {
    name,
    options,
    fn: { kind: 'timestamps', fn, allowedSkewMillis, options },
    outputs: () => [{ tag: 'out', coderId }],
  })[0] as CollectionRef
}

export function addPartition(
  input: CollectionRef,
  name: StepName,
  count: number,
  fn: (value: never) => number,
  options: StepOptions = {},
): readonly CollectionRef[] {
  if (!Number.isInteger(count) || count < 1) {
    throw new PipelineError(
      'MR-1002',
      `partition count of step "${nameText(name)}" must be a whole number from 1, but is ${String(count)}.`,
      nameText(name),
    )
  }
  checkFunction(fn, 'partition', name)
  checkOptions(input, name, options, stepOptions)
  const { coderId } = input.builder.collection(input.id)
  return addStep(input, {
    name,
    options,
    fn: { kind: 'partition', fn, count, options },
    outputs: () => Array.from({ length: count }, (_, i) => ({ tag: `part${i}`, coderId })),
  })
}
