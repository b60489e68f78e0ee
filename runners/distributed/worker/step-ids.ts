/**
 * What an engine calls the author's steps of a fragment.
 */
import { authorPath } from '../../../sdk/graph/names.js'
import type { PTransform } from '../proto/generated/beam/pipeline_pb.js'
import type { KeptStep } from './fragment.js'

/** Finds what the engine calls an author's step: the step itself, else the first that was made of it. */
export function transformsByStep(
  transforms: Readonly<Record<string, PTransform>>,
  kept: ReadonlyMap<string, KeptStep>,
): (step: string) => string {
  const ids = new Map<string, string>([...kept].map(([step, { transformId }]) => [step, transformId]))
  for (const [id, { uniqueName }] of Object.entries(transforms)) {
    const step = authorPath(uniqueName)
    if (uniqueName === step || !ids.has(step)) ids.set(step, id)
  }
  return (step) => ids.get(step) ?? step
}
