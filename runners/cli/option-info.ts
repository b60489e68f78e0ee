/**
 * What is known of a pipeline's options before anybody gives one: names, types, defaults. An io-ts codec of a record tells
 * its fields; a Standard Schema tells them where it can describe itself as JSON Schema, as zod's and others' can.
 */
import type { Codec } from '../../sdk/codec.js'
import { type OptionField, optionFields, type PipelineDefinition } from '../../sdk/define-pipeline.js'
import { kebab } from './command-line.js'
import { variableOf } from './runner-settings.js'

/** One option. */
export interface OptionInfo {
  readonly name: string
  /** The name of its codec, or its type in JSON Schema. */
  readonly type: string
  /** Whether it needs no value: it takes `true` and not just any text. */
  readonly isFlag: boolean
  readonly isRequired: boolean
  readonly isSecret: boolean
  /** What it is when it is not given, where the codec says so. */
  readonly default: unknown
  readonly description: string | undefined
}

/** The options of a codec; `undefined` when it does not list them. */
export function optionInfos(codec: Codec | undefined): readonly OptionInfo[] | undefined {
  return optionFields(codec)?.map(ofField) ?? (codec === undefined ? [] : ofJsonSchema(codec))
}

/** Rows for the help of a file: option and type; what it does, whether it must be given, what it is else. */
export function optionRows({ optionsCodec }: PipelineDefinition): readonly (readonly [string, string])[] | undefined {
  return optionInfos(optionsCodec)?.map((info) => {
    const remarks = [
      ...(info.description === undefined ? [] : [info.description]),
      info.isRequired ? 'required' : info.default === undefined ? 'optional' : `default ${shown(info.default)}`,
      `or ${variableOf(kebab(info.name))}`,
    ]
    return [`--${kebab(info.name)}${info.isFlag ? '' : ` <${info.type}>`}`, remarks.join(', ')] as const
  })
}

/** A default, as text. */
function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
}

/** Whether a field's codec takes a value. */
export function accepts({ codec }: OptionField, value: unknown): boolean {
  return codec.decode(value)._tag === 'Right'
}

/** Whether an option of an io-ts codec needs no value. */
export function isFlag(field: OptionField): boolean {
  return accepts(field, true) && !accepts(field, 'any text at all')
}

function ofField(field: OptionField): OptionInfo {
  const { name, codec, required, isSecret } = field
  const outcome = codec.decode(undefined) as { readonly _tag: string; readonly right?: unknown }
  const { description } = codec as { readonly description?: unknown }
  return {
    name,
    type: codec.name,
    isFlag: isFlag(field),
    isRequired: required,
    isSecret,
    default: outcome._tag === 'Right' ? outcome.right : undefined,
    description: typeof description === 'string' ? description : undefined,
  }
}

interface Property {
  readonly type?: unknown
  readonly enum?: readonly unknown[]
  readonly items?: Property
  readonly default?: unknown
  readonly description?: unknown
}

/** Standard JSON Schema: `~standard.jsonSchema.input`. */
interface Described {
  readonly '~standard'?: {
    readonly jsonSchema?: {
      readonly input?: (options: { readonly target: string }) => Readonly<Record<string, unknown>>
    }
  }
}

function ofJsonSchema(codec: Codec): readonly OptionInfo[] | undefined {
  const describe = (codec as Described)['~standard']?.jsonSchema?.input
  if (describe === undefined) return undefined
  let schema: Readonly<Record<string, unknown>>
  try {
    schema = describe({ target: 'draft-2020-12' })
  } catch {
    // It may hold what JSON Schema has no word for.
    return undefined
  }
  const { properties, required = [] } = schema as {
    readonly properties?: Readonly<Record<string, Property>>
    readonly required?: readonly string[]
  }
  if (properties === undefined) return undefined
  return Object.entries(properties).map(([name, property]) => ({
    name,
    type: typeText(property),
    isFlag: property.type === 'boolean',
    isRequired: required.includes(name) && property.default === undefined,
    isSecret: false,
    default: property.default,
    description: typeof property.description === 'string' ? property.description : undefined,
  }))
}

function typeText(property: Property): string {
  const { type, items } = property
  if (property.enum !== undefined) return property.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (type === 'array' && items !== undefined) return `Array<${typeText(items)}>`
  return typeof type === 'string' ? type : Array.isArray(type) ? type.join(' | ') : 'value'
}
