import { afterEach, describe, expect, it } from 'vitest'
import { fixedWindows, kv, type PCollection, type Pipeline, pipeline, run, sessionWindows } from 'millrace'
import { type Assertion, assertThat, at, testStream, unrunAssertions } from 'millrace/testing'
import { modes } from '../../conformance/support/modes.js'

afterEach(() => void unrunAssertions())

/** What a claim about values comes to: nothing, or why it does not hold. */
async function claim<T>(values: readonly T[], make: (assertion: Assertion<T>) => void, tolerance = 0): Promise<string> {
  const p = pipeline()
  make(assertThat('it', p.create('values', values), { tolerance }))
  return run(p).then(
    () => 'holds',
    (error: unknown) => (error as Error).message,
  )
}

describe('claims', () => {
  it.each<readonly [string, readonly unknown[], (a: Assertion<unknown>) => void]>([
    ['the same elements in another order', [1, 2, 2], (a) => a.containsInAnyOrder(2, 1, 2)],
    ['an empty collection', [], (a) => a.isEmpty()],
    ['a collection with something', [0], (a) => a.isNotEmpty()],
    ['a number of elements', ['a', 'b'], (a) => a.hasSize(2)],
    ['no elements', [], (a) => a.hasSize(0)],
    ['one element', [{ b: 1, a: 2 }], (a) => a.isSingleton({ a: 2, b: 1 })],
    ['a predicate', [1, 2], (a) => a.satisfies((values) => expect([...values].sort()).toEqual([1, 2]))],
    ['an asynchronous predicate', [1], (a) => a.satisfies(async () => Promise.resolve())],
    ['bytes', [Uint8Array.of(1, 2)], (a) => a.containsInAnyOrder(Uint8Array.of(1, 2))],
    ['NaN and both zeros', [Number.NaN, -0], (a) => a.containsInAnyOrder(0, Number.NaN)],
    ['maps and sets', [new Map([['a', new Set([1])]])], (a) => a.isSingleton(new Map([['a', new Set([1])]]))],
    ['bigints', [10n ** 30n], (a) => a.isSingleton(10n ** 30n)],
    ['dates', [new Date(5)], (a) => a.isSingleton(new Date(5))],
  ])('holds for %s', async (_, values, make) => {
    expect(await claim(values, make)).toBe('holds')
  })

  it.each<readonly [string, readonly unknown[], (a: Assertion<unknown>) => void, RegExp]>([
    ['a missing element', [1], (a) => a.containsInAnyOrder(1, 2), /missing: \[2\]; expected \[1, 2\], got \[1\]/],
    ['an unexpected element', [1, 3], (a) => a.containsInAnyOrder(1), /unexpected: \[3\]; expected \[1\]/],
    ['one too few of the same', [1], (a) => a.containsInAnyOrder(1, 1), /missing: \[1\]; expected \[1, 1\], got \[1\]/],
    ['one too many of the same', [1, 1], (a) => a.containsInAnyOrder(1), /unexpected: \[1\]/],
    ['what should be empty', [1], (a) => a.isEmpty(), /unexpected: \[1\]/],
    ['what should not be empty', [], (a) => a.isNotEmpty(), /expected elements, got none/],
    ['another number of elements', [1], (a) => a.hasSize(2), /expected 2 elements, got 1/],
    ['another singleton', [1], (a) => a.isSingleton(2), /expected one element, 2, got \[1\]/],
    ['two instead of one', [1, 1], (a) => a.isSingleton(1), /expected one element, 1, got \[1, 1\]/],
    ['none instead of one', [], (a) => a.isSingleton(1), /expected one element, 1, got \[\]/],
    ['a number and its text', [1], (a) => a.isSingleton('1'), /expected one element, "1", got \[1\]/],
    ['a number and the same bigint', [1], (a) => a.isSingleton(1n), /1n/],
    ['an asynchronous predicate that rejects', [], (a) => a.satisfies(() => Promise.reject(new Error('no'))), /: no/],
    ['a predicate that throws text', [], (a) => a.satisfies(() => { throw 'bare' }), /bare/], // prettier-ignore
  ])('fails on %s, with both sides and the line', async (_, values, make, message) => {
    const text = await claim(values, make)
    expect(text).toMatch(message)
    expect(text).toMatch(/assertion "assert it" failed[^]*assert-that\.test\.ts:\d+/)
  })

  it('take numbers for equal that lie within the tolerance, wherever they stand', async () => {
    const near = [{ a: [0.1 + 0.2, new Map([['m', 1]])] }]
    const wanted = { a: [0.3, new Map([['m', 1 + 1e-12]])] }
    expect(await claim<unknown>(near, (a) => a.containsInAnyOrder(wanted), 1e-9)).toBe('holds')
    expect(await claim<unknown>(near, (a) => a.containsInAnyOrder(wanted))).toMatch(/missing/)
    expect(await claim<unknown>(near, (a) => a.containsInAnyOrder({ a: [0.4] }), 1e-9)).toMatch(/missing/)
  })

  it('match close values as well as can be, not first come first served', async () => {
    expect(await claim([0.9, 1.8], (a) => a.containsInAnyOrder(1.5, 0), 1)).toBe('holds')
    expect(await claim([5, 1.8], (a) => a.containsInAnyOrder(1.5, 0), 1)).toMatch(/missing: \[0\]; unexpected: \[5\]/)
  })

  it('refuse a size or a tolerance that is none', () => {
    const numbers = pipeline().create('n', [1])
    expect(() => assertThat('a', numbers).hasSize(-1)).toThrow(/hasSize of "assert a" takes a number of elements/)
    expect(() => assertThat('b', numbers, { tolerance: Number.NaN })).toThrow(/tolerance of assertion "b"/)
  })
})

/** A window with an on-time pane and two late ones, and one with an on-time pane only. */
function panes(p: Pipeline): PCollection<{ readonly key: string; readonly value: number }> {
  return p
    .apply(
      'events',
      testStream<number>()
        .add(at(1, 10), at(2, 20), at(12, 5))
        .advanceWatermarkTo(10)
        .add(at(3, 30))
        .add(at(4, 40))
        .end(),
    )
    .windowInto('tens', fixedWindows(10), { allowedLateness: 100, accumulation: 'accumulating' })
    .keyBy('one', () => 'all')
    .countPerKey('count')
}

const first = { start: 0, end: 10 }
const second = { start: 10, end: 20 }

describe('views', () => {
  it.each(modes)('show the panes of windows: $name', async ({ options }) => {
    const p = pipeline()
    const counts = panes(p)
    assertThat('first', counts).inWindow(first).containsInAnyOrder(kv('all', 2), kv('all', 3), kv('all', 4))
    assertThat('second', counts).inWindow(second).isSingleton(kv('all', 1))
    assertThat('on time', counts).inOnTimePane().containsInAnyOrder(kv('all', 2), kv('all', 1))
    assertThat('on time first', counts).inOnTimePane(first).isSingleton(kv('all', 2))
    assertThat('late first', counts).inLatePanes(first).containsInAnyOrder(kv('all', 3), kv('all', 4))
    assertThat('late second', counts).inLatePanes(second).isEmpty()
    assertThat('not late', counts).inNonLatePanes(first).isSingleton(kv('all', 2))
    assertThat('early', counts).inEarlyPanes().isEmpty()
    assertThat('no such window', counts).inWindow({ start: 50, end: 60 }).isEmpty()
    await run(p, options)
  })

  it('say in which part a claim failed', async () => {
    const p = pipeline()
    const counts = panes(p)
    assertThat('nowhere', counts).inLatePanes({ start: 50, end: 60 }).containsInAnyOrder(kv('all', 1))
    assertThat('final', counts).inFinalPane(first).isNotEmpty()
    const message = await run(p).then(String, String)
    expect(message).toMatch(/"assert nowhere" failed: missing: .* in \[50, 60\) in late panes/)
    expect(message).toMatch(/"assert final" failed: expected elements, got none in \[0, 10\) in final panes/)
  })

  it('take elements that no grouping has produced for final and not late', async () => {
    const p = pipeline()
    const numbers = p.create('n', [1, 2])
    assertThat('final', numbers).inFinalPane().containsInAnyOrder(1, 2)
    assertThat('not late', numbers).inNonLatePanes().containsInAnyOrder(1, 2)
    assertThat('on time', numbers).inOnTimePane().isEmpty()
    await run(p)
  })

  it.each(modes)('look through merging windows, before and after they are merged: $name', async ({ options }) => {
    const p = pipeline()
    const sessions = p
      .apply('events', testStream<string>().add(at(0, 'a'), at(4, 'a'), at(30, 'a')).end())
      .windowInto('sessions', sessionWindows(10))
    assertThat('before', sessions).inWindow({ start: 4, end: 14 }).isSingleton('a')
    const counts = sessions.keyBy('self', (word) => word).countPerKey('count')
    assertThat('after', counts).inWindow({ start: 0, end: 14 }).isSingleton(kv('a', 2))
    assertThat('all', counts).inFinalPane().hasSize(2)
    await run(p, options)
  })
})

describe('assertions', () => {
  it('are judged inside composites, and several on one collection', async () => {
    const p = pipeline()
    const seen: string[] = []
    const numbers = p.create('n', [1, 2])
    numbers.apply('checked', (input) => {
      assertThat('a', input).satisfies(() => void seen.push('a'))
      assertThat('b', input).satisfies(() => void seen.push('b'))
      return input.map('same', (n) => n)
    })
    assertThat('a', numbers).satisfies(() => void seen.push('outer a'))
    await run(p)
    expect(seen.sort()).toEqual(['a', 'b', 'outer a'])
  })

  it('are listed with their line as long as nobody runs their pipeline', async () => {
    const never = pipeline()
    assertThat('forgotten', never.create('n', [1])).isEmpty()
    const p = pipeline()
    assertThat('run', p.create('n', [1])).isNotEmpty()
    await run(p)
    const failing = pipeline()
    assertThat('run and failed', failing.create('n', [1])).isEmpty()
    await run(failing).catch(() => undefined)
    expect(unrunAssertions()).toEqual([
      expect.stringMatching(/^assertion "assert forgotten" was never judged[^]*assert-that\.test\.ts:\d+/),
    ])
    expect(unrunAssertions()).toEqual([])
  })
})

it('an assertion without a claim is refused at its line, and is listed until then', async () => {
  const p = pipeline()
  const silent = assertThat('silent', p.create('n', [1]))
  assertThat('narrowed', p.create('m', [1]))
    .inOnTimePane()
    .isEmpty()
  await expect(run(p)).rejects.toThrow(/assertion "assert silent" claims nothing\. .*\n {2}at .*assert-that\.test\.ts/s)
  silent.isSingleton(1)
  expect((await run(p)).state).toBe('DONE')
  assertThat('never built', pipeline().create('n', [1])).inFinalPane()
  expect(unrunAssertions()).toEqual([expect.stringMatching(/"assert never built" claims nothing/)])
})
