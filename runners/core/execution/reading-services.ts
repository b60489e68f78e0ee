/**
 * What the calls of a splittable step share: its side inputs, metrics, log and outputs, as its contexts show them.
 */
import type { Env } from '../../../sdk/env.js'
import type { AnySplittableDoFn } from '../../../sdk/source/splittable.js'
import type { BundleProcessor } from '../bundle-processor.js'
import type { StageRoot } from '../stage.js'
import type { SideSource } from './side-gate.js'
import type { ReadingServices } from './source-reading.js'

/** What they are made of. */
export interface ReadingParts {
  readonly root: Extract<StageRoot, { kind: 'splittable' }>
  readonly processor: BundleProcessor
  readonly env: Env
  readonly sides: readonly SideSource[]
  readonly resource: unknown
}

/** Makes them, once for each step. */
export function readingServices({ root, processor, env, sides: sources, resource }: ReadingParts): ReadingServices {
  const { runtime } = processor
  const { info, sides, outputs, fn } = root
  const {
    outputs: declared,
    metrics = {},
    bundleFinalizer,
    acknowledges,
    watermark,
  } = fn.doFn as unknown as AnySplittableDoFn<unknown>
  return {
    env,
    resource,
    tags: declared === undefined ? undefined : fn.tags,
    isRouted: outputs.length > 1,
    hasManualWatermark: watermark.kind === 'manual',
    acknowledges: acknowledges === true,
    metricCells: runtime.metrics.cells(info.path, metrics),
    log: runtime.log.step(info.path),
    sideNames: sides.map(({ name }) => name),
    readSide: (side, window) => (sources[side] as SideSource).store.read(window),
    afterCommit: (...registration) => runtime.finalizers.register(info, bundleFinalizer === true, ...registration),
  }
}
