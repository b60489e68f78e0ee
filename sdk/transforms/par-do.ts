/**
 * ParDo: the step that can do everything a DoFn declares. See `do-fn.ts` for what that is.
 */
import type { ErrorCode } from '../error-codes.js'
import { refuse } from '../refuse.js'
import type { Codec } from '../codec.js'
import { type CollectionRef, type StepName } from '../graph/builder.js'
import type { TimerSpecNode } from '../graph/model.js'
import { type OptionNames, refuseUnknownOptions, refuseUnknownValue } from '../known-options.js'
import { stateNodes } from '../state/state-node.js'
import { durationMillis } from '../time.js'
import type { AnyDelivery, DeliveryRepeats } from './delivery.js'
import type { AnyDoFn } from './do-fn.js'
import { addStep } from './step.js'

/** Outputs of a ParDo: by tag, or the only one. */
export function addParDo(input: CollectionRef, name: StepName, declared: AnyDoFn): ReadonlyMap<string, CollectionRef> {
  const { builder } = input
  const path = builder.pathOf(name)
  check(input, path, declared)
  const doFn = asDeclared(declared)
  const codecs: readonly (readonly [string, Codec | undefined])[] =
    doFn.outputs === undefined ? [['out', doFn.output]] : Object.entries(doFn.outputs)
  const { delivery } = doFn
  const timers = Object.entries(doFn.timers ?? {})
  if (Object.keys(doFn.state ?? {}).length > 0 || timers.length > 0) builder.keyedCoders(input)
  const refs = addStep(input, {
    name,
    options: doFn,
    fn: {
      kind: 'doFn',
      doFn,
      tags: codecs.map(([tag]) => tag),
      allowedSkewMillis: durationMillis(doFn.allowedSkew ?? 0, 'allowedSkew', path),
      options: doFn,
    },
    sides: doFn.sides ?? {},
    outputs: (p) => codecs.map(([tag, codec], i) => ({ tag, coderId: builder.coders.codec(p, i, codec) })),
    ...(delivery === undefined
      ? {}
      : {
          delivery: (p) => ({
            coderId: builder.coders.codec(p, codecs.length, delivery.codec),
            repeats: delivery.repeats,
          }),
        }),
    states: (p) => stateNodes(builder, p, doFn.state ?? {}, codecs.length + (delivery === undefined ? 0 : 1)),
    timers: new Map(
      timers.map(([id, { timeDomain, family }]): [string, TimerSpecNode] => [id, { timeDomain, isFamily: family }]),
    ),
    onWindowExpiration: doFn.onWindowExpiration !== undefined,
    bundleFinalizer: doFn.bundleFinalizer ?? false,
    requiresTimeSortedInput: doFn.requiresTimeSortedInput === true,
    requiresStableInput: doFn.requiresStableInput === true,
  })
  return new Map(codecs.map(([tag], i) => [tag, refs[i] as CollectionRef]))
}

/** A declaration as it is now: what its author changes later has no effect, as it has none in another process. */
function asDeclared(doFn: AnyDoFn): AnyDoFn {
  // An instance of a class may have private fields, which no copy has.
  return Object.getPrototypeOf(doFn) === Object.prototype ? { ...doFn } : doFn
}

/** Everything a DoFn may declare. */
const declarations: OptionNames<AnyDoFn> = {
  output: true,
  outputs: true,
  state: true,
  timers: true,
  sides: true,
  metrics: true,
  setup: true,
  teardown: true,
  startBundle: true,
  process: true,
  finishBundle: true,
  onTimer: true,
  onWindowExpiration: true,
  onError: true,
  retry: true,
  concurrency: true,
  ordered: true,
  allowedSkew: true,
  bundleFinalizer: true,
  requiresTimeSortedInput: true,
  requiresStableInput: true,
  delivery: true,
}

/** Everything a delivery may declare. */
const deliveryDeclarations: OptionNames<AnyDelivery> = { codec: true, repeats: true, deliver: true, newest: true }

const repeats: readonly DeliveryRepeats[] = ['recognised', 'harmless', 'visible']

function checkDelivery(delivery: AnyDelivery, path: string): void {
  refuseUnknownOptions(`the delivery of step "${path}"`, delivery, deliveryDeclarations, path)
  if (typeof delivery.deliver !== 'function' || (delivery.codec as unknown) === undefined)
    refuse(
      'MR-3028',
      `the delivery of step "${path}" needs a codec, which says what is delivered, and a function deliver(items, { id }).`,
      path,
    )
  if (delivery.newest !== undefined && typeof delivery.newest !== 'function')
    refuse(
      'MR-3028',
      `newest of the delivery of step "${path}" is a function that gives the newest batch that the sink has. Give one, or leave it out.`,
      path,
    )
  refuseUnknownValue(`repeats of the delivery of step "${path}"`, delivery.repeats, repeats)
}

/** Rules that the types already state, for programs that reach us without them. */
function check(input: CollectionRef, path: string, doFn: AnyDoFn): void {
  const fail = (code: ErrorCode, message: string): never => {
    refuse(code, `step "${path}" ${message}`, path)
  }
  if (typeof doFn !== 'object' || doFn === null || typeof doFn.process !== 'function')
    fail('MR-1012', 'needs a DoFn with a process function.')
  // An instance of a class may have fields of its own.
  if (Object.getPrototypeOf(doFn) === Object.prototype)
    refuseUnknownOptions(`the DoFn of step "${path}"`, doFn, declarations, path)
  if (doFn.output !== undefined && doFn.outputs !== undefined)
    fail('MR-1011', 'declares both output and outputs; declare one of them.')
  if (doFn.outputs !== undefined && Object.keys(doFn.outputs).length === 0)
    fail('MR-1011', 'declares outputs without any tag. Leave outputs out for a step that emits nothing.')
  for (const tag of Object.keys(doFn.outputs ?? {})) {
    if (tag.startsWith('$') || tag === '')
      fail('MR-1011', `declares output "${tag}"; tags must not be empty nor begin with "$".`)
  }
  if (Object.hasOwn(doFn.metrics ?? {}, ''))
    fail('MR-1003', 'declares a metric without a name. Give it one: metrics: { seen: … }.')
  if (doFn.delivery !== undefined) checkDelivery(doFn.delivery, path)
  const timers = Object.keys(doFn.timers ?? {})
  const handlers = Object.keys(doFn.onTimer ?? {})
  for (const id of timers)
    if (!handlers.includes(id)) fail('MR-3006', `declares timer "${id}" without a handler onTimer.${id}.`)
  for (const id of handlers)
    if (!timers.includes(id)) fail('MR-3006', `handles timer "${id}", which it does not declare in timers.`)
  const states = Object.keys(doFn.state ?? {})
  const isStateful = states.length > 0 || timers.length > 0
  if (doFn.onWindowExpiration !== undefined && states.length === 0)
    fail('MR-3007', 'has onWindowExpiration but declares no state; without state no key is remembered.')
  if (doFn.requiresTimeSortedInput === true && !isStateful)
    fail('MR-3007', 'has requiresTimeSortedInput but no state or timers; without them no call knows of an earlier one.')
  if (!isStateful) return
  const { builder } = input
  if (builder.coders.keyed(builder.collection(input.id).coderId) === undefined) {
    fail(
      'MR-1009',
      'has state or timers, which are kept per key, but its input is not keyed. Put keyBy(name, fn) before it.',
    )
  }
  if (builder.strategyOf(input).mergeStatus === 'needsMerge') {
    fail(
      'MR-2016',
      'has state or timers on merging windows (sessions); a state cannot follow windows that unite. Group first, or use windows that do not merge.',
    )
  }
}
