import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { coGroupByKey, count, kv, type Pipeline, pipeline, run } from 'millrace'
import { assertThat } from 'millrace/testing'
import { requireCodecs } from './require-codecs.js'

/** What is said about a pipeline. */
function refusalOf(build: (p: Pipeline) => unknown): string {
  const p = pipeline()
  build(p)
  try {
    requireCodecs(p.build())
    return 'accepted'
  } catch (error) {
    return (error as Error).message
  }
}

describe('requireCodecs', () => {
  it.each<[string, (p: Pipeline) => unknown, string]>([
    [
      'a grouping',
      (p) => p.create('w', [kv('a', 1)]).groupByKey('group'),
      'step "group" stores elements of "w" that no codec describes',
    ],
    [
      'countPerElement',
      (p) => p.create('w', ['a']).countPerElement('count'),
      'step "count" stores elements of "w" that no codec describes',
    ],
    ['distinct', (p) => p.create('w', ['a']).distinct('once'), 'step "once" stores elements of "w"'],
    ['combineGlobally', (p) => p.create('w', ['a']).combineGlobally('n', count()), 'step "n" stores elements of "w"'],
    [
      'a step behind another that the SDK makes of several',
      (p) => p.create('w', ['a'], { codec: t.string }).map('x', (w) => w).distinct('once').countPerElement('count'), // prettier-ignore
      'step "once" stores elements of "x"',
    ],
    [
      'steps in a scope',
      (p) => p.apply('shop', (q) => q.create('w', ['a']).countPerElement('count')),
      'step "shop/count" stores elements of "shop/w"',
    ],
    [
      'a step in a scope of what comes from outside',
      (p) => p.create('w', ['a']).apply('shop', (w) => w.countPerElement('count')),
      'step "shop/count" stores elements of "w"',
    ],
    [
      'a join',
      (p) =>
        coGroupByKey('join', {
          left: p.create('l', [kv('a', 1)], { codec: t.type({ key: t.string, value: t.number }) }),
          right: p.create('r', [kv('a', 1)]),
        }),
      'step "join" stores elements of "r"',
    ],
  ])('names the author’s step whose elements are not described: %s', (_, build, message) => {
    expect(refusalOf(build)).toContain(message)
    expect(refusalOf(build)).toMatch(/\n {2}at .*require-codecs\.test\.ts:\d+:\d+$/)
  })

  it('leaves assertions out, and nothing but them', async () => {
    const asserted = (p: Pipeline) => {
      const doubled = p.create('n', [1, 2]).map('double', (n) => n * 2)
      assertThat('doubled', doubled).containsInAnyOrder(2, 4)
      p.apply('scope', (q) => assertThat('inner', q.create('m', ['x'])).containsInAnyOrder('x'))
      return doubled
    }
    const p = pipeline()
    asserted(p)
    await expect(run(p, { requireCodecs: true })).resolves.toMatchObject({ state: 'DONE' })
    expect(refusalOf((q) => asserted(q).distinct('assert once'))).toContain('step "assert once" stores elements of "double"') // prettier-ignore
  })
})
