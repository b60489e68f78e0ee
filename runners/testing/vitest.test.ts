import { describe, expect, it } from 'vitest'
import { fixedWindows, kv, type Pipeline, pipeline, run } from 'millrace'
import { assertThat, at, testStream } from 'millrace/testing'
import 'millrace/testing/vitest'

const words = (p: Pipeline): unknown => p.create('words', ['to', 'be']).map('shout', (w) => w.toUpperCase()).collect('loud') // prettier-ignore

describe('matchers', () => {
  it('compare what was collected, in any order', async () => {
    const result = await run(words)
    expect(result).toHaveCollected('loud', ['BE', 'TO'])
    expect(result).not.toHaveCollected('loud', ['TO'])
    expect(() => expect(result).toHaveCollected('loud', ['TO', 'OR'])).toThrow(/missing \["OR"\], unexpected \["BE"\]/)
    expect(() => expect(result).not.toHaveCollected('loud', ['TO', 'BE'])).toThrow(/anything but/)
    expect(() => expect(5).toHaveCollected('loud', [])).toThrow(/is for the result of a run/)
  })

  it('compare panes, as far as they are given', async () => {
    const p = pipeline()
    p.apply('events', testStream<number>().add(at(1, 1)).advanceWatermarkTo(10).add(at(2, 2)).end())
      .windowInto('tens', fixedWindows(10), { allowedLateness: 10 })
      .keyBy('k', () => 'k')
      .countPerKey('count')
      .collect('panes')
    const result = await run(p)
    expect(result).toHavePanes('panes', [
      { value: kv('k', 1), timing: 'late', index: 1, isLast: false },
      { value: kv('k', 1), timing: 'onTime', window: { start: 0, end: 10 }, timestamp: 9 },
    ])
    expect(() => expect(result).toHavePanes('panes', [{ value: kv('k', 1), timing: 'early' }])).toThrow(
      /missing \{ value: .*timing: "early" \}\n +unexpected .* in \[/,
    )
    expect(() => expect(result).not.toHavePanes('panes', [{ value: kv('k', 1) }, { value: kv('k', 1) }])).toThrow(/but these/) // prettier-ignore
  })

  it('panes that fit several are paired so that each has its own', async () => {
    const p = pipeline()
    p.apply('events', testStream<number>().add(at(1, 1)).advanceWatermarkTo(10).add(at(2, 2)).end())
      .windowInto('tens', fixedWindows(10), { allowedLateness: 10 })
      .keyBy('k', () => 'k')
      .countPerKey('count')
      .collect('panes')
    const result = await run(p)
    const value = kv('k', 1)
    expect(result).toHavePanes('panes', [{ value }, { value, timing: 'onTime' }])
    expect(result).toHavePanes('panes', [{ value }, { value, timing: 'late' }])
    expect(result).not.toHavePanes('panes', [{ value, timing: 'late' }, { value, timing: 'late' }]) // prettier-ignore
  })

  it('run a pipeline', async () => {
    await expect(words).toRunTo({ loud: ['BE', 'TO'] }, { strict: true })
    await expect(expect(words).toRunTo({ loud: ['BE'] })).rejects.toThrow(/elements of "loud" to be \["BE"\]/)
    await expect(expect(words).toRunTo({})).rejects.toThrow(/claims nothing/)
  })
})

// The hook after the test is what fails it.
describe('a test that forgets to run its pipeline', () => {
  it.fails('fails', () => {
    assertThat('forgotten', pipeline().create('n', [1])).isEmpty()
  })
})

describe('a test whose assertion claims nothing', () => {
  it.fails('fails', () => {
    assertThat('silent', pipeline().create('n', [1])).inOnTimePane()
  })
})
