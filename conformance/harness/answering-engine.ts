/**
 * The runners that answer scenarios: all that can play a script. Where a script moves the clock, its events wait for each other;
 * engines with a clock of their own need more.
 */
import { PipelineError, UnsupportedFeature } from 'millrace'
import type { AnsweringEngine } from './answer-file.js'
import { columnsOf } from './columns.js'
import { optionsIn } from './run-case.js'
import { RUN_MILLIS_MAX, runToEnd } from './run-to-end.js'

/**
 * An engine that has given no pane for so long has nothing more to say of an event: what goes from step to step waits for 100 ms
 * at most. Told by the recorded scenarios, of which panes come out during the same events.
 */
const QUIET_MILLIS = 250
/** Where the beginning of an engine counts, and three scripts go on beside it. */
const MILLIS_MAX = 4 * RUN_MILLIS_MAX

/**
 * Who answers scenarios, by the name of a runner; `undefined` is the direct runner.
 *
 * @throws {PipelineError} when it is several runners, or none; `UnsupportedFeature` when it cannot answer.
 */
export function answeringEngine(name: string): AnsweringEngine | undefined {
  const [column, second] = columnsOf(name, 'one', 1)
  const [mode] = column?.modes ?? []
  if (column === undefined || mode === undefined || second !== undefined)
    throw new PipelineError(
      'MR-7017',
      `--scenarios are answered by one runner, and --runners names several: ${name}. Name one of direct, micro-batch, flink, flink-cluster.`,
    )
  if (column.name === 'direct') return undefined
  const { features } = column.makeRunner(mode)
  if (!features.has('testStream'))
    throw new UnsupportedFeature(
      'MR-6001',
      'testStream',
      `the ${column.name} runner does not support testStream, and a scenario is a script. Answer --scenarios with --runners direct, micro-batch, flink or flink-cluster.`,
    )
  return {
    name: column.name,
    ...(features.has('testStream.processingTime') ? {} : { quietMillis: QUIET_MILLIS }),
    atOnce: mode.atOnce ?? 1,
    run: async (p) => {
      const { result, error, isLate } = await runToEnd(p, column.makeRunner(mode), optionsIn(mode, p.build()), undefined, MILLIS_MAX) // prettier-ignore
      if (isLate) await mode.renew?.()
      if (error !== undefined) throw error
      if (isLate || result === undefined)
        throw new Error(`the ${column.name} runner did not come to the end of the script within ${MILLIS_MAX} ms.`)
      return result
    },
  }
}
