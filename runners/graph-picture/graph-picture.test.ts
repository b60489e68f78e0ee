import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { fixedWindows, kv, type Pipeline, pipeline, state, timer, typed } from 'millrace'
import { generateSequence } from 'millrace/io/generate'
import { type Box, boxesOf, type Frame, logicalPicture, type Picture } from '../../sdk/graph/picture.js'
import { fuse } from '../core/fusion.js'
import { drawGraph } from './index.js'
import { layoutOf, type Place } from './layout.js'
import { physicalPicture } from './physical.js'

function built(write: (p: Pipeline) => void) {
  const p = pipeline()
  write(p)
  return p.build('demo')
}

/** Composites in composites, side inputs, dead letters, a stream, state, and names that mean harm. */
const demo = built((p) => {
  const bad = p.errors('bad', (letters) => letters.print('show bad'))
  const limits = p.create('limits', [kv('a', 1)]).asMap('by user')
  const read = p.apply('read', generateSequence({ rate: { elements: 1, per: '1 second' } }))
  const sums = read
    .map('parse "<b>&\\', (n) => ({ user: 'a', n }), { codec: t.type({ user: t.string, n: t.number }), onError: bad })
    .apply('outer', (all) =>
      all
        .windowInto('hours', fixedWindows('1 hour'))
        .apply('inner', (each) => each.keyBy('by user', ({ user }) => user).countPerKey('count')),
    )
  sums
    .parDo('limit', {
      outputs: { over: t.string, under: t.string },
      sides: { limits },
      process: ({ key }, { emit, sides }) => ((sides.limits.get(key) ?? 0) > 1 ? emit.over(key) : emit.under(key)),
    })
    .over.collect('over')
  sums
    .parDo('remember', {
      output: typed<number>(),
      state: { last: state.value(t.number) },
      timers: { wake: timer.processingTime() },
      process: ({ value }, { state: { last }, emit }) => {
        last.write(value)
        emit(value)
      },
      onTimer: { wake: () => undefined },
    })
    .print('remembered')
})

const framesOf = (items: Picture['items']): readonly Frame[] =>
  items.flatMap((item) => (item.kind === 'frame' ? [item, ...framesOf(item.items)] : []))
const named = (picture: Picture, label: string): Box | undefined =>
  boxesOf(picture.items).find((box) => box.label === label)

describe('the logical picture', () => {
  it('folds composites that lie too deep into one box', () => {
    const labels = (depth?: number) => boxesOf(logicalPicture(demo.graph, depth).items).map(({ label }) => label)
    expect(labels()).toEqual(expect.arrayContaining(['hours', 'by user', 'count']))
    expect(labels(1)).toEqual(expect.arrayContaining(['hours', 'inner']))
    expect(labels(0)).toEqual(expect.arrayContaining(['outer']))
    expect(labels(0)).not.toContain('hours')
    const folded = named(logicalPicture(demo.graph, 0), 'outer')
    expect(folded).toMatchObject({ shape: 'composite', notes: expect.arrayContaining(['fixed windows of 1 h']) })
  })

  it.each([undefined, 0, 1])(
    'has every leaf of the graph in one box, and arrows between boxes there are: depth %s',
    (depth) => {
      const picture = logicalPicture(demo.graph, depth)
      const boxes = boxesOf(picture.items)
      const leaves = [...demo.graph.components.transforms.values()].filter((node) => node.subtransforms.length === 0)
      expect(boxes.flatMap(({ steps }) => steps).sort()).toEqual(leaves.map(({ uniqueName }) => uniqueName).sort())
      const ids = new Set(boxes.map(({ id }) => id))
      for (const { from, to } of picture.arrows)
        expect([ids.has(from), ids.has(to), from === to]).toEqual([true, true, false])
    },
  )
})

describe('the physical picture', () => {
  const picture = physicalPicture(demo)

  it('has a frame for each stage that runs, with its steps', () => {
    const stages = fuse(demo).stages
    expect(framesOf(picture.items).map(({ label }) => label)).toEqual(stages.map((_, at) => `stage ${at + 1}`))
    const inStages = stages.flatMap(({ root, operators }) => {
      const ids = operators.map(({ info }) => info.id)
      return ids.includes(root.info.id) ? ids : [root.info.id, ...ids]
    })
    expect(
      boxesOf(picture.items)
        .flatMap(({ steps }) => steps)
        .sort(),
    ).toEqual([...new Set(inStages)].sort())
  })

  it('says what is grouped, what has state, timers and side inputs, and what is kept between', () => {
    expect(named(picture, 'remember')?.notes).toEqual(['state last: readModifyWrite', 'timer wake: processing time'])
    expect(named(picture, 'limit')?.notes).toEqual(['side input limits: limits'])
    const grouping = boxesOf(picture.items).find(({ shape }) => shape === 'grouping')
    expect(grouping).toMatchObject({
      label: 'outer/inner/count',
      notes: expect.arrayContaining(['combines by key: keeps accumulators', 'fixed windows of 1 h']),
    })
    const kept = picture.arrows.filter(({ to }) => to === grouping?.id)
    expect(kept).toEqual([
      expect.objectContaining({ isKept: true, isEndless: true, label: expect.stringMatching(/^kept: KV</) }),
    ])
    const side = picture.arrows.filter(({ isSide }) => isSide)
    expect(side).toEqual([expect.objectContaining({ label: 'limits: kept by window', isKept: true })])
  })

  it('has an arrow for each way between stages', () => {
    const stageOf = new Map(
      framesOf(picture.items).flatMap((frame) => boxesOf(frame.items).map(({ id }) => [id, frame.id] as const)),
    )
    for (const { from, to, isKept } of picture.arrows) expect(stageOf.get(from) !== stageOf.get(to)).toBe(isKept)
    const reached = new Set(picture.arrows.map(({ to }) => to))
    const unreached = boxesOf(picture.items).filter(({ id }) => !reached.has(id))
    expect(unreached.map(({ notes }) => notes.at(-1))).toEqual(unreached.map(() => 'begins'))
  })
})

describe('the layout', () => {
  const measures = {
    boxSize: () => ({ width: 100, height: 30 }),
    labelSize: () => ({ width: 40, height: 12 }),
    frameHead: () => 20,
    frameWidth: () => 60,
  }
  const apart = (a: Place, b: Place): boolean =>
    a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
  const within = (inner: Place, outer: Place): boolean =>
    inner.x >= outer.x &&
    inner.y >= outer.y + 20 &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height

  it.each([
    ['logical', logicalPicture(demo.graph)],
    ['physical', physicalPicture(demo)],
  ])(
    'of the %s picture: boxes lie apart, in their frames and in no other, and all within the page',
    async (_, picture) => {
      const { boxes, frames, width, height } = await layoutOf(picture, measures)
      for (const [at, { place }] of boxes.entries()) {
        for (const other of boxes.slice(at + 1)) expect(apart(place, other.place)).toBe(true)
        expect([
          place.x >= 0,
          place.y >= 0,
          place.x + place.width <= width,
          place.y + place.height <= height,
        ]).not.toContain(false)
      }
      for (const { frame, place } of frames) {
        const own = new Set(boxesOf(frame.items).map(({ id }) => id))
        for (const { box, place: inner } of boxes) {
          expect([box.label, own.has(box.id) ? within(inner, place) : apart(inner, place)]).toEqual([box.label, true])
        }
      }
    },
  )
})

describe('the drawing', () => {
  it('is well formed whatever names say, whole, and the same every time', async () => {
    const svg = await drawGraph(demo, { format: 'svg' })
    expect(svg).toBe(await drawGraph(demo, { format: 'svg' }))
    expect(svg).toContain('parse &#34;&#60;b&#62;&#38;\\')
    expect(svg).not.toContain('<b>')
    for (const label of ['outer', 'inner', 'hours', 'count', 'remember', 'print remembered', 'dead letters'])
      expect(svg).toContain(`>${label}</text>`)
    const open: string[] = []
    for (const [, end, name = '', rest = ''] of svg.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
      if (end === '/') expect(open.pop()).toBe(name)
      else if (!rest.endsWith('/')) open.push(name)
    }
    expect(open).toEqual([])
    expect(svg).not.toContain('NaN')
  })

  it('of an empty pipeline is an empty page', async () => {
    expect(
      await drawGraph(
        built(() => undefined),
        { format: 'svg' },
      ),
    ).toContain('<svg')
  })

  it('cuts long names, and says them whole in a title', async () => {
    const long = 'x'.repeat(200)
    const svg = await drawGraph(
      built((p) => p.create(long, [1]).print('show')),
      { format: 'svg' },
    )
    expect(svg).toContain(`${'x'.repeat(59)}…</text>`)
    expect(svg).toContain(`<title>${long}`)
  })
})

describe('as text', () => {
  it('for graphviz, no name ends a label', async () => {
    const dot = await drawGraph(demo, { format: 'dot' })
    expect(dot).toMatch(/^digraph "demo" \{\n/)
    expect(dot).toContain('label="parse \\"<b>&\\\\\\n')
    expect(dot).toContain('subgraph cluster_s')
    const plain = dot.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    expect(plain.split('{').length).toBe(plain.split('}').length)
    expect(plain).not.toContain('"b')
  })

  it('for mermaid, stages are frames too', async () => {
    const text = await drawGraph(demo, { format: 'mermaid', isPhysical: true })
    expect(text).toMatch(/^flowchart TD\n {2}subgraph s0\["stage 1<br\/>/)
    expect(text).toContain('-. "limits#58; kept by window" .->')
  })

  it('as JSON, with the fingerprint', async () => {
    const json = JSON.parse(await drawGraph(demo, { format: 'json', isPhysical: true })) as Record<string, unknown>
    expect(json).toMatchObject({
      pipeline: 'demo',
      kind: 'physical',
      graphFingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })
})
