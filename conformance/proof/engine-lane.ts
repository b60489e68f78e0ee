/**
 * All cases on an engine, as its column of the matrix has them.
 */
import { parseArgs } from 'node:util'
import { runColumn } from '../engines/column.js'
import { countsOf, matrixText } from '../harness/matrix.js'
import type { LaneProgram } from './lane.js'
import { wholeNumber } from './whole-number.js'

/** Makes the lane's program: `--only` ids or how they begin, `--sample n` so many of them, drawn by `--from seed`. */
export function engineLane(
  engine: string,
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): LaneProgram {
  return async (args) => {
    const { values } = parseArgs({
      args: [...args],
      options: { only: { type: 'string' }, sample: { type: 'string' }, from: { type: 'string' } },
    })
    const seed = wholeNumber('--from', values.from ?? '1', 1)
    const began = performance.now()
    const matrix = await runColumn(engine, {
      seed,
      ...(values.only === undefined ? {} : { only: values.only }),
      ...(values.sample === undefined ? {} : { sample: wholeNumber('--sample', values.sample, 1) }),
    })
    print(matrixText(matrix))
    print(`${matrix.rows.length} cases on ${engine} in ${((performance.now() - began) / 60_000).toFixed(1)} minutes`)
    const { passed, refused, failed } = countsOf(matrix, 0)
    return { passed: passed + refused, failed }
  }
}
