/**
 * For tests of pipelines that change: a source that gives what a test has put into it, and runs on one checkpoint.
 */
import {
  type Runner,
  type RunnerOptions,
  type PCollection,
  pipeline,
  type Pipeline,
  type PipelineResult,
  readFrom,
  start,
  typed,
  type WatermarkPolicy,
  watermarks,
} from 'millrace'

/** Elements with their event times; more may be added later. */
export class Feed<T> {
  readonly items: { readonly value: T; readonly at: number }[] = []
  isClosed = false
  isExhausted = false
  /** How many were read, each as often as it was. */
  given = 0
  /** Whether the source says that it can be read again. */
  isReplayable = true
  /** What is known of the times of what comes. */
  policy: WatermarkPolicy = watermarks.monotonic()

  add(value: T, at: number): this {
    this.items.push({ value, at })
    return this
  }

  /** The source, by position. */
  read(): (p: Pipeline) => PCollection<T> {
    return readFrom({
      output: typed<T>(),
      bounded: false,
      replayable: this.isReplayable,
      watermark: this.policy,
      pollEvery: '1 ms',
      open: (mark: number | undefined) => {
        let at = mark ?? 0
        return {
          read: () => {
            const item = this.items[at]
            if (item !== undefined) {
              at++
              this.given++
              return { value: item.value, timestamp: item.at }
            }
            this.isExhausted = true
            return this.isClosed ? 'end' : 'idle'
          },
          mark: () => at,
        }
      },
    })
  }
}

/** Options of a run on a checkpoint. */
export interface RunOptions extends RunnerOptions {
  readonly runner?: Runner
}

/** Runs until all that is in the feeds has been read and committed; to the end where they are closed. */
export async function runOn(
  checkpoint: string,
  build: (p: Pipeline) => unknown,
  feeds: readonly Pick<Feed<unknown>, 'isExhausted' | 'isClosed'>[],
  options: RunOptions = {},
): Promise<PipelineResult> {
  for (const feed of feeds) feed.isExhausted = false
  const p = pipeline()
  build(p)
  const running = start(p, { runner: 'micro-batch', checkpoint, batchInterval: '2 ms', ...options })
  let isOver = false
  const ended = running.result.finally(() => (isOver = true))
  ended.catch(() => undefined)
  const isDone = (): boolean => feeds.every(({ isExhausted }) => isExhausted)
  while (!isOver && !isDone()) await new Promise((resolve) => setTimeout(resolve, 1))
  if (!isOver && !feeds.some(({ isClosed }) => isClosed)) running.stop()
  return ended
}

/** The message of what a run is refused with. */
export async function refusal(run: Promise<unknown>): Promise<string> {
  try {
    await run
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  throw new Error('the run was not refused')
}
