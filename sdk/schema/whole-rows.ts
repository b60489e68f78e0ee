/**
 * Rows as a whole: under another codec, and as JSON. Functions for `apply`.
 */
import * as t from 'io-ts'
import type { Codec, TypeOf } from '../codec.js'
import { DecodeError } from '../errors.js'
import { reservedName } from '../graph/builder.js'
import type { PCollection } from '../pcollection.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import type { StepOptions } from '../transforms/do-fn.js'
import { addMap } from '../transforms/element-wise.js'
import { refusingLoss } from '../transforms/keyed.js'
import { schemaOf } from './codec-row.js'
import { fieldOf, schemaOfCollection } from './fields.js'
import { fieldTypeText } from './schema.js'

type Values = Readonly<Record<string, unknown>>

/**
 * The same rows under another codec with the same fields, in whatever order it names them.
 *
 * @throws {PipelineError} when the input has no schema, or the two schemas differ, naming the field.
 * @example
 * ```ts
 * import { convertTo, pipeline } from 'millrace'
 * import * as t from 'io-ts'
 * const Point = t.type({ x: t.number, y: t.number })
 * const Place = t.type({ y: t.number, x: t.number }, 'Place')
 * pipeline().create('points', [{ x: 1, y: 2 }], { codec: Point }).apply('places', convertTo(Place))
 * ```
 */
export function convertTo<C extends Codec>(codec: C): (input: PCollection<unknown>) => PCollection<TypeOf<C>> {
  const to = schemaOf(codec)
  const names = to.fields.map(({ name }) => name)
  return (input) => {
    const from = schemaOfCollection(input)
    if (from === undefined)
      return refuse(
        'MR-4014',
        'rows can be converted when a codec says what they are. Give the step that makes them a codec.',
      )
    for (const { name, type } of to.fields) {
      const [was, is] = [fieldTypeText(fieldOf(from, name).type), fieldTypeText(type)]
      if (was !== is) refuse('MR-4013', `field "${name}" is ${was}, and would have to be ${is}.`)
    }
    const extra = from.fields.find(({ name }) => !names.includes(name))
    if (extra !== undefined)
      refuse('MR-4013', `field "${extra.name}" has no place in the new rows. Drop it before: drop("${extra.name}").`)
    return input.derive(addMap(input, reservedName('convert'), present(names), { codec }))
  }
}

/** The fields that are there. */
function present(names: readonly string[]): (row: Values) => Values {
  return (row) => Object.fromEntries(names.filter((name) => Object.hasOwn(row, name)).map((name) => [name, row[name]]))
}

/**
 * Rows as one JSON text each. What JSON would lose (NaN, bigints, Maps) is refused at its element.
 *
 * @example
 * ```ts
 * import { pipeline, toJson } from 'millrace'
 * pipeline().create('users', [{ name: 'ann' }]).apply('json', toJson()) // '{"name":"ann"}'
 * ```
 */
export function toJson(options: StepOptions = {}): (input: PCollection<unknown>) => PCollection<string> {
  return (input) => input.map('json', jsonOf, { ...options, codec: t.string })
}

function jsonOf(row: unknown): string {
  const text = JSON.stringify(row, refusingLoss)
  if (text === undefined) throw new DecodeError('MR-4016', `${preview(row)} has no JSON`)
  return text
}

/**
 * Rows from JSON texts, checked by a codec. With `onError`, texts that are no JSON or do not fit become dead letters.
 *
 * @example
 * ```ts
 * import { fromJson, pipeline } from 'millrace'
 * import * as t from 'io-ts'
 * const p = pipeline()
 * const bad = p.errors('bad rows', (letters) => letters.print('bad'))
 * p.create('lines', ['{"name":"ann"}', '{']).apply('users', fromJson(t.type({ name: t.string }), { onError: bad }))
 * ```
 */
export function fromJson<C extends Codec>(
  codec: C,
  options: StepOptions = {},
): (input: PCollection<string>) => PCollection<TypeOf<C>> {
  return (input) =>
    input.derive(
      addMap(input, reservedName('rows'), (text: string): unknown => JSON.parse(text), { ...options, codec }),
    )
}
