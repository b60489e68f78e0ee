/**
 * Views of checkpoints: what readers of state look at. The platform says how one is opened, since a checkpoint may be anywhere.
 *
 * Law: a view is of one committed batch, and a run that writes the checkpoint meanwhile is not disturbed.
 */
import type { Env } from '../../sdk/env.js'
import { PipelineError } from '../../sdk/errors.js'
import type { CheckpointStore } from './store/checkpoint-store.js'

/** An open view. */
export interface CheckpointView {
  readonly store: CheckpointStore
  /** Gives it back. */
  close(): Promise<void>
}

/** Opens a view. */
export type OpenView = (place: string, env: Env) => Promise<CheckpointView>

let provided: OpenView | undefined

/** Says how views are opened on this platform. */
export function provideViews(open: OpenView): void {
  provided = open
}

/** Opens a view. @throws {PipelineError} where the platform has none. */
export function openView(place: string, env: Env): Promise<CheckpointView> {
  if (provided !== undefined) return provided(place, env)
  throw new PipelineError(
    'MR-6023',
    `checkpoint ${place} cannot be read here: this platform has no store. Start the pipeline with run() in Node.`,
  )
}
