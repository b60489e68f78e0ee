/**
 * What is left of work, as an engine takes it back.
 */
import { create } from '@bufbuild/protobuf'
import { DurationSchema, type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt'
import {
  type Coder,
  encodeToBytes,
  toWireMillis,
  type WindowedValue,
  windowedValueCoder,
} from '../../../sdk/coders/index.js'
import { invariant } from '../../../sdk/invariant.js'
import { TIMESTAMP_MIN } from '../../../sdk/time.js'
import type { BoundedWindow } from '../../../sdk/windowing/window.js'
import { windowCoderOf } from '../../../sdk/windowing/window-coder.js'
import { listOf } from '../../core/side-inputs.js'
import {
  type DelayedBundleApplication,
  DelayedBundleApplicationSchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import { IsBounded_Enum as IsBounded } from '../proto/generated/beam/pipeline_pb.js'
import type { Fragment } from './fragment.js'
import type { Residual } from './splittable-step.js'
import type { StageAtWork } from './stage-at-work.js'

/** Which step the work is of. */
export interface ResidualPlace {
  readonly transformId: string
  /** Tag of its main input. */
  readonly inputId: string
  readonly outputTags: readonly string[]
  readonly isBounded: boolean
  /** The engine's coder of its input, with time and windows. */
  readonly coder: Coder<WindowedValue<unknown, BoundedWindow>>
}

/** What is left of a step's work, in a fragment. @param coderId the engine's coder of the step's input. */
export function residualIn(
  { coders, built, mainTagOf, outputTagsOf, kept }: Fragment,
  stages: readonly StageAtWork[],
  { transformId, coderId, of }: { readonly transformId: string; readonly coderId: string; readonly of: Residual },
): DelayedBundleApplication {
  const at = stages.find(({ stage }) => kept.get(stage.root.info.id)?.transformId === transformId)
  const root = at?.stage.root
  invariant(root?.kind === 'splittable', 'what is left is of a splittable step', { transformId })
  const input = built.graph.components.collections.get(root.inputs[0] ?? '')
  const strategy = built.graph.components.windowingStrategies.get(input?.windowingStrategyId ?? '') ?? root.strategy
  return residualMessage(of, {
    transformId,
    inputId: mainTagOf.get(transformId) ?? 'in',
    outputTags: outputTagsOf.get(transformId) ?? [],
    isBounded: root.fn.doFn.bounded,
    coder: windowedValueCoder(coders.of(coderId), windowCoderOf(strategy.windowFn)),
  })
}

/** The message. */
export function residualMessage(of: Residual, place: ResidualPlace): DelayedBundleApplication {
  const { timestamp, pane, watermark, delayMillis } = of
  const { transformId, inputId, outputTags, isBounded, coder } = place
  const element = { value: of.element, timestamp, windows: listOf(of.windows), pane }
  return create(DelayedBundleApplicationSchema, {
    application: {
      transformId,
      inputId,
      element: encodeToBytes(coder, element, true),
      outputWatermarks: Object.fromEntries(outputTags.map((tag) => [tag, timestampMessage(watermark)])),
      isBounded: isBounded ? IsBounded.BOUNDED : IsBounded.UNBOUNDED,
    },
    requestedTimeDelay: create(DurationSchema, {
      seconds: BigInt(Math.floor(delayMillis / 1000)),
      nanos: (delayMillis % 1000) * 1_000_000,
    }),
  })
}

function timestampMessage(millis: number): Timestamp {
  const wire = toWireMillis(Math.max(millis, TIMESTAMP_MIN))
  const seconds = wire >= 0n ? wire / 1000n : (wire - 999n) / 1000n
  return create(TimestampSchema, { seconds, nanos: Number(wire - seconds * 1000n) * 1_000_000 })
}
