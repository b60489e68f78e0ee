/**
 * A pipeline for workers that load a module: numbers of a source that cannot wait, and a step that takes its time.
 */
import { definePipeline, type PipelineDefinition, readFrom, shed, typed, watermarks } from 'millrace'

/** So many. */
export const POLLED = 600

const numbers = readFrom({
  output: typed<number>(),
  bounded: false,
  replayable: false,
  watermark: watermarks.monotonic(),
  pollEvery: '1 milli',
  open: (_: number | undefined, { now }) => {
    const began = now()
    let next = 0
    return {
      read: () => {
        if (next === POLLED) return 'end'
        return now() - began < next ? 'idle' : { value: next, timestamp: began + next++ }
      },
      mark: () => next,
    }
  },
})

const polledNumbers: PipelineDefinition = definePipeline({
  name: 'polled numbers',
  build: (p) => {
    p.apply('poll', numbers)
      .apply('under load', shed({ utility: (n) => n % 10, to: (less) => less.collect('less') }))
      .reshuffle('spread')
      .map('work', async (n) => {
        await new Promise((done) => void setTimeout(done, 1))
        return n
      })
      .collect('seen')
  },
})
export default polledNumbers
