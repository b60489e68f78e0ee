/**
 * All cases on an engine, as its column of the matrix has them.
 */
import { parseArgs } from 'node:util'
import { publish, publishedColumn } from '../docs/conformance-page.js'
import { runColumn } from '../engines/column.js'
import { requireInstalled } from '../engines/installed.js'
import { countsOf, matrixText, STATUS_WORDS } from '../harness/matrix.js'
import type { LaneProgram } from './lane.js'
import { wholeNumber } from './whole-number.js'

/** What takes longer is said as it happens: hundreds of cases in a job of their own are most of the time. */
const SLOW_MILLIS = 300
const LINE_MAX = 300

/** Makes the lane's program: `--only` ids or how they begin, `--sample n` so many of them, drawn by `--from seed`; `--publish` puts the column into the documentation. */
export function engineLane(
  engine: string,
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): LaneProgram {
  return async (args) => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        sample: { type: 'string' },
        from: { type: 'string' },
        publish: { type: 'boolean' },
      },
    })
    if (values.publish === true && (values.only ?? values.sample) !== undefined)
      throw new Error('only a whole column is published: leave out --only and --sample')
    requireInstalled(engine)
    const seed = wholeNumber('--from', values.from ?? '1', 1)
    const began = performance.now()
    const matrix = await runColumn(engine, {
      seed,
      toldJob: ({ cases, holding, millis, error }) =>
        print(
          `${seconds(millis)} ${holding.length} of ${cases.length} cases in one job hold${missing(cases, holding)}${error === undefined ? '' : `: ${lineOf(error.message)}`}`,
        ),
      toldCase: ({ id, status, why }, millis) => {
        if (millis > SLOW_MILLIS || status === 'failed')
          print(`${seconds(millis)} ${id} ${STATUS_WORDS[status]} ${lineOf(why)}`)
      },
      ...(values.only === undefined ? {} : { only: values.only }),
      ...(values.sample === undefined ? {} : { sample: wholeNumber('--sample', values.sample, 1) }),
    })
    print(matrixText(matrix))
    print(`${matrix.rows.length} cases on ${engine} in ${((performance.now() - began) / 60_000).toFixed(1)} minutes`)
    if (values.publish === true) await publish(publishedColumn(matrix, today(), (performance.now() - began) / 60_000))
    const { passed, refused, failed } = countsOf(matrix, 0)
    return { passed: passed + refused, failed }
  }
}

function seconds(millis: number): string {
  return `${(millis / 1000).toFixed(1)} s`.padStart(8)
}

function lineOf(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, LINE_MAX)
}

function missing(cases: readonly string[], holding: readonly string[]): string {
  return holding.length === cases.length ? '' : ` (not ${cases.filter((id) => !holding.includes(id)).join(', ')})`
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}
