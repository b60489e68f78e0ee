/** Standard input belongs to one process: a run with workers refuses it before anything runs. */
import { errorCode, pipeline, type RunOptions, start } from 'millrace'
import { readStdin } from 'millrace/io/text'
import { microBatchRunner } from 'millrace/micro-batch'
import { expect, it } from 'vitest'
import { nodeEnv } from '../direct/node.js'
import { UnsupportedFeature } from '../runner.js'

const openWorkers = (): never => {
  throw new Error('a worker was started')
}

/** Starts a pipeline that reads standard input. */
function started(options: RunOptions): unknown {
  const p = pipeline()
  p.apply('in', readStdin()).collect('lines')
  const runner = microBatchRunner({}, { openWorkers: () => openWorkers })
  try {
    return start(p, { runner, module: import.meta.url, ...options })
  } catch (error) {
    return error
  }
}

it.each(['thread', 'process'] as const)(
  'reading standard input is refused by name with workers in a %s',
  (isolation) => {
    const error = started({ workers: 2, isolation })
    expect(error).toBeInstanceOf(UnsupportedFeature)
    expect([errorCode(error), (error as UnsupportedFeature).feature]).toEqual(['MR-6001', 'workers'])
    expect(String(error)).toContain(
      'step "in" reads standard input, which belongs to the process that starts the run, and with workers: 2 sources are read on workers, which have none of it. Run it without workers, or have one run without workers write what comes to a log (writeLog) or to files (writeLines)',
    )
  },
)

it('reading standard input says at the latest on a worker that it has none, and what to do', async () => {
  const error = await (
    started({ env: { ...nodeEnv(), stdin: undefined } }) as { result: Promise<unknown> }
  ).result.catch((thrown: unknown) => thrown)
  expect(errorCode(error)).toBe('MR-5201')
  expect(String(error)).toMatch(/there is none here: on a worker.* without workers.*to a log or to files/)
})
