/**
 * Transforms of Beam's Python SDK, by the name of what makes them there: what `apache_beam` itself takes through its expansion service
 * (`python -m apache_beam.runners.portability.expansion_service_main --fully_qualified_name_glob '*'`).
 *
 * The URN, the names of the three fields and the logical type of callables are Python's: `FullyQualifiedNamedTransform` in
 * `apache_beam/transforms/fully_qualified_named_transform.py`, `PythonCallable` in `apache_beam/typehints/schemas.py`.
 */
import { encodeToBytes } from '../coders/index.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { atomic, type Field, type FieldType, type Schema } from '../schema/schema.js'
import { rowCoder } from '../schema/schema-coder.js'
import type { ExternalTransform } from './external.js'

const FULLY_QUALIFIED = 'beam:transforms:python:fully_qualified_named'
const CALLABLE = 'beam:logical_type:python_callable:v1'

/** Python source that is a function there. Made by {@link pythonCallable}. */
export class PythonCallable {
  readonly source: string

  /** @internal */
  constructor(source: string) {
    this.source = source
  }
}

/** What can be given to something in Python: integers go as `int`, other numbers as `float`. */
export type PythonValue = string | number | boolean | Uint8Array | PythonCallable

/**
 * A function, as Python source: an expression such as `lambda x: x + 1`, the name of something importable, or a `def`.
 *
 * @example
 * ```ts
 * import { pythonCallable } from 'millrace'
 * pythonCallable('lambda word: len(word)').source // => 'lambda word: len(word)'
 * ```
 */
export function pythonCallable(source: string): PythonCallable {
  if (typeof source !== 'string' || source.trim() === '')
    refuse('MR-1004', `pythonCallable needs Python source, but got ${preview(source)}.`)
  return new PythonCallable(source)
}

/**
 * A transform of Python, for {@link external}.
 *
 * @param constructor what makes it, with its module: `apache_beam.Map`.
 * @param args positional arguments.
 * @param kwargs arguments by name.
 * @example
 * ```ts
 * import { pythonCallable, pythonTransform } from 'millrace'
 * pythonTransform('apache_beam.CombinePerKey', [pythonCallable('lambda values: sum(values)')]).urn // => 'beam:transforms:python:fully_qualified_named'
 * ```
 */
export function pythonTransform(
  constructor: string,
  args: readonly PythonValue[] = [],
  kwargs: Readonly<Record<string, PythonValue>> = {},
): ExternalTransform {
  if (typeof constructor !== 'string' || constructor === '')
    refuse('MR-1004', `pythonTransform needs the name of what makes the transform, but got ${preview(constructor)}.`)
  const positional = new Map(args.map((value, i): [string, PythonValue] => [`arg${i}`, value]))
  const named = new Map(Object.entries(kwargs))
  const schema = schemaOf([
    { name: 'constructor', type: atomic('STRING') },
    ...rowField('args', positional),
    ...rowField('kwargs', named),
  ])
  const row = {
    constructor,
    ...(positional.size === 0 ? {} : { args: rowOf(positional) }),
    ...(named.size === 0 ? {} : { kwargs: rowOf(named) }),
  }
  return { urn: FULLY_QUALIFIED, configuration: { schema, row: encodeToBytes(rowCoder(schema), row) } }
}

/** Python makes a class of each schema, by its id: two with one id would be one. */
function schemaOf(fields: readonly Field[]): Schema {
  const kindOf = (type: FieldType): string =>
    type.kind === 'atomic' ? type.atomic : type.kind === 'row' ? (type.schema.id ?? '') : type.kind
  return { id: `millrace-${fields.map(({ name, type }) => `${name}-${kindOf(type)}`).join('-')}`, fields }
}

function rowField(name: string, values: ReadonlyMap<string, PythonValue>): readonly Field[] {
  if (values.size === 0) return []
  const fields = [...values].map(([field, value]): Field => ({ name: field, type: typeOfValue(field, value) }))
  return [{ name, type: { kind: 'row', nullable: false, schema: schemaOf(fields) } }]
}

function typeOfValue(name: string, value: PythonValue): FieldType {
  if (value instanceof PythonCallable)
    return { kind: 'logical', nullable: false, urn: CALLABLE, representation: atomic('STRING') }
  if (value instanceof Uint8Array) return atomic('BYTES')
  switch (typeof value) {
    case 'string':
      return atomic('STRING')
    case 'boolean':
      return atomic('BOOLEAN')
    case 'number':
      return atomic(Number.isSafeInteger(value) ? 'INT64' : 'DOUBLE')
    default:
      return refuse(
        'MR-1004',
        `argument "${name}" for Python is a string, a number, a boolean, bytes or a pythonCallable, but got ${preview(value)}.`,
      )
  }
}

function rowOf(values: ReadonlyMap<string, PythonValue>): Readonly<Record<string, unknown>> {
  return Object.fromEntries([...values].map(([name, value]) => [name, value instanceof PythonCallable ? value.source : value])) // prettier-ignore
}
