/**
 * A sample of the cases on each engine, drawn by SAMPLE_SEED (1 where nobody says one), which continuous integration takes from the
 * commit. All of them: `npm run proof -- flink`.
 */
import { afterAll, expect, it } from 'vitest'
import { matrixText } from '../harness/matrix.js'
import { findPrism } from '../../runners/distributed/node/prism.js'
import { type ColumnChoice, runColumn } from './column.js'
import { isFlinkTried } from './installed.js'

const MILLIS = 240_000
// Not MILLRACE_SEED: commands that tests start would take it for a setting of theirs.
const seed = Number(process.env['SAMPLE_SEED'] ?? 1)
const hasFlink = isFlinkTried()
type Draw = Pick<ColumnChoice, 'only' | 'sample' | 'jobs'>
/** Areas of windows, triggers and panes, many cases to a job. */
const PANES: Draw = { only: 'GBK,CMB,WIN,BND,TRG,PAN,TSC,ACC', sample: 30, jobs: 'shared' }
/** What workers keep and are told: state, timers, splittable steps, side inputs. */
const KEPT = 'STA,TMR,OWE,SDF,SID'
const TOGETHER: Draw = { only: KEPT, sample: 12, jobs: 'shared' }
const ALONE: Draw = { only: KEPT, sample: 5, jobs: 'own' }
const said: string[] = []
afterAll(() => console.log(said.join('\n')))

it.each<[string, boolean, readonly Draw[]]>([
  ['prism', findPrism() !== undefined, [{ sample: 30 }, TOGETHER, ALONE]],
  ['flink', hasFlink, [PANES, TOGETHER, ALONE]],
])(
  'cases drawn by a seed hold on %s, are refused by name, or are known to be broken there',
  async (engine, isThere, draws) => {
    if (!isThere) {
      said.push(`skipped: ${engine} is not installed. npm run engines -- install ${engine}`)
      return
    }
    for (const draw of draws) {
      const began = performance.now()
      const matrix = await runColumn(engine, { ...draw, seed })
      const failed = matrix.rows.filter(({ reports }) => reports.some(({ status }) => status === 'failed'))
      said.push(
        `${engine}: ${matrix.rows.length} cases${draw.only === undefined ? '' : ` of ${draw.only}`} by seed ${seed}, ${Math.round((performance.now() - began) / 1000)} s${draw.jobs === 'own' ? `, each in jobs of its own: ${matrix.rows.map(({ id }) => id).join(' ')}` : ''}`,
      )
      expect(failed, `${matrixText(matrix)}\nagain: SAMPLE_SEED=${seed} npm run test:engines -- sample`).toEqual([])
    }
  },
  MILLIS,
)
