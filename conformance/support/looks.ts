/**
 * Looks at runs at known points. A script plays an event only when everything before it has been processed; an element that
 * says `look` is seen by a step right after the script, and dropped there, so that what it sees is the run as the event
 * before has left it.
 */
import {
  OffsetRangeTracker,
  type PCollection,
  type Pipeline,
  pipeline,
  resume,
  type RunningPipeline,
  type RunStatus,
  source,
  start,
  type StepStatus,
  typed,
  watermarks,
  why,
} from 'millrace'
import { at, testStream, type TestStream, type TimestampedValue } from 'millrace/testing'

const LOOK = 'look'
/** An event of a script at which the run is looked at. */
export const look: TimestampedValue<string> = at(0, LOOK)
/** A script of words. */
export const script = (): TestStream<string> => testStream<string>()

/** Plays a script and gives back what each `look` has seen. */
export async function looks(
  scripted: TestStream<string>,
  build: (words: PCollection<string>, p: Pipeline) => void,
  options: { readonly panes?: number } = {},
): Promise<readonly RunStatus[]> {
  const seen: RunStatus[] = []
  const p = pipeline()
  const words = p.apply('in', scripted.end()).filter('words', (word) => {
    if (word !== LOOK) return true
    seen.push((running as RunningPipeline).status())
    return false
  })
  build(words, p)
  const running: RunningPipeline | undefined = start(p)
  if (options.panes !== undefined) running.recordPanes(options.panes)
  await running.result
  seen.push(running.status())
  return seen
}

/** A step of a status. */
export const stepOf = (status: RunStatus | undefined, name: string): StepStatus => {
  const found = status?.steps.find(({ step }) => step === name)
  if (found === undefined) throw new Error(`no step ${name} among ${status?.steps.map(({ step }) => step).join()}`)
  return found
}
/** Why a step has not answered. */
export const reason = (status: RunStatus | undefined, step: string): string | undefined =>
  status === undefined ? undefined : why(status, step)[0]?.text

/**
 * A source that a test feeds: the timestamps of its elements, which are the name. It has no end.
 *
 * @param idleMillis - after so long without an element it counts as idle.
 */
export function fed(name: string, times: readonly number[], idleMillis?: number): (p: Pipeline) => PCollection<string> {
  return source({
    output: typed<string>(),
    bounded: false,
    replayable: true,
    watermark: watermarks.monotonic(idleMillis === undefined ? {} : { idleAfter: idleMillis }),
    restriction: () => ({ from: 0, to: Number.MAX_SAFE_INTEGER }),
    restrictionCodec: typed<{ from: number; to: number }>(),
    tracker: (range) => new OffsetRangeTracker(range),
    process(_, tracker, { emit }) {
      const { from } = tracker.currentRestriction()
      const time = times[from]
      if (time !== undefined && tracker.tryClaim(from)) emit(name, time)
      return resume({ after: 1 })
    },
  })
}

/** Waits for something to come to pass. */
export const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 2000) throw new Error('it does not come to pass')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
