/**
 * Random Avro schemas and values of them, for tests: in the form in which avsc has values, and in ours.
 */
import fc from 'fast-check'
import type { AvroSchema } from 'millrace/io/avro'

/** A schema, and values of it: ours, and how avsc holds the same. */
export interface SchemaAndValues {
  readonly schema: AvroSchema
  readonly values: readonly { readonly ours: unknown; readonly theirs: unknown }[]
}

interface Shape {
  readonly schema: AvroSchema
  readonly value: fc.Arbitrary<{ readonly ours: unknown; readonly theirs: unknown }>
  /** How avsc names a branch of a union. */
  readonly branch: string
}

const same = <T>(arbitrary: fc.Arbitrary<T>): Shape['value'] =>
  arbitrary.map((value) => ({ ours: value, theirs: value }))

const text = fc.string({ unit: 'binary', maxLength: 60 })
const plain = (schema: string, value: fc.Arbitrary<unknown>): Shape => ({ schema, value: same(value), branch: schema })

const primitives: readonly Shape[] = [
  plain('null', fc.constant(null)),
  plain('boolean', fc.boolean()),
  plain('int', fc.oneof(fc.integer(), fc.constantFrom(0, -1, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31)))),
  // avsc loses the last bit of longer ones.
  plain('long', fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 })),
  plain('float', fc.float()),
  plain('double', fc.double()),
  plain('string', text),
  {
    schema: 'bytes',
    branch: 'bytes',
    value: fc.uint8Array({ maxLength: 40 }).map((ours) => ({ ours, theirs: Buffer.from(ours) })),
  },
]

/** Numbers make names that no other type of the schema has. */
function shape(depth: number, names: { next: number }): fc.Arbitrary<Shape> {
  const primitive = fc.constantFrom(...primitives)
  const name = (): string => `T${names.next++}`
  const fixed = fc.integer({ min: 0, max: 9 }).map((size): Shape => {
    const own = name()
    return {
      schema: { type: 'fixed', name: own, size },
      branch: own,
      value: fc.uint8Array({ minLength: size, maxLength: size }).map((ours) => ({ ours, theirs: Buffer.from(ours) })),
    }
  })
  const enumeration = fc.integer({ min: 1, max: 5 }).map((count): Shape => {
    const own = name()
    const symbols = Array.from({ length: count }, (_, i) => `${own}_${i}`)
    return { schema: { type: 'enum', name: own, symbols }, branch: own, value: same(fc.constantFrom(...symbols)) }
  })
  if (depth === 0) return fc.oneof(primitive, fixed, enumeration)
  const inner = shape(depth - 1, names)
  const array = inner.map((items): Shape => ({
    schema: { type: 'array', items: items.schema },
    branch: 'array',
    value: fc.array(items.value, { maxLength: 5 }).map((all) => ({
      ours: all.map(({ ours }) => ours),
      theirs: all.map(({ theirs }) => theirs),
    })),
  }))
  const map = inner.map((values): Shape => ({
    schema: { type: 'map', values: values.schema },
    branch: 'map',
    value: fc
      .array(
        fc.tuple(
          fc.string({ maxLength: 5 }).filter((key) => key !== '__proto__'),
          values.value,
        ),
        { maxLength: 4 },
      )
      .map((entries) => ({
        ours: new Map(entries.map(([key, { ours }]) => [key, ours])),
        theirs: Object.fromEntries(entries.map(([key, { theirs }]) => [key, theirs])),
      })),
  }))
  const record = fc.array(inner, { maxLength: 4 }).map((types): Shape => {
    const own = name()
    return {
      schema: {
        type: 'record',
        name: own,
        fields: types.map((type, i) => ({ name: `${own}_f${i}`, type: type.schema })),
      },
      branch: own,
      value: fc.tuple(...types.map((type) => type.value)).map((values) => ({
        ours: Object.fromEntries(values.map(({ ours }, i) => [`${own}_f${i}`, ours])),
        theirs: Object.fromEntries(values.map(({ theirs }, i) => [`${own}_f${i}`, theirs])),
      })),
    }
  })
  const optional = fc
    .oneof(...primitives.slice(1).map((each) => fc.constant(each)), enumeration, record)
    .map((type): Shape => ({
      schema: ['null', type.schema],
      branch: 'union',
      value: fc.oneof(
        fc.constant({ ours: null, theirs: null }),
        type.value.map(({ ours, theirs }) => ({ ours, theirs: { [type.branch]: theirs } })),
      ),
    }))
  return fc.oneof(primitive, fixed, enumeration, array, map, record, optional)
}

/** Random schemas of records with some values each. */
export function schemasAndValues(): fc.Arbitrary<SchemaAndValues> {
  const names = { next: 0 }
  return fc.array(shape(3, names), { minLength: 1, maxLength: 5 }).chain((types) =>
    fc.array(fc.tuple(...types.map((type) => type.value)), { minLength: 1, maxLength: 8 }).map((rows) => ({
      schema: {
        type: 'record' as const,
        name: 'Root',
        fields: types.map((type, i) => ({ name: `f${i}`, type: type.schema })),
      },
      values: rows.map((row) => ({
        ours: Object.fromEntries(row.map(({ ours }, i) => [`f${i}`, ours])),
        theirs: Object.fromEntries(row.map(({ theirs }, i) => [`f${i}`, theirs])),
      })),
    })),
  )
}
