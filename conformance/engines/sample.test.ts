/**
 * A sample of the cases on each engine, drawn by MILLRACE_SEED (1 where nobody says one). All of them: `npm run proof -- flink`.
 */
import { afterAll, expect, it } from 'vitest'
import { matrixText } from '../harness/matrix.js'
import { findPrism } from '../../runners/distributed/node/prism.js'
import { runColumn } from './column.js'
import { isFlinkTried } from './installed.js'

const MILLIS = 240_000
const seed = Number(process.env['MILLRACE_SEED'] ?? 1)
const hasFlink = isFlinkTried()
/** Areas of windows, triggers and panes: on Flink those are tried whole, and their faults are known. */
const PANES = 'GBK,CMB,WIN,BND,TRG,PAN,TSC,ACC'
const said: string[] = []
afterAll(() => console.log(said.join('\n')))

it.each([
  ['prism', findPrism() !== undefined],
  ['flink', hasFlink],
])(
  'cases drawn by a seed hold on %s, are refused by name, or are known to be broken there',
  async (engine, isThere) => {
    if (!isThere) {
      said.push(`skipped: ${engine} is not installed. npm run engines -- install ${engine}`)
      return
    }
    const matrix = await runColumn(
      engine,
      engine === 'flink' ? { sample: 40, isQuick: true, only: PANES, seed } : { sample: 40, seed },
    )
    said.push(`${engine}: 40 of the cases, by seed ${seed}`)
    const failed = matrix.rows.filter(({ reports }) => reports.some(({ status }) => status === 'failed'))
    expect(failed, matrixText(matrix)).toEqual([])
  },
  MILLIS,
)
