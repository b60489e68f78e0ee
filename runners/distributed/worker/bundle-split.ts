/**
 * How a bundle is cut in two for an engine that wants a part of it back: within the element at work, where that is work that can be
 * split, else between elements.
 *
 * Law: primary and residual are together the bundle.
 */
import { create } from '@bufbuild/protobuf'
import {
  type DelayedBundleApplication,
  type ProcessBundleSplitRequest_DesiredSplit as DesiredSplit,
  type ProcessBundleSplitResponse,
  type ProcessBundleSplitResponse_ChannelSplit as ChannelSplit,
  ProcessBundleSplitResponse_ChannelSplitSchema,
  ProcessBundleSplitResponseSchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import type { BundleInput } from './bundle-input.js'
import type { Residual, SplittableStep } from './splittable-step.js'

/** A cut. */
export interface BundleSplit {
  readonly channel: ChannelSplit
  /** What stays and what goes of the element at work, where it was cut. */
  readonly parts: readonly [primary: Residual, residual: Residual] | undefined
}

/** Cuts, where it can be. @param reader the step that reads the element at work, if one does. */
export function splitOf(
  transformId: string,
  input: BundleInput,
  desired: DesiredSplit,
  reader: SplittableStep | undefined,
): BundleSplit | undefined {
  const cut = input.cut(desired, reader?.progress ?? 0.5)
  if (cut === undefined) return undefined
  const parts = cut.within === undefined ? undefined : reader?.split(cut.within)
  if (parts !== undefined) {
    const current = input.begun - 1
    input.stop = input.begun
    return { channel: channelSplit(transformId, current - 1, current + 1), parts }
  }
  // Behind the last element there is nothing to give away.
  if (cut.at >= input.stop || (input.isComplete && cut.at >= input.arrived)) return undefined
  input.stop = cut.at
  return { channel: channelSplit(transformId, cut.at - 1, cut.at), parts: undefined }
}

function channelSplit(transformId: string, last: number, first: number): ChannelSplit {
  const [lastPrimaryElement, firstResidualElement] = [BigInt(last), BigInt(first)]
  return create(ProcessBundleSplitResponse_ChannelSplitSchema, { transformId, lastPrimaryElement, firstResidualElement }) // prettier-ignore
}

/** The answer; empty where nothing was cut. @param roots what stays and what goes of the element at work. */
export function splitResponse(
  channel: ChannelSplit | undefined,
  roots: readonly DelayedBundleApplication[] | undefined,
): ProcessBundleSplitResponse {
  const [primary, residual] = roots ?? []
  return create(ProcessBundleSplitResponseSchema, {
    channelSplits: channel === undefined ? [] : [channel],
    primaryRoots: primary?.application === undefined ? [] : [primary.application],
    residualRoots: residual === undefined ? [] : [residual],
  })
}
