/**
 * Schemas: rows by the names of their fields. What a codec says of them, what transforms make of them, and what is refused.
 */
import * as t from 'io-ts'
import {
  type AnyRow,
  cast,
  type Codec,
  codecOf,
  convertTo,
  count,
  drop,
  explode,
  fromJson,
  groupByFields,
  joinByFields,
  kv,
  max,
  mean,
  type PCollection,
  type Pipeline,
  pipeline,
  rename,
  type Schema,
  schemaOf,
  schemaText,
  select,
  sum,
  toJson,
  typed,
  unnest,
  withField,
  withSchema,
} from 'millrace'
import { assertThat } from 'millrace/testing'
import { decodeFromBytes, encodeToBytes } from '../../sdk/coders/index.js'
import { rowCoder } from '../../sdk/schema/schema-coder.js'
import { atomic, nullable } from '../../sdk/schema/schema.js'
import { type ConformanceCase, constructionCase, pipelineCase, unitCase } from './case.js'
import { expectSame, expectSameInAnyOrder } from './claims.js'

const Order = t.type({ id: t.number, user: t.type({ name: t.string, age: t.number }), tags: t.array(t.string) })
const ordersOf = (p: Pipeline): PCollection<t.TypeOf<typeof Order>> =>
  p.create(
    'orders',
    [
      { id: 1, user: { name: 'ann', age: 41 }, tags: ['a', 'b'] },
      { id: 2, user: { name: 'bob', age: 7 }, tags: [] },
    ],
    { codec: Order },
  )

const Sale = t.type({ user: t.string, shop: t.string, cents: t.number })
const salesOf = (p: Pipeline): PCollection<t.TypeOf<typeof Sale>> =>
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
const peopleOf = (p: Pipeline): PCollection<t.TypeOf<typeof Person>> =>
  p.create(
    'people',
    [
      { user: 'ann', shop: 'home', age: 41 },
      { user: 'eve', shop: 'none', age: 3 },
    ],
    { codec: Person },
  )

const dates = new t.Type<Date>(
  'date',
  (u): u is Date => u instanceof Date && !Number.isNaN(u.getTime()),
  (u, c) => (u instanceof Date && !Number.isNaN(u.getTime()) ? t.success(u) : t.failure(u, c)),
  t.identity,
)

/** A field of every type that fits a row. */
const Everything = t.intersection([
  t.type({
    text: t.string,
    number: t.number,
    whole: t.Int,
    wide: t.bigint,
    truth: t.boolean,
    at: dates,
    colour: t.keyof({ red: null, green: null }),
    list: t.array(t.union([t.string, t.null])),
    counts: t.record(t.string, t.number),
    inner: t.type({ a: t.union([t.number, t.null]) }),
  }),
  t.partial({ note: t.string }),
])

const everything: readonly t.TypeOf<typeof Everything>[] = [
  {
    text: 'é',
    number: -0.5,
    whole: 300 as t.Int,
    wide: 2n ** 70n,
    truth: true,
    at: new Date(5),
    colour: 'red',
    list: ['a', null],
    counts: { a: 1, b: 2 },
    inner: { a: null },
    note: 'n',
  },
  {
    text: '',
    number: Number.NaN,
    whole: -1 as t.Int,
    wide: -1n,
    truth: false,
    at: new Date(-1),
    colour: 'green',
    list: [],
    counts: {},
    inner: { a: 1 },
  },
]

/** Rows after a transform, whatever it needs of a runner beyond grouping. */
type Program = (p: Pipeline) => PCollection<unknown>

// prettier-ignore
const shaping: readonly (readonly [id: string, name: string, program: Program, expected: readonly unknown[]])[] = [
  ['SCH-03/select', 'select keeps the fields named, of nested rows too', (p) => ordersOf(p).apply('x', select('user.name', 'id')), [{ name: 'ann', id: 1 }, { name: 'bob', id: 2 }]],
  ['SCH-03/drop', 'drop keeps the others', (p) => ordersOf(p).apply('x', drop('user', 'tags')), [{ id: 1 }, { id: 2 }]],
  ['SCH-03/rename', 'rename gives new names, and may exchange two', (p) => salesOf(p).apply('x', rename({ user: 'shop', shop: 'user' })).apply('y', drop('cents')), [{ shop: 'ann', user: 'x' }, { shop: 'ann', user: 'y' }, { shop: 'bob', user: 'x' }]],
  ['SCH-03/add', 'a field is added from the row, or with a default', (p) => salesOf(p).apply('y', select('cents')).apply('z', withField('euros', ({ cents }: { readonly cents: number }) => cents / 100, { codec: t.number })).apply('x', withField('currency', () => 'EUR', { codec: t.string })), [{ cents: 5, euros: 0.05, currency: 'EUR' }, { cents: 7, euros: 0.07, currency: 'EUR' }, { cents: 1, euros: 0.01, currency: 'EUR' }]],
  ['SCH-12/unnest', 'unnest puts the fields of a nested row beside the others', (p) => ordersOf(p).apply('x', unnest('user')).apply('y', drop('tags')), [{ id: 1, user_name: 'ann', user_age: 41 }, { id: 2, user_name: 'bob', user_age: 7 }]],
  ['SCH-12/explode', 'explode gives a row for each element, and none where there is none', (p) => ordersOf(p).apply('x', explode('tags')).apply('y', drop('user')), [{ id: 1, tags: 'a' }, { id: 1, tags: 'b' }]],
]

const ann = [
  { user: 'ann', shop: 'x', cents: 5, right_shop: 'home', age: 41 },
  { user: 'ann', shop: 'y', cents: 7, right_shop: 'home', age: 41 },
]
const bob = { user: 'bob', shop: 'x', cents: 1, right_shop: null, age: null }
const eve = { user: 'eve', shop: null, cents: null, right_shop: 'none', age: 3 }
const joins = [
  ['inner', ann],
  ['left', [...ann, bob]],
  ['right', [...ann, eve]],
  ['full', [...ann, bob, eve]],
] as const

const transforms: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'SCH-01',
    name: 'rows with fields of every type go through a pipeline as they are, under one codec and another',
    needs: ['reshuffle'],
    build(p) {
      const rows = p.create('rows', everything, { codec: Everything }).reshuffle('spread')
      assertThat('rows', rows).satisfies((values) => expectSameInAnyOrder(values, everything))
      const plain = rows.map('plain', (row) => ({ ...row }), { codec: typed<AnyRow>() }).reshuffle('spread plain')
      const back = plain.map('back', (row) => row as t.TypeOf<typeof Everything>, { codec: Everything })
      assertThat('back', back.reshuffle('spread back')).satisfies((values) => expectSameInAnyOrder(values, everything))
    },
  }),
  pipelineCase({
    id: 'SCH-02',
    name: 'a step gets the fields that it asks for, and no others',
    build(p) {
      const names = ordersOf(p)
        .apply('fields', select('user.name', 'id'))
        .map('keys', (row) => Object.keys(row))
      assertThat('keys', names).containsInAnyOrder(['name', 'id'], ['name', 'id'])
    },
  }),
  ...shaping.map(([id, name, program, expected]) =>
    pipelineCase({ id, name, build: (p) => assertThat('rows', program(p)).containsInAnyOrder(...expected) }),
  ),
  constructionCase({
    id: 'SCH-03/schema',
    name: 'the schema of what comes out is made of that of what goes in; unknown names are refused',
    check(claims) {
      const p = pipeline()
      const from = ordersOf(p)
      const text = (of: PCollection<unknown>): string => {
        const { collections, coders } = p.build().graph.components
        const { schema } = coders.get(collections.get(of.id)?.coderId ?? '') ?? {}
        return schema === undefined ? '' : schemaText(schema)
      }
      claims.same(text(from.apply('select', select('user.name', 'tags'))), '{ name: string, tags: array<string> }')
      claims.same(text(from.apply('drop', drop('user'))), '{ id: double, tags: array<string> }')
      claims.same(
        text(from.apply('less', drop('user', 'tags')).apply('rename', rename({ id: 'nr' }))),
        '{ nr: double }',
      )
      const refused: readonly (readonly [() => unknown, RegExp])[] = [
        [() => from.apply('a', select('moon' as never)), /no field "moon"; the rows have "id", "user", "tags"/],
        [() => from.apply('b', drop('moon' as never)), /no field "moon"/],
        [() => from.apply('c', select('user.name', 'name' as never)), /two of the selected fields are called "name"/],
        [() => from.apply('d', rename({ id: 'tags' })), /two fields would be called "tags"/],
      ]
      for (const [make, message] of refused) claims.refuses(make, { message })
    },
  }),
  pipelineCase({
    id: 'SCH-03/cast',
    name: 'a cast changes how a number is written, and no number; empty fields stay empty',
    needs: ['reshuffle'],
    build(p) {
      const Row = t.type({ small: t.number, wide: t.bigint, none: t.union([t.number, t.null]) })
      const rows = p.create('rows', [{ small: 300, wide: 7n, none: null }], { codec: Row })
      const wider = rows.apply('cast', cast({ small: 'INT16', wide: 'DOUBLE', none: 'INT32' }))
      assertThat('cast', wider.reshuffle('spread')).isSingleton({ small: 300, wide: 7, none: null })
      const exact = rows.apply('to 64', cast({ small: 'INT64' })).apply('and back', cast({ small: 'DOUBLE' }))
      assertThat('back', exact.reshuffle('spread back')).isSingleton({ small: 300, wide: 7n, none: null })
    },
  }),
  ...([40_000, 0.5, Number.NaN] as const).map((n) =>
    pipelineCase({
      id: `SCH-03/narrowing-${n === 0.5 ? 'fraction' : n === 40_000 ? 'range' : 'nan'}`,
      name: `a number that a narrower type cannot hold fails its element, naming the field (${n})`,
      build: (p) => void p.create('rows', [{ n }]).apply('cast', cast({ n: 'INT16' })),
      fails: { message: /field "n" is .*, which does not fit INT16/ },
    }),
  ),
  pipelineCase({
    id: 'SCH-04',
    name: 'rows are grouped by fields, each aggregate looking at a field of its own',
    needs: ['combine'],
    build(p) {
      const sales = salesOf(p)
      const users = sales.apply(
        'users',
        groupByFields(['user'], {
          total: { field: 'cents', combiner: sum() },
          n: { combiner: count() },
          most: { field: 'cents', combiner: max() },
          average: { field: 'cents', combiner: mean() },
        }),
      )
      assertThat('by one', users).containsInAnyOrder(
        { user: 'ann', total: 12, n: 2, most: 7, average: 6 },
        { user: 'bob', total: 1, n: 1, most: 1, average: 1 },
      )
      const both = sales.apply('both', groupByFields(['shop', 'user'], { n: { combiner: count() } }))
      assertThat('by two', both).containsInAnyOrder(
        { shop: 'x', user: 'ann', n: 1 },
        { shop: 'y', user: 'ann', n: 1 },
        { shop: 'x', user: 'bob', n: 1 },
      )
    },
  }),
  ...joins.map(([kind, expected]) =>
    pipelineCase({
      id: `SCH-05/${kind}`,
      name: `rows are joined on fields (${kind}); a name that both sides have is told apart`,
      needs: ['flatten'],
      build: (p) =>
        assertThat(
          'joined',
          salesOf(p).apply('join', joinByFields(peopleOf(p), { on: ['user'], kind })) as PCollection<unknown>,
        ).containsInAnyOrder(...expected),
    }),
  ),
  pipelineCase({
    id: 'SCH-06',
    name: 'rows are converted to another codec with the same fields, in whatever order',
    build(p) {
      const Other = t.type({ cents: t.number, shop: t.string, user: t.string })
      const converted = salesOf(p).apply('convert', convertTo(Other))
      assertThat('order of fields', converted).satisfies((rows) => {
        for (const row of rows) expectSame(Object.keys(row), ['cents', 'shop', 'user'])
        expectSame(rows.map(({ cents }) => cents).sort(), [1, 5, 7])
      })
    },
  }),
  constructionCase({
    id: 'SCH-06/refused',
    name: 'a conversion is refused where a field is missing, is left over, or has another type',
    check(claims) {
      const to = (codec: Codec): unknown => salesOf(pipeline()).apply('convert', convertTo(codec))
      const user = t.string
      const shop = t.string
      claims.refuses(() => to(t.type({ user, shop, cents: t.number, at: t.string })), { message: /no field "at"/ })
      claims.refuses(() => to(t.type({ user, shop })), { message: /field "cents" has no place/ })
      claims.refuses(() => to(t.type({ user, shop, cents: t.string })), {
        message: /field "cents" is double, and would have to be string/,
      })
    },
  }),
]

const Strict: Schema = {
  fields: [
    { name: 'name', type: atomic('STRING') },
    { name: 'age', type: nullable(atomic('INT32')) },
  ],
}

const values: readonly ConformanceCase[] = [
  pipelineCase({
    id: 'SCH-07/null',
    name: 'null where none may be is an error that names the field and the element',
    build: (p) =>
      void p
        .create('lines', ['{"name":null,"age":1}'])
        .map('parse', (line) => JSON.parse(line) as never, { codec: codecOf(Strict) })
        .map('use', (row) => row),
    fails: { message: /name[^]*null/, step: 'parse' },
  }),
  unitCase({
    id: 'SCH-07/absent',
    name: 'a field that may be empty holds null, undefined or nothing, as its codec says',
    check(claims) {
      const coder = rowCoder(Strict)
      const back = (row: object): unknown => decodeFromBytes(coder, encodeToBytes(coder, row as never))
      claims.same(back({ name: 'a', age: null }), { name: 'a', age: null }, 'null')
      claims.same(back({ name: 'a' }), { name: 'a', age: null }, 'nothing')
      claims.refuses(() => back({ name: null, age: 1 }), {
        error: 'DecodeError',
        message: /field "name" must not be null/,
      })
      claims.refuses(() => back({ age: 1 }), { error: 'DecodeError', message: /field "name" must not be missing/ })
    },
  }),
  pipelineCase({
    id: 'SCH-07/kept',
    name: 'null stays null, undefined stays undefined, and what is absent stays absent',
    needs: ['reshuffle'],
    build(p) {
      const Row = t.intersection([
        t.type({ n: t.union([t.number, t.null]), u: t.union([t.number, t.undefined]) }),
        t.partial({ o: t.number }),
      ])
      const rows = [
        { n: null, u: undefined },
        { n: 1, u: 2, o: 3 },
      ]
      const spread = p.create('rows', rows, { codec: Row }).reshuffle('spread')
      assertThat('rows', spread).satisfies((seen) => expectSameInAnyOrder(seen, rows))
    },
  }),
  unitCase({
    id: 'SCH-08',
    name: 'a schema that has gained fields, wherever they stand, reads rows written before',
    check(claims) {
      const before: Schema = {
        fields: [
          { name: 'a', type: atomic('STRING') },
          { name: 'b', type: atomic('INT64') },
        ],
      }
      const after: Schema = {
        fields: [
          { name: 'b', type: atomic('INT64'), encodingPosition: 1 },
          { name: 'c', type: nullable(atomic('STRING')), encodingPosition: 2 },
          { name: 'a', type: atomic('STRING'), encodingPosition: 0 },
        ],
      }
      const old = encodeToBytes(rowCoder(before), { a: 'x', b: 5 })
      claims.same(decodeFromBytes(rowCoder(after), old), { b: 5, c: null, a: 'x' }, 'row')
      claims.same(
        encodeToBytes(rowCoder(after), { b: 5, c: 'y', a: 'x' }).slice(2, 5),
        encodeToBytes(rowCoder(before), { a: 'x', b: 5 }).slice(2, 5),
        'bytes of the old fields',
      )
    },
  }),
  unitCase({
    id: 'SCH-09/schema',
    name: 'a codec of a validation library has a schema and a coder of rows',
    check(claims) {
      claims.same(
        schemaText(schemaOf(Everything)),
        '{ text: string, number: double, whole: int64, wide: decimal, truth: boolean, at: millis_instant, colour: string, list: array<string?>, counts: map<string, double>, inner: { a: double? }, note: string? }',
      )
      claims.refuses(() => schemaOf(t.string), { error: 'DecodeError', message: /is no row/ })
      const p = pipeline()
      const orders = ordersOf(p)
      const { collections, coders } = p.build().graph.components
      claims.same(coders.get(collections.get(orders.id)?.coderId ?? '')?.urn, 'beam:coder:row:v1', 'coder')
    },
  }),
  pipelineCase({
    id: 'SCH-09/fails',
    name: 'a value that does not fit fails where it is made, naming the field',
    build: (p) =>
      void p.create('lines', ['{"cents":"1"}']).map('parse', (line) => JSON.parse(line) as never, {
        codec: t.type({ cents: t.number }),
      }),
    fails: { message: /cents/, step: 'parse' },
  }),
  constructionCase({
    id: 'SCH-10',
    name: 'options of a schema and of its fields are in the graph as they were given',
    check(claims) {
      const schema: Schema = {
        id: 'orders-7',
        options: [{ name: 'owner', value: { team: 'a' } }],
        fields: [
          { name: 'n', type: atomic('INT32'), description: 'how many', options: [{ name: 'pii', value: true }] },
        ],
      }
      const p = pipeline()
      const rows = p.create('rows', [{ n: 1 }], { codec: withSchema(typed<{ readonly n: number }>(), schema) })
      const { collections, coders } = p.build().graph.components
      claims.same(coders.get(collections.get(rows.id)?.coderId ?? '')?.schema, schema, 'schema')
    },
  }),
  pipelineCase({
    id: 'SCH-11',
    name: 'rows become JSON and rows again; what is no JSON, or no such row, becomes a dead letter',
    needs: ['deadLetters'],
    build(p) {
      const orders = ordersOf(p)
      assertThat('there and back', orders.apply('json', toJson()).apply('rows', fromJson(Order))).satisfies((rows) =>
        expectSameInAnyOrder(rows, [
          { id: 1, user: { name: 'ann', age: 41 }, tags: ['a', 'b'] },
          { id: 2, user: { name: 'bob', age: 7 }, tags: [] },
        ]),
      )
      const bad = p.errors('bad', (letters) =>
        assertThat(
          'letters',
          letters.map('what', ({ element }) => element),
        ).containsInAnyOrder('{', '{"cents":"1"}', 'null'),
      )
      const good = p
        .create('lines', ['{"cents":1}', '{', '{"cents":"1"}', 'null'])
        .apply('parsed', fromJson(t.type({ cents: t.number }), { onError: bad }))
      assertThat('good', good).isSingleton({ cents: 1 })
    },
  }),
  constructionCase({
    id: 'SCH-12/refused',
    name: 'what has no fields is not unnested, and what has no elements not exploded',
    check(claims) {
      const from = ordersOf(pipeline())
      claims.refuses(() => from.apply('a', unnest('id')), { message: /field "id" is double, without fields to unnest/ })
      claims.refuses(() => from.apply('b', explode('id')), { message: /field "id" is double, which has no elements/ })
    },
  }),
  pipelineCase({
    id: 'SCH-13',
    name: 'rows are one key when their fields are equal, in whatever order; −0 is 0, and NaN itself',
    build(p) {
      const User = t.intersection([t.type({ name: t.string, age: t.number }), t.partial({ nick: t.string })])
      const pairs = [
        kv({ name: 'a', age: 0 }, 1),
        kv({ age: -0, name: 'a' }, 2),
        kv({ name: 'a', age: Number.NaN, nick: 'x' }, 3),
        kv({ nick: 'x', name: 'a', age: Number.NaN }, 4),
        kv({ name: 'a', age: 1 }, 5),
      ]
      for (const [name, options] of [
        ['plain', {}],
        ['rows', { codec: t.type({ key: User, value: t.number }) }],
      ] as const) {
        const groups = p
          .create(name, pairs, options)
          .groupByKey(`group ${name}`)
          .map(`sizes ${name}`, ({ value }) => [...value].sort())
        assertThat(`groups ${name}`, groups).containsInAnyOrder([1, 2], [3, 4], [5])
      }
    },
  }),
]

/** The cases. */
export const cases: readonly ConformanceCase[] = [...transforms, ...values]
