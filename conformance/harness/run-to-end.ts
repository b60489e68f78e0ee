/**
 * A pipeline of a case, run to its end: stopped where it takes too long, left alone where it does not even stop.
 */
import { platformEnv } from '#platform'
import {
  type Env,
  type Pipeline,
  type PipelineResult,
  type Progress,
  type Runner,
  type RunnerOptions,
  type RunningPipeline,
  start,
} from 'millrace'
import type { RunControl } from '../cases/case.js'

/** After so long a run is stopped, and has failed. */
export const RUN_MILLIS_MAX = 30_000
/** So long a run may take to stop. */
const STOP_MILLIS_MAX = 20_000

/** A run's control, from before it starts. */
export class Control implements RunControl {
  running: RunningPipeline | undefined
  /** The run's world: the real one without warnings, with a clock that can be set where a case does so. */
  readonly world: { readonly env: Env }
  #ahead = 0

  constructor(setsClock: boolean) {
    const real = withoutWarnings(platformEnv())
    this.world = { env: setsClock ? { ...real, now: () => real.now() + this.#ahead } : real }
  }

  readonly drain = (): void => this.running?.drain()

  readonly cancel = (): void => this.running?.cancel()

  readonly progress = (): Progress | undefined => this.running?.progress()

  readonly setClock = (byMillis: number): void => {
    this.#ahead += byMillis
  }
}

/** How a run ended. */
export interface RunEnd {
  readonly result: PipelineResult | undefined
  readonly error: Error | undefined
  /** Whether it was stopped, since it had taken too long. */
  readonly isLate: boolean
}

/** The pipeline, run to its end, whichever it is. After so many milliseconds it is stopped; one that does not stop is left alone. */
export async function runToEnd(
  p: Pipeline,
  runner: Runner,
  options: RunnerOptions,
  control: Control | undefined = new Control(false),
  millisMax = RUN_MILLIS_MAX,
): Promise<RunEnd> {
  const signal = AbortSignal.timeout(millisMax)
  const left = new AbortController()
  try {
    const running = start(p, { runner, ...options, ...control.world, signal })
    control.running = running
    const never = wait(millisMax + STOP_MILLIS_MAX, left.signal).then(() => {
      throw new Error(`it did not end after ${millisMax} ms, nor when it was stopped`)
    })
    return { result: await Promise.race([running.result, never]), error: undefined, isLate: signal.aborted }
  } catch (error) {
    return {
      result: undefined,
      error: error instanceof Error ? error : new Error(String(error)),
      isLate: signal.aborted,
    }
  } finally {
    left.abort()
  }
}

function wait(millis: number, left: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, millis)
    left.addEventListener('abort', () => clearTimeout(timer))
  })
}

/** Cases build what runs warn of: under every mode, that would be all there is to read. */
function withoutWarnings(env: Env): Env {
  return {
    ...env,
    print(line, stream) {
      if (!line.startsWith('warning: ')) env.print(line, stream)
    },
  }
}
