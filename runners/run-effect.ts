/**
 * `runEffect`: the same as `run`, for programs written with Effect. Interrupting the effect cancels the run.
 */
import * as Effect from 'effect/Effect'
import { type Runnable, type RunOptions, start } from './run.js'
import type { PipelineResult } from './runner.js'

/**
 * Runs a pipeline as an Effect; fails with what `run` would reject with.
 *
 * @example
 * ```ts
 * import * as Effect from 'effect/Effect'
 * import { runEffect } from 'millrace'
 * const program = runEffect((p) => p.create('numbers', [1, 2]).print('show'))
 * await Effect.runPromise(program)
 * ```
 */
export function runEffect<Options>(
  pipeline: Runnable<Options>,
  options: RunOptions<Options> = {},
): Effect.Effect<PipelineResult, unknown> {
  return Effect.tryPromise({
    try: async (signal) => {
      const running = start(pipeline, options)
      signal.addEventListener('abort', () => running.cancel())
      return running.result
    },
    catch: (error) => error,
  })
}
