/**
 * The types of values that Avro files hold, from the schema where the compiler can see it.
 */

import type { AvroSchema } from './schema.js'

/** A value of an Avro file. Records are objects, maps are Maps, bytes Uint8Arrays, decimals texts. */
export type AvroValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | readonly AvroValue[]
  | ReadonlyMap<string, AvroValue>
  | { readonly [field: string]: AvroValue }

/** Types of the primitives. */
interface Primitives {
  readonly null: null
  readonly boolean: boolean
  readonly int: number
  readonly long: number | bigint
  readonly float: number
  readonly double: number
  readonly bytes: Uint8Array
  readonly string: string
}

/** Types of the logical types, by their name. */
interface Logicals {
  readonly date: Date
  readonly 'timestamp-millis': Date
  readonly 'timestamp-micros': Date
  readonly decimal: string
}

/**
 * The type of the values of a schema that is written `as const`; of a schema that is not, or of a name, {@link AvroValue}.
 *
 * @example
 * ```ts
 * import type { AvroValueOf } from 'millrace/io/avro'
 * type Point = AvroValueOf<{ type: 'record'; name: 'Point'; fields: [{ name: 'x'; type: 'int' }] }> // { readonly x: number }
 * ```
 */
export type AvroValueOf<S> = AvroSchema extends S
  ? AvroValue
  : S extends keyof Primitives
    ? Primitives[S]
    : S extends string
      ? AvroValue
      : S extends readonly (infer Branch)[]
        ? AvroValueOf<Branch>
        : S extends {
              readonly type: 'record'
              readonly fields: infer Fields extends readonly { readonly name: string }[]
            }
          ? {
              readonly [F in Fields[number] as F['name']]: F extends { readonly type: infer T } ? AvroValueOf<T> : never
            }
          : S extends { readonly type: 'enum'; readonly symbols: readonly (infer Symbol)[] }
            ? Symbol
            : S extends { readonly type: 'array'; readonly items: infer Items }
              ? readonly AvroValueOf<Items>[]
              : S extends { readonly type: 'map'; readonly values: infer Values }
                ? ReadonlyMap<string, AvroValueOf<Values>>
                : S extends { readonly logicalType: infer L extends keyof Logicals }
                  ? Logicals[L]
                  : S extends { readonly type: 'fixed' }
                    ? Uint8Array
                    : S extends { readonly type: infer T }
                      ? AvroValueOf<T>
                      : AvroValue
