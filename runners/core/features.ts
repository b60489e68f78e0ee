/**
 * What a pipeline needs of a runner, read from its graph, and the check that refuses by name before anything runs.
 */
import { type BuiltPipeline, leafTransforms } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import type { AnySplittable } from '../../sdk/source/splittable.js'
import type { StepFunction } from '../../sdk/transforms/do-fn.js'
import { LATE_TAG } from '../../sdk/transforms/late-data.js'
import type { Trigger } from '../../sdk/windowing/trigger.js'
import { type Feature, UnsupportedFeature } from '../runner.js'

/** Each feature a pipeline needs, with the first step that needs it. */
export function featuresOf(built: BuiltPipeline): ReadonlyMap<Feature, string> {
  let needs = KNOWN.get(built)
  if (needs === undefined) KNOWN.set(built, (needs = readFeatures(built)))
  return needs
}

/** Pipelines do not change once they are built, and one may be run often. */
const KNOWN = new WeakMap<BuiltPipeline, ReadonlyMap<Feature, string>>()

function readFeatures(built: BuiltPipeline): ReadonlyMap<Feature, string> {
  const needs = new Map<Feature, string>()
  const need = (feature: Feature, step: string): void => {
    if (!needs.has(feature)) needs.set(feature, step)
  }
  const { collections, windowingStrategies } = built.graph.components
  for (const [, node] of leafTransforms(built.graph)) {
    const { spec, uniqueName: step } = node
    if (spec === undefined) continue
    switch (spec.urn) {
      case urns.GROUP_BY_KEY: {
        need('groupByKey', step)
        const input = collections.get(node.inputs.get('in') as string)
        const strategy = windowingStrategies.get(input?.windowingStrategyId ?? '')
        if (strategy?.mergeStatus === 'needsMerge') need('windows.merging', step)
        if ((strategy?.allowedLatenessMillis ?? 0) > 0) need('lateness', step)
        if (strategy?.accumulationMode === 'accumulating') need('accumulating', step)
        if (strategy !== undefined) for (const feature of triggerFeatures(strategy.trigger)) need(feature, step)
        if (node.outputs.has(LATE_TAG)) need('lateData.output', step)
        break
      }
      case urns.WINDOW_INTO: {
        const { payload } = spec.payload.windowFn
        if (payload.kind === 'calendar') need('windows.calendar', step)
        if (payload.kind === 'custom') {
          need(payload.merges ? 'windows.customMerging' : 'windows.custom', step)
          if (payload.data !== undefined) need('windows.data', step)
        }
        break
      }
      case urns.COMBINE_GROUPED:
        need('combine', step)
        break
      case urns.FLATTEN:
        need('flatten', step)
        break
      case urns.RESHUFFLE:
        need('reshuffle', step)
        break
      case urns.EXTERNAL:
        need('external', step)
        break
      case urns.TEST_STREAM:
        need('testStream', step)
        if (spec.payload.events.some(({ kind }) => kind === 'processingTime')) need('testStream.processingTime', step)
        break
      case urns.PAR_DO: {
        const { payload } = spec
        if (payload.sideInputs.size > 0) need('sideInputs', step)
        for (const { kind } of payload.stateSpecs.values())
          need(kind === 'readModifyWrite' ? 'state.value' : `state.${kind}`, step)
        for (const { timeDomain, isFamily } of payload.timerSpecs.values()) {
          need(`timers.${timeDomain}`, step)
          if (isFamily) need('timers.family', step)
        }
        if (node.outputs.has(LATE_TAG)) need('lateData.output', step)
        if (payload.onWindowExpiration) need('onWindowExpiration', step)
        if (payload.requestsFinalization) need('bundleFinalizer', step)
        if (payload.requiresTimeSortedInput) need('timeSortedInput', step)
        if (payload.requiresStableInput) need('stableInput', step)
        if (payload.delivery !== undefined) need('delivery', step)
        const fn = built.functions.resolve(payload.doFn.payload) as StepFunction | AnySplittable
        if (fn.kind === 'splittable') {
          need(fn.doFn.bounded ? 'splittable.bounded' : 'splittable.unbounded', step)
          // It is told of commits, as callbacks are.
          if (fn.doFn.acknowledges === true) need('bundleFinalizer', step)
        } else if (fn.options.onError !== undefined) need('deadLetters', step)
        break
      }
      default:
        break
    }
  }
  return needs
}

/** What a trigger needs of a runner beyond answering at the watermark, and again for late elements. */
function triggerFeatures(trigger: Trigger): readonly Feature[] {
  switch (trigger.kind) {
    case 'default':
    case 'never':
      return []
    case 'elementCount':
      return ['triggers.early']
    case 'afterProcessingTime':
    case 'afterSynchronizedProcessingTime':
      return ['triggers.early', 'triggers.processingTime']
    case 'afterBatch':
      return ['triggers.early', 'triggers.batch']
    case 'afterEndOfWindow': {
      const { earlyFirings: early, lateFirings: late } = trigger
      return [
        ...(early === undefined ? [] : triggerFeatures(early)),
        // How a correction waits, not that it would come early.
        ...(late === undefined ? [] : ['triggers.late' as const, ...triggerFeatures(late).filter(isNotEarly)]),
      ]
    }
    case 'repeat':
      return triggerFeatures(trigger.subtrigger)
    case 'afterAny':
    case 'afterAll':
    case 'afterEach':
      return ['triggers.composite', ...trigger.subtriggers.flatMap(triggerFeatures)]
    case 'orFinally':
      return ['triggers.composite', ...triggerFeatures(trigger.main), ...triggerFeatures(trigger.finally)]
  }
}

const isNotEarly = (feature: Feature): boolean => feature !== 'triggers.early'

/** Refuses a pipeline that needs what a runner does not have, naming every such feature and the step that needs it. */
export function checkFeatures(built: BuiltPipeline, runner: string, features: ReadonlySet<Feature>): void {
  const missing = [...featuresOf(built)].filter(([feature]) => !features.has(feature))
  const [first] = missing
  if (first === undefined) return
  const list = missing.map(([feature, step]) => `${feature} (step "${step}")`).join(', ')
  throw new UnsupportedFeature(
    'MR-6001',
    first[0],
    `the ${runner} runner cannot run pipeline "${built.name}": it does not support ${list}.`,
    first[1],
  )
}
