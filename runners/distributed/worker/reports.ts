/**
 * What workers of other processes tell of their bundles: elements that were collected, lines that were printed, and what was counted.
 *
 * Law: the client that is told everything has what it would have, had the bundles run in its process.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  decodeFromBytes,
  encodeToBytes,
  windowedValueCoder,
  type Coder,
  type WindowedValue,
} from '../../../sdk/coders/index.js'
import { PipelineError } from '../../../sdk/errors.js'
import { coderOf } from '../../../sdk/graph/coders.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import * as urns from '../../../sdk/graph/urns.js'
import { windowCoderOf } from '../../../sdk/windowing/window-coder.js'
import type { BoundedWindow } from '../../../sdk/windowing/window.js'
import type { MetricsDelta } from '../../core/metrics.js'
import { errorFromWire, errorToWire, type WireError } from '../../core/wire-error.js'
import { type BundleReport, type WorkerReport, WorkerReportSchema } from '../proto/generated/millrace/worker_link_pb.js'
import type { Reported } from './worker-run.js'

type ElementCoder = Coder<WindowedValue<unknown, BoundedWindow>>

/** In a worker: takes what was left since the last time. */
export function takeReport({ built, collected, printed, metrics }: Reported): Uint8Array {
  const value = {
    collected: [...collected].flatMap(([name, { elements }]) => {
      const taken = elements.splice(0)
      if (taken.length === 0) return []
      const coder = collectedCoder(built, name)
      const encoded = taken.map(({ window, ...element }) => bytesOf(coder, { ...element, windows: [window] }))
      return [{ name, elements: encoded }]
    }),
    printed: [...printed].flatMap(([name, each]) => {
      const { lines, hidden } = each.take()
      return lines.length === 0 && hidden === 0 ? [] : [{ name, lines: [...lines], hidden }]
    }),
    metrics: JSON.stringify(metrics.take()),
  }
  return report({ case: 'bundle', value: value as BundleReport })
}

/** In a worker: a failure, to be told. */
export function failureReport(error: unknown): Uint8Array {
  return report({ case: 'failure', value: { error: JSON.stringify(errorToWire(error)) } as never })
}

/** In a worker: what user code has written. */
export function consoleReport(text: string, isError: boolean, step = ''): Uint8Array {
  return report({ case: 'console', value: { text, isError, step } as never })
}

function report(of: WorkerReport['report']): Uint8Array {
  return toBinary(WorkerReportSchema, create(WorkerReportSchema, { report: of }))
}

/** What a worker has told besides what its bundles have left. */
export type Told =
  | { readonly kind: 'bundle' }
  | { readonly kind: 'failure'; readonly error: Error }
  | { readonly kind: 'console'; readonly text: string; readonly isError: boolean; readonly step: string }

/** In the client: takes a report in. */
export function takeIn(bytes: Uint8Array, { built, collected, printed, metrics }: Reported): Told {
  const { report: told } = fromBinary(WorkerReportSchema, bytes)
  if (told.case === 'failure')
    return { kind: 'failure', error: errorFromWire(JSON.parse(told.value.error) as WireError) }
  if (told.case === 'console') return { kind: 'console', ...told.value }
  if (told.case !== 'bundle') return { kind: 'bundle' }
  for (const { name, elements } of told.value.collected) {
    const coder = collectedCoder(built, name)
    for (const each of elements) {
      const { windows, ...element } = decodeFromBytes(coder, each)
      for (const window of windows) collected.get(name)?.elements.push({ ...element, window })
    }
  }
  for (const { name, lines, hidden } of told.value.printed) printed.get(name)?.print({ lines, hidden })
  metrics.merge(JSON.parse(told.value.metrics) as MetricsDelta)
  return { kind: 'bundle' }
}

function bytesOf(coder: ElementCoder, element: WindowedValue<unknown, BoundedWindow>): Uint8Array<ArrayBuffer> {
  return encodeToBytes(coder, element)
}

/** Coder of what a step `collect` is given, with time, window and pane. */
function collectedCoder(built: BuiltPipeline, name: string): ElementCoder {
  const { transforms, collections, windowingStrategies } = built.graph.components
  for (const { spec, inputs } of transforms.values()) {
    if (spec?.urn !== urns.COLLECT || spec.payload.name !== name) continue
    const input = collections.get(inputs.get('in') ?? '')
    const strategy = windowingStrategies.get(input?.windowingStrategyId ?? '')
    if (input === undefined || strategy === undefined) break
    return windowedValueCoder(coderOf(built, input.coderId), windowCoderOf(strategy.windowFn))
  }
  throw new PipelineError('MR-6202', `no step collects "${name}"`)
}
