/** Transforms over rows: what they give in every way of running, what they refuse, and what does not compile. */
import * as t from 'io-ts'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  convertTo,
  count,
  drop,
  explode,
  fromJson,
  groupByFields,
  joinByFields,
  type JoinedRow,
  max,
  mean,
  type PCollection,
  type Pipeline,
  pipeline,
  rename,
  run,
  schemaText,
  select,
  sum,
  toJson,
  unnest,
  withField,
} from 'millrace'
import { inEveryMode } from '../../conformance/support/modes.js'
import { schemaOfCollection } from './fields.js'

const Order = t.type({ id: t.number, user: t.type({ name: t.string, age: t.number }), tags: t.array(t.string) })
type Order = t.TypeOf<typeof Order>
const two: readonly Order[] = [
  { id: 1, user: { name: 'ann', age: 41 }, tags: ['a', 'b'] },
  { id: 2, user: { name: 'bob', age: 7 }, tags: [] },
]
const orders = (p: Pipeline): PCollection<Order> => p.create('orders', two, { codec: Order })
const plainOrders = (p: Pipeline): PCollection<Order> => p.create('orders', two)
const Sale = t.type({ user: t.string, shop: t.string, cents: t.number })
const sales = (p: Pipeline): PCollection<t.TypeOf<typeof Sale>> =>
  p.create(
    'sales',
    [
      { user: 'ann', shop: 'x', cents: 5 },
      { user: 'ann', shop: 'y', cents: 7 },
      { user: 'bob', shop: 'x', cents: 1 },
    ],
    { codec: Sale },
  )
const Person = t.type({ user: t.string, shop: t.string, age: t.number })
const plainSales = (p: Pipeline) => p.create('plain sales', [{ user: 'ann', shop: 'x', cents: 5 }])
const people = (p: Pipeline): PCollection<t.TypeOf<typeof Person>> =>
  p.create(
    'people',
    [
      { user: 'ann', shop: 'home', age: 41 },
      { user: 'eve', shop: 'none', age: 3 },
    ],
    { codec: Person },
  )

const ann = [
  { user: 'ann', shop: 'x', cents: 5, right_shop: 'home', age: 41 },
  { user: 'ann', shop: 'y', cents: 7, right_shop: 'home', age: 41 },
]
const bob = { user: 'bob', shop: 'x', cents: 1, right_shop: null, age: null }
const eve = { user: 'eve', shop: null, cents: null, right_shop: 'none', age: 3 }

// prettier-ignore
const programs: readonly (readonly [string, (p: Pipeline) => PCollection<unknown>, readonly unknown[]])[] = [
  ['select', (p) => orders(p).apply('x', select('user.name', 'id')), [{ name: 'ann', id: 1 }, { name: 'bob', id: 2 }]],
  ['select without a codec', (p) => plainOrders(p).apply('x', select('user')), [{ user: { name: 'ann', age: 41 } }, { user: { name: 'bob', age: 7 } }]],
  ['drop', (p) => orders(p).apply('x', drop('user', 'tags')), [{ id: 1 }, { id: 2 }]],
  ['rename', (p) => orders(p).apply('y', drop('user', 'tags')).apply('x', rename({ id: 'nr' })), [{ nr: 1 }, { nr: 2 }]],
  ['rename, exchanging two', (p) => sales(p).apply('x', rename({ user: 'shop', shop: 'user' })).apply('y', drop('cents')), [{ shop: 'ann', user: 'x' }, { shop: 'ann', user: 'y' }, { shop: 'bob', user: 'x' }]],
  ['a field', (p) => sales(p).apply('y', select('cents')).apply('x', withField('euros', ({ cents }: { cents: number }) => cents / 100, { codec: t.number })), [{ cents: 5, euros: 0.05 }, { cents: 7, euros: 0.07 }, { cents: 1, euros: 0.01 }]],
  ['unnest', (p) => orders(p).apply('x', unnest('user')).apply('y', drop('tags')), [{ id: 1, user_name: 'ann', user_age: 41 }, { id: 2, user_name: 'bob', user_age: 7 }]],
  ['explode', (p) => orders(p).apply('x', explode('tags')).apply('y', drop('user')), [{ id: 1, tags: 'a' }, { id: 1, tags: 'b' }]],
  ['groups', (p) => sales(p).apply('x', groupByFields(['user'], { total: { field: 'cents', combiner: sum() }, n: { combiner: count() }, most: { field: 'cents', combiner: max() }, average: { field: 'cents', combiner: mean() } })), [{ user: 'ann', total: 12, n: 2, most: 7, average: 6 }, { user: 'bob', total: 1, n: 1, most: 1, average: 1 }]],
  ['groups by two', (p) => sales(p).apply('x', groupByFields(['user', 'shop'], { n: { combiner: count() } })), [{ user: 'ann', shop: 'x', n: 1 }, { user: 'ann', shop: 'y', n: 1 }, { user: 'bob', shop: 'x', n: 1 }]],
  ['an inner join', (p) => sales(p).apply('x', joinByFields(people(p), { on: ['user'] })), ann],
  ['a left join', (p) => sales(p).apply('x', joinByFields(people(p), { on: ['user'], kind: 'left' })), [...ann, bob]],
  ['a right join', (p) => sales(p).apply('x', joinByFields(people(p), { on: ['user'], kind: 'right' })), [...ann, eve]],
  ['a full join', (p) => sales(p).apply('x', joinByFields(people(p), { on: ['user'], kind: 'full' })), [...ann, bob, eve]],
  ['a conversion', (p) => sales(p).apply('x', convertTo(t.strict({ cents: t.number, shop: t.string, user: t.string }))), [{ user: 'ann', shop: 'x', cents: 5 }, { user: 'ann', shop: 'y', cents: 7 }, { user: 'bob', shop: 'x', cents: 1 }]],
  ['JSON and back', (p) => orders(p).apply('x', toJson()).apply('y', fromJson(Order)), two],
]

/** Fields in any order. */
const byName = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value
const byText = (values: readonly unknown[]): readonly string[] =>
  values.map((value) => JSON.stringify(value, byName)).sort()

inEveryMode((options) => {
  it.each(programs)('%s', async (_, build, expected) => {
    const p = pipeline()
    build(p).reshuffle('spread').collect('out')
    expect(byText((await run(p, options)).collect('out'))).toEqual(byText(expected))
  })

  it('what is no row becomes a dead letter', async () => {
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.map('what', ({ element }) => element).collect('lines'))
    p.create('lines', ['{"cents":1}', '{', '{"cents":"1"}'])
      .apply('rows', fromJson(t.type({ cents: t.number }), { onError: bad }))
      .collect('out')
    const result = await run(p, options)
    expect(result.collect('out')).toEqual([{ cents: 1 }])
    expect([...result.collect('bad/lines')].sort()).toEqual(['{', '{"cents":"1"}'])
  })
})

describe('the schema of the output', () => {
  const schema = (made: PCollection<unknown>): string | undefined => {
    const found = schemaOfCollection(made)
    return found && schemaText(found)
  }
  it('is made from that of the input', () => {
    const p = pipeline()
    const from = orders(p)
    expect(schema(from.apply('select', select('user.name', 'tags')))).toBe('{ name: string, tags: array<string> }')
    expect(schema(from.apply('drop', drop('user')))).toBe('{ id: double, tags: array<string> }')
    expect(schema(from.apply('rename', rename({ id: 'nr' })))).toBe(
      '{ nr: double, user: { name: string, age: double }, tags: array<string> }',
    )
    expect(schema(from.apply('unnest', unnest('user')))).toBe(
      '{ id: double, tags: array<string>, user_name: string, user_age: double }',
    )
    expect(
      schema(
        from.apply(
          'field',
          withField('n', () => true, { codec: t.boolean }),
        ),
      ),
    ).toContain('n: boolean }')
    expect(schema(plainOrders(pipeline()).apply('select', select('id')))).toBeUndefined()
  })
})

// prettier-ignore
const refused: readonly (readonly [string, (p: Pipeline) => unknown, string])[] = [
  ['an unknown field', (p) => orders(p).apply('x', select('moon' as never)), 'there is no field "moon"; the rows have "id", "user", "tags".'],
  ['an unknown field to drop', (p) => orders(p).apply('x', drop('moon' as never)), 'there is no field "moon"'],
  ['two fields of one name', (p) => orders(p).apply('x', select('user.name', 'name' as never)), 'two of the selected fields are called "name"'],
  ['a name that is taken', (p) => orders(p).apply('x', rename({ id: 'tags' })), 'two fields would be called "tags"'],
  ['what has no elements', (p) => orders(p).apply('x', explode('id')), 'field "id" is double, which has no elements to explode.'],
  ['what has no fields', (p) => orders(p).apply('x', unnest('id')), 'field "id" is double, without fields to unnest.'],
  ['an aggregate called as a key', (p) => sales(p).apply('x', groupByFields(['user'], { user: { combiner: count() } })), 'aggregate "user" has the name of a field grouped by'],
  ['an outer join of unknown fields', (p) => sales(p).apply('x', joinByFields(p.create('some', [{ user: 'a', n: 1 }]), { on: ['user'], kind: 'left' })), 'a left join fills the fields of the right side with null, but no codec says what they are'],
  ['a join on two types', (p) => sales(p).apply('x', joinByFields(p.create('some', [{ user: 1 }], { codec: t.type({ user: t.number }) }), { on: ['user'] }) as never), 'the join is on "user", which is string on the left and double on the right'],
  ['a conversion to other fields', (p) => sales(p).apply('x', convertTo(t.type({ user: t.string, when: t.string }))), 'there is no field "when"; the rows have "user", "shop", "cents".'],
  ['a conversion to another type', (p) => sales(p).apply('x', convertTo(t.type({ user: t.string, shop: t.string, cents: t.Int }))), 'field "cents" is double, and would have to be int64.'],
  ['a conversion to fewer fields', (p) => sales(p).apply('x', convertTo(t.type({ user: t.string }))), 'field "shop" has no place in the new rows. Drop it before'],
]
it.each(refused)('%s is refused at construction', (_, build, message) => {
  expect(() => build(pipeline())).toThrow(message)
})

// prettier-ignore
const missing: readonly (readonly [string, (p: Pipeline) => PCollection<unknown>, string])[] = [
  ['groups by', (p) => plainSales(p).apply('x', groupByFields(['usr' as never], { n: { combiner: count() } })), 'step "x" reads field "usr"'],
  ['groups by, and every object has', (p) => plainSales(p).apply('x', groupByFields(['constructor' as never], { n: { combiner: count() } })), 'step "x" reads field "constructor"'],
  ['aggregates', (p) => plainSales(p).apply('x', groupByFields(['user'], { n: { field: 'cnts' as never, combiner: sum() } })), 'step "x" reads field "cnts"'],
  ['joins on', (p) => plainSales(p).apply('x', joinByFields(p.create('some', [{ usr: 'ann' }]), { on: ['usr' as never] })), 'step "x" reads field "usr"'],
  ['joins on, and only the left has', (p) => plainSales(p).apply('x', joinByFields(p.create('some', [{ usr: 'ann' }]), { on: ['user' as never] })), 'step "x" reads field "user"'],
]
it.each(missing)('a field that it %s, and that a row does not have, fails the run', async (_, build, message) => {
  const p = pipeline()
  build(p).collect('out')
  await expect(run(p)).rejects.toThrow(message)
  await expect(run(p)).rejects.toThrow(/which this row does not have: \{.*"ann"/)
})

it('a field that is there without a value is grouped by, and so is one that a class gives', async () => {
  class Visit {
    get who(): string {
      return 'ann'
    }
  }
  const p = pipeline()
  p.create('some', [{ user: null }, { user: null }])
    .apply('x', groupByFields(['user'], { n: { combiner: count() } }))
    .collect('empty')
  p.create('visits', [1])
    .map('visit', () => new Visit())
    .apply('y', groupByFields(['who'], { n: { combiner: count() } }))
    .collect('own')
  const result = await run(p)
  expect(result.collect('empty')).toEqual([{ user: null, n: 2 }])
  expect(result.collect('own')).toEqual([{ who: 'ann', n: 1 }])
})

it('types follow the fields, and wrong names do not compile', () => {
  const p = pipeline()
  const from = orders(p)
  expectTypeOf(from.apply('a', select('user.name', 'id'))).toEqualTypeOf<
    PCollection<{ readonly name: string; readonly id: number }>
  >()
  const totals = sales(p).apply('b', groupByFields(['user'], { total: { field: 'cents', combiner: sum() } }))
  expectTypeOf(totals.map('c', ({ user, total }) => `${user}${total}`)).toEqualTypeOf<PCollection<string>>()
  type Sales = t.TypeOf<typeof Sale>
  type Joined = JoinedRow<Sales, t.TypeOf<typeof Person>, 'user', 'left'>
  expectTypeOf<Joined['cents']>().toEqualTypeOf<number>()
  expectTypeOf<Joined['age']>().toEqualTypeOf<number | null>()
  expectTypeOf<Joined['right_shop']>().toEqualTypeOf<string | null>()
  const build = (): void => {
    // @ts-expect-error there is no such field
    from.apply('x', select('user.shoe'))
    // @ts-expect-error there is no such field
    from.apply('x', drop('shoe'))
    // @ts-expect-error there is no such field
    from.apply('x', rename({ shoe: 'foot' }))
    // @ts-expect-error there is no such field
    from.apply('x', explode('shoe'))
    // @ts-expect-error a sum is one of numbers
    sales(p).apply('x', groupByFields(['user'], { total: { field: 'shop', combiner: sum() } }))
    // @ts-expect-error one of them has no such field
    sales(p).apply('x', joinByFields(people(p), { on: ['age'] }))
  }
  expect(build).toBeTypeOf('function')
})
