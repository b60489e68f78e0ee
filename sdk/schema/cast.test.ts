import * as t from 'io-ts'
import { expect, expectTypeOf, it } from 'vitest'
import { cast, type PCollection, pipeline, run } from 'millrace'
import { inEveryMode } from '../../conformance/support/modes.js'

const Row = t.type({ name: t.string, n: t.number, wide: t.bigint })
const failure = (n: number | bigint, type: 'BYTE' | 'INT16' | 'INT64' | 'FLOAT' | 'DOUBLE'): Promise<string> => {
  const p = pipeline()
  p.create('rows', [{ n }])
    .apply('cast', cast({ n: type }))
    .collect('out')
  return run(p).then(
    (result) => String(result.collect<{ readonly n: unknown }>('out')[0]?.n),
    (error: unknown) => (error as Error).message,
  )
}

inEveryMode((options) => {
  it('numbers are the same in their new type', async () => {
    const p = pipeline()
    p.create('rows', [{ name: 'a', n: 300, wide: 7n }], { codec: Row })
      .apply('cast', cast({ n: 'INT32', wide: 'DOUBLE' }))
      .reshuffle('spread')
      .collect('out')
    expect((await run(p, options)).collect('out')).toEqual([{ name: 'a', n: 300, wide: 7 }])
  })
})

it.each([
  [127, 'BYTE', '127'],
  [-32768, 'INT16', '-32768'],
  [2n ** 62n, 'INT64', String(2n ** 62n)],
  [5n, 'INT64', '5'],
  [0.1, 'FLOAT', String(Math.fround(0.1))],
  [Infinity, 'FLOAT', 'Infinity'],
  [2n ** 60n, 'DOUBLE', String(2 ** 60)],
] as const)('%s fits %s', async (n, type, expected) => {
  expect(await failure(n, type)).toBe(expected)
})

it.each([
  [128, 'BYTE'],
  [40_000, 'INT16'],
  [0.5, 'INT16'],
  [Number.NaN, 'INT64'],
  [2n ** 63n, 'INT64'],
  [1e300, 'FLOAT'],
  [2n ** 60n + 1n, 'DOUBLE'],
] as const)('%s does not fit %s, and the field is named', async (n, type) => {
  expect(await failure(n, type)).toMatch(/step "cast.*" failed.*field "n" is .*, which does not fit/)
})

it('what are no numbers are refused at construction, and wrong names do not compile', () => {
  const rows = pipeline().create('rows', [{ name: 'a', n: 1, wide: 1n }], { codec: Row })
  expect(() => rows.apply('x', cast({ name: 'INT32' }))).toThrow('field "name" is string, and only numbers are cast.')
  expect(() => cast({ n: 'STRING' as never })).toThrow('field "n" cannot be cast to "STRING"')
  expectTypeOf(rows.apply('y', cast({ n: 'INT64' }))).toEqualTypeOf<
    PCollection<{ readonly name: string; readonly n: number | bigint; readonly wide: bigint }>
  >()
  // @ts-expect-error there is no such field
  expect(() => rows.apply('z', cast({ shoe: 'INT32' }))).toThrow('no field "shoe"')
})
