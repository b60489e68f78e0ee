/**
 * The table that rows are written to: looked at before anything runs, and made if that is wished for.
 *
 * Law: what would fail for every row is refused before the first one, with the statement that mends it.
 */
import { coded } from '../../sdk/error-codes.js'
import { preview } from '../../sdk/preview.js'
import { type Field, type Schema } from '../../sdk/schema/schema.js'
import type { Place } from './database.js'
import { isSameName, quoted, quotedList } from './identifier.js'
import type { Database } from './package.js'
import { notThere } from './table-options.js'
import { type Affinity, columnOf, isUnique, tableShape, type TableShape } from './table-shape.js'
import { columnType } from './values.js'

/** What the table is to be. */
export interface TargetOptions {
  readonly place: Place & { readonly table: string }
  readonly columns: readonly string[]
  /** Columns that tell rows apart; none where rows are appended. */
  readonly key: readonly string[]
  /** What the columns are made of, where a codec says it. */
  readonly schema: Schema | undefined
  readonly create: boolean
}

/** A table that can be written to. */
export interface TargetTable {
  readonly name: string
  /** By the columns that are written. */
  readonly affinities: readonly Affinity[]
}

/** The table, made if it is not there and may be. @throws when rows cannot be written to it. */
export function targetTable(db: Database, options: TargetOptions): TargetTable {
  const { place, create, columns } = options
  const where = `database ${preview(place.file)}`
  if (create && tableShape(db, place.table) === undefined) db.exec(createStatement(options))
  const shape = tableShape(db, place.table)
  if (shape === undefined)
    throw notThere(
      `${where} has no table ${preview(place.table)}. Make it: ${createStatement(options)}${options.schema === undefined ? '' : ', or say create: true'}.`,
    )
  checkColumnsOf(shape, options, `${where}: table ${preview(place.table)}`)
  return {
    name: shape.name,
    affinities: columns.map((name) => columnOf(shape, name)?.affinity ?? 'blob'),
  }
}

/** The statement that makes the table. */
function createStatement({ place, columns, key, schema }: TargetOptions): string {
  const parts = columns.map((name) => columnDefinition(name, schema))
  if (key.length > 0) parts.push(`PRIMARY KEY (${quotedList(key)})`)
  return `CREATE TABLE ${quoted(place.table)} (${parts.join(', ')})`
}

function columnDefinition(name: string, schema: Schema | undefined): string {
  const field = schema?.fields.find((each: Field) => each.name === name)
  if (field === undefined) return quoted(name)
  const type = columnType('writeTable', name, field.type)
  return `${quoted(name)} ${type}${field.type.nullable ? '' : ' NOT NULL'}`
}

function checkColumnsOf(shape: TableShape, { columns, key, schema }: TargetOptions, where: string): void {
  if (shape.isView)
    throw coded('MR-5301', new Error(`${where} is a view, which holds no rows. Write to the tables it is made of.`))
  const table = quoted(shape.name)
  const absent = columns.filter((name) => columnOf(shape, name) === undefined)
  if (absent.length > 0) {
    const statements = absent.map((name) => {
      const nullable = columnDefinition(name, schema).replace(/ NOT NULL$/, '')
      return `ALTER TABLE ${table} ADD COLUMN ${nullable};`
    })
    throw notThere(`${where} has no column ${preview(absent[0])}. Add it: ${statements.join(' ')}`)
  }
  const computed = columns.find((name) => columnOf(shape, name)?.isGenerated)
  if (computed !== undefined)
    throw notThere(
      `${where}: nobody can write column ${preview(computed)}, which the table computes. Leave it out of columns.`,
    )
  const needed = shape.columns.find(
    ({ name, isRequired }) => isRequired && !columns.some((other) => isSameName(other, name)),
  )
  if (needed !== undefined)
    throw notThere(
      `${where}: column ${preview(needed.name)} must have a value, has no default, and would not be written. Add it to the columns.`,
    )
  if (key.length > 0 && !isUnique(shape, key))
    throw coded(
      'MR-5307',
      new Error(
        `${where}: several rows may have the same ${preview(key)}, so it is no key. Make it one: CREATE UNIQUE INDEX ${quoted(`${shape.name}_key`)} ON ${table} (${quotedList(key)});`,
      ),
    )
}
