import * as t from 'io-ts'
import { expect, expectTypeOf, it } from 'vitest'
import {
  customWindows,
  fixedWindows,
  kv,
  NO_FIRING,
  type PCollection,
  pipeline,
  reify,
  type Reified,
  restoreTimestamps,
  run,
  slidingWindows,
} from 'millrace'
import { inEveryMode } from '../../conformance/support/modes.js'

inEveryMode((options) => {
  it('makes timestamp, window and pane part of the element', async () => {
    const p = pipeline()
    p.create('words', ['a'])
      .withTimestamps('times', () => 12)
      .windowInto('tens', slidingWindows(10, { every: 5 }))
      .apply('reified', reify())
      .collect('out')
    const reified = (await run(p, options)).collect<Reified<string>>('out')
    expect([...reified].sort((a, b) => a.window.start - b.window.start)).toEqual([
      { value: 'a', timestamp: 12, window: { start: 5, end: 15 }, pane: NO_FIRING },
      { value: 'a', timestamp: 12, window: { start: 10, end: 20 }, pane: NO_FIRING },
    ])
  })

  it('shows the pane that a grouping gave, and the data of a window', async () => {
    const p = pipeline()
    const labelled = customWindows({
      name: 'labelled',
      data: t.string,
      assign: () => ({ start: 0, end: 9, data: 'x' }),
    })
    p.create('words', ['a'])
      .windowInto('labelled', labelled)
      .map('pairs', (word) => kv(word, 1))
      .countPerKey('count')
      .apply('reified', reify())
      .collect('out')
    const [reified] = (await run(p, options)).collect<Reified<unknown>>('out')
    expect(reified).toMatchObject({ timestamp: 8, window: { start: 0, end: 9, data: 'x' }, pane: { timing: 'onTime' } })
  })

  it('restores timestamps exactly, and windows with them', async () => {
    const p = pipeline()
    const restored = p
      .create('times', [3, 17, 25])
      .withTimestamps('times of', (n) => n)
      .apply('reified', reify())
      .withTimestamps('elsewhere', () => 1000)
      .apply('restored', restoreTimestamps())
    expectTypeOf(restored).toEqualTypeOf<PCollection<number>>()
    restored.windowInto('tens', fixedWindows(10)).collect('out')
    const out = (await run(p, options)).collectWindowed<number>('out')
    expect(out.map(({ value, timestamp, window }) => [value, timestamp, window.start]).sort()).toEqual([
      [17, 17, 10],
      [25, 25, 20],
      [3, 3, 0],
    ])
  })
})
