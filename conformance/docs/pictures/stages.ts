/**
 * Picture of fusion: a pipeline as its author wrote it, cut into the stages that the runner makes of it; and of bundles: the
 * same elements cut in two ways, with the same result.
 */
import { type Pipeline, pipeline, sum } from 'millrace'
import { directRunner } from 'millrace/direct'
import { fuse } from '../../../runners/core/fusion.js'
import type { Operator, Stage } from '../../../runners/core/stage.js'
import { picture, tag, text, widthOf } from './svg.js'

function wordsByLength(): Pipeline {
  const p = pipeline()
  p.create('lines', ['call me ishmael', 'some years ago'])
    .flatMap('split', (line) => line.split(' '))
    .filter('long ones', (word) => word.length > 3)
    .keyBy('by length', (word) => word.length)
    .groupByKey('group')
    .map('list', ({ key, value }) => ({ key, words: [...value] }))
    .map('as text', ({ key, words }) => `${key}: ${words.join(' ')}`)
    .collect('lists')
  return p
}

/** Steps of a stage, in order; those that the author did not name are left out. */
function stepsOf({ root, operators }: Stage): readonly string[] {
  const paths = [root.info.path, ...operators.map((operator: Operator) => operator.info.path)]
  return [...new Set(paths)]
}

const [WIDTH, LEFT] = [680, 24]
const FUSION = 'Steps become stages: a stage is cut where something must be stored'

/** The picture of fusion. */
export function fusionPicture(): string {
  const stages = fuse(wordsByLength().build()).stages.map((stage) => ({ kind: stage.root.kind, steps: stepsOf(stage) }))
  const body = [text(LEFT, 24, FUSION, { class: 'title' })]
  const seen = new Set<string>()
  let y = 44
  stages.forEach(({ kind, steps }, n) => {
    const own = steps.filter((step) => !seen.has(step) || kind === 'grouping')
    own.forEach((step) => seen.add(step))
    const said = own.length === 0 ? steps.slice(0, 1) : own
    let x = LEFT + 96
    const pills = said.flatMap((step, i) => {
      const width = widthOf(step, 12) + 24
      const shape = { x, y: y + 12, width, height: 28, rx: 14, class: 'f-ground s-first', 'stroke-width': 1.4 }
      const parts = [tag('rect', shape), text(x + width / 2, y + 30, step, { class: 'mid f-first' })]
      if (i < said.length - 1)
        parts.push(tag('line', { x1: x + width, x2: x + width + 14, y1: y + 26, y2: y + 26, class: 's-first' }))
      x += width + 14
      return parts
    })
    body.push(tag('rect', { x: LEFT, y, width: WIDTH - 2 * LEFT, height: 52, rx: 8, class: 'f-window s-edge' }))
    body.push(text(LEFT + 14, y + 31, `stage ${n + 1}`, { class: 'strong' }), ...pills)
    y += 52
    const next = stages[n + 1]
    if (next !== undefined) {
      body.push(tag('line', { x1: LEFT + 40, x2: LEFT + 40, y1: y, y2: y + 26, class: 's-soft', 'stroke-width': 1.4 }))
      body.push(
        tag('path', { d: `M${LEFT + 36} ${y + 21}L${LEFT + 40} ${y + 27}L${LEFT + 44} ${y + 21}Z`, class: 'f-soft' }),
      )
      const why =
        next.kind === 'grouping' ? 'stored by key and window, until the window answers' : 'handed on in bundles'
      body.push(text(LEFT + 56, y + 18, why, { class: 'small f-soft' }))
      y += 28
    }
  })
  const description =
    'A pipeline of eight steps is run as stages. Within a stage elements go from call to call; between stages they are stored.'
  return picture({ width: WIDTH, height: y + 20, title: FUSION, description }, body)
}

const BUNDLES = 'Bundles: where they are cut must not change the result'

/** Which elements a run has put into a bundle together, and what came out. */
async function bundlesOf(bundleSize: number): Promise<{ readonly bundles: number[][]; readonly total: number }> {
  const bundles: number[][] = []
  const p = pipeline()
  const numbers = p.create('numbers', [4, 8, 1, 5, 2, 9, 3, 7, 6, 5, 4, 1])
  numbers.parDo('look', {
    startBundle: () => void bundles.push([]),
    process: (value) => void bundles.at(-1)?.push(value),
  })
  numbers.combineGlobally('sum', sum()).collect('sum')
  const result = await directRunner().start(p.build(), { bundleSize }).result
  return { bundles: bundles.filter((bundle) => bundle.length > 0), total: result.collect<number>('sum')[0] ?? 0 }
}

/** The picture of bundles. */
export async function bundlesPicture(): Promise<string> {
  const body = [text(LEFT, 24, BUNDLES, { class: 'title' })]
  let y = 44
  for (const size of [1, 5, 12]) {
    const { bundles, total } = await bundlesOf(size)
    body.push(text(LEFT, y + 22, `bundleSize: ${size}`, { class: 'small f-soft' }))
    let x = LEFT + 112
    for (const bundle of bundles) {
      const width = bundle.length * 31 + 3
      body.push(tag('rect', { x, y, width, height: 34, rx: 8, class: 'f-window s-first', 'stroke-width': 1.3 }))
      bundle.forEach((value, i) => {
        body.push(
          tag('circle', { cx: x + 17 + i * 31, cy: y + 17, r: 11, class: 'f-ground s-element', 'stroke-width': 1.6 }),
        )
        body.push(text(x + 17 + i * 31, y + 21, String(value), { class: 'small mid strong f-element' }))
      })
      x += width + 5
    }
    body.push(text(WIDTH - LEFT, y + 22, `sum ${total}`, { class: 'end strong f-onTime' }))
    y += 48
  }
  const description =
    'Twelve numbers run with bundles of one, of five and of twelve elements. The bundles differ, the sum does not.'
  return picture({ width: WIDTH, height: y + 8, title: BUNDLES, description }, body)
}
