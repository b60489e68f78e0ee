/**
 * How jobs on engines end, and what engines say of them meanwhile.
 */
import { type MillraceError, PipelineError } from '../../sdk/errors.js'
import type { Env, TimerHandle } from '../../sdk/env.js'
import type { RunLog } from '../core/run-log.js'
import type { EndState } from '../runner.js'
import type { Engine } from './distributed-runner.js'
import type { JobStateName } from './wire/messages.js'

/** Ends that are no failures, by Beam's names of states. */
export const END_STATES: Readonly<Partial<Record<JobStateName, EndState>>> = { DONE: 'DONE', DRAINED: 'DRAINED', CANCELLED: 'CANCELLED' } // prettier-ignore

/** The failure of a job that has ended as it should not. @param advice what to do about it, where that is known. */
export function jobFailed(
  engine: string,
  { state, error }: { readonly state: JobStateName; readonly error: string | undefined },
  advice = '',
): MillraceError {
  const why = [error ?? 'it does not say why', advice].join(' ').trim()
  return new PipelineError('MR-6205', `${engine} ended the job as ${state}: ${why}`)
}

/** Ends what an engine still does of a job that it calls cancelled. @returns a warning where that cannot be done. */
export async function stillGoingOn(
  { endCancelled }: Pick<Engine, 'endCancelled'>,
  jobId: string,
): Promise<string | undefined> {
  const why = await endCancelled?.(jobId)
  return why === undefined ? undefined : `warning: the job is cancelled, and its steps may go on: ${why}.`
}

/** So long an engine may take to end a job that is cancelled, in milliseconds. */
const CANCEL_MILLIS = 30_000

/** Waits for an engine to end a job that is cancelled, and no longer than is reasonable. */
export class CancelPatience {
  readonly #env: Env
  readonly #log: RunLog
  #timer: TimerHandle | undefined
  /** Ends the wait. */
  giveUp: () => void = () => undefined

  constructor(env: Env, log: RunLog) {
    this.#env = env
    this.#log = log
  }

  /** The engine was asked to end the job. */
  begin(): void {
    this.#timer ??= this.#env.setTimer(CANCEL_MILLIS, () => {
      this.#log.note(`warning: the engine has not ended the job in ${CANCEL_MILLIS / 1000} s after it was cancelled, and nobody waits for it any more`) // prettier-ignore
      this.giveUp()
    })
  }

  /** The run is over. */
  end(): void {
    this.#timer?.cancel()
  }
}

/** How loud a message is, by Beam's numbers of importance. */
export function ofImportance(importance: number): 'debug' | 'info' | 'warn' | 'error' {
  if (importance >= 5) return 'error'
  if (importance === 4) return 'warn'
  return importance === 3 ? 'info' : 'debug'
}
