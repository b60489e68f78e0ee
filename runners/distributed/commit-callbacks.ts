/**
 * Which jobs of an engine hear of commits: what waits for them (bundle finalizers, sources that acknowledge) is refused elsewhere, since
 * it would wait for ever.
 */
import { type BuiltPipeline, leafTransforms } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import type { AnySplittable } from '../../sdk/source/splittable.js'
import type { StepFunction } from '../../sdk/transforms/do-fn.js'
import { type RunnerOptions, UnsupportedFeature } from '../runner.js'
import { ENGINE_NEEDS, type EngineName } from './engine-features.js'
import { keepsCheckpoints } from './job-options.js'

/** @throws {UnsupportedFeature} when a step waits for commits of which the engine does not tell. */
export function refuseCallbacks(built: BuiltPipeline, name: EngineName, options: RunnerOptions): void {
  const tellsAtCheckpoints = ENGINE_NEEDS[name].checkpointOptions !== undefined
  if (tellsAtCheckpoints && keepsCheckpoints(options)) return
  for (const [, { spec, uniqueName: step }] of leafTransforms(built.graph)) {
    if (spec?.urn !== urns.PAR_DO) continue
    const fn = built.functions.resolve(spec.payload.doFn.payload) as StepFunction | AnySplittable
    const acknowledges = fn.kind === 'splittable' && fn.doFn.acknowledges === true
    if (!acknowledges && !spec.payload.requestsFinalization) continue
    const what = acknowledges ? 'acknowledges what it reads' : 'calls back after a commit'
    const why = tellsAtCheckpoints
      ? `${name} tells of commits when it has made a checkpoint. Run with checkpoint, a folder.`
      : `${name} tells nobody of commits.`
    throw new UnsupportedFeature('MR-6001', 'bundleFinalizer', `step "${step}" ${what}, and ${why}`, step)
  }
}
