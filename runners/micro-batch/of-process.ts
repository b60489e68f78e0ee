/**
 * Sources that read what only the process has that starts a run, such as its standard input. With workers, sources are read on workers,
 * and would find nothing there.
 */
import type { AnySplittable } from '../../sdk/source/splittable.js'
import { authorPath } from '../../sdk/graph/names.js'
import { type BuiltPipeline, leafTransforms } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import { UnsupportedFeature } from '../runner.js'

/** @throws {UnsupportedFeature} when a step reads what a worker has not. */
export function refuseOfProcess(built: BuiltPipeline, workers: number | undefined): void {
  for (const [, { spec, uniqueName }] of leafTransforms(built.graph)) {
    if (spec?.urn !== urns.PAR_DO || spec.payload.restrictionCoderId === '') continue
    const { doFn } = built.functions.resolve(spec.payload.doFn.payload) as AnySplittable
    if (doFn.ofProcess === undefined) continue
    const step = authorPath(uniqueName)
    throw new UnsupportedFeature(
      'MR-6001',
      'workers',
      `step "${step}" reads ${doFn.ofProcess}, which belongs to the process that starts the run, and with workers: ${workers ?? 0} sources are read on workers, which have none of it. Run it without workers, or have one run without workers write what comes to a log (writeLog) or to files (writeLines), and read those with workers.`,
      step,
    )
  }
}
