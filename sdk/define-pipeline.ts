/**
 * What a module exports: a named pipeline with typed options. Options are checked once, frozen, stored with the graph
 * and handed to every worker, which never reads flags or environment itself.
 *
 * Law: the same options give the same graph.
 */
import { type Codec, codecName, decodeWith, isCodec, isIoTs, type IoTsCodec, type TypeOf } from './codec.js'
import { PipelineError } from './errors.js'
import type { BuiltPipeline } from './graph/model.js'
import { Pipeline } from './pipeline.js'
import { isSecret } from './secret.js'
import { suggestion } from './suggestion.js'

const brand = Symbol.for('millrace.pipelineDefinition')

/** A pipeline that a module exports. Made by {@link definePipeline}. */
export interface PipelineDefinition<Options = unknown> {
  readonly name: string
  readonly optionsCodec: Codec | undefined
  /** Builds the graph with checked options. @throws {PipelineError} when an option is missing, unknown or wrong. */
  readonly build: (options: unknown) => BuiltPipeline
  /** Only for the compiler. */
  readonly _Options?: Options
}

/** Options of a pipeline belong to its author, except these, which belong to the runner. */
export const RESERVED_OPTIONS: readonly string[] = [
  'runner',
  'options',
  'strict',
  'seed',
  'reexecute',
  'bundleSize',
  'workers',
  'isolation',
  'guarantee',
  'callTimeout',
  'requireCodecs',
  'stageCompiler',
  'json',
  'help',
  'check',
  'watch',
  'ui',
  'checkpointDir',
  'signal',
  'env',
]

/**
 * Declares the pipeline a module exports.
 *
 * @example
 * ```ts
 * import * as t from 'io-ts'
 * import { definePipeline } from 'millrace'
 * export default definePipeline({
 *   name: 'shout',
 *   options: t.type({ word: t.string }),
 *   build(p, o) {
 *     p.create('word', [o.word]).map('upper', (word) => word.toUpperCase()).print('show')
 *   },
 * })
 * ```
 */
export function definePipeline<C extends Codec>(definition: {
  readonly name: string
  readonly options: C
  readonly build: (p: Pipeline, options: Readonly<TypeOf<C>>) => void
}): PipelineDefinition<TypeOf<C>>
export function definePipeline(definition: {
  readonly name: string
  readonly build: (p: Pipeline) => void
}): PipelineDefinition<Record<never, never>>
export function definePipeline(definition: {
  readonly name: string
  readonly options?: Codec
  readonly build: (p: Pipeline, options: never) => void
}): PipelineDefinition {
  const { name, options: codec } = definition
  if (typeof name !== 'string' || name === '')
    throw new PipelineError('MR-7016', 'definePipeline needs a name, as text.')
  if (typeof definition.build !== 'function')
    throw new PipelineError('MR-7016', `pipeline "${name}" needs a build function.`)
  if (codec !== undefined) checkReserved(name, codec)
  const built: PipelineDefinition = {
    name,
    optionsCodec: codec,
    build(given) {
      const options = checkedOptions(name, codec, given)
      const p = new Pipeline()
      definition.build(p, options as never)
      return p.build(name, options)
    },
  }
  return Object.assign(built, { [brand]: true })
}

/** Whether a value was made by `definePipeline`, of whichever copy of the package. */
export function isPipelineDefinition(value: unknown): value is PipelineDefinition {
  return typeof value === 'object' && value !== null && (value as { readonly [brand]?: true })[brand] === true
}

/** One field of an options codec, as flags and help need it. */
export interface OptionField {
  readonly name: string
  readonly codec: IoTsCodec
  readonly required: boolean
  readonly isSecret: boolean
}

/** The fields of an options codec; `undefined` when its form does not tell (a Standard Schema). */
export function optionFields(codec: Codec | undefined): readonly OptionField[] | undefined {
  if (codec === undefined) return []
  if (!isIoTs(codec)) return undefined
  const shape = codec as IoTsCodec & {
    readonly _tag?: string
    readonly props?: Readonly<Record<string, IoTsCodec>>
    readonly types?: readonly IoTsCodec[]
    readonly type?: IoTsCodec
  }
  switch (shape._tag) {
    case 'InterfaceType':
    case 'PartialType':
      return Object.entries(shape.props ?? {}).map(([name, field]) => ({
        name,
        codec: field,
        required: shape._tag === 'InterfaceType' && !field.is(undefined) && field.decode(undefined)._tag === 'Left',
        isSecret: isSecret(field),
      }))
    case 'IntersectionType': {
      const parts = (shape.types ?? []).map(optionFields)
      return parts.some((part) => part === undefined) ? undefined : parts.flatMap((part) => part ?? [])
    }
    case 'ExactType':
    case 'ReadonlyType':
      return optionFields(shape.type)
    default:
      return undefined
  }
}

function checkReserved(pipeline: string, codec: Codec): void {
  for (const field of optionFields(codec) ?? []) {
    if (!RESERVED_OPTIONS.includes(field.name)) continue
    throw new PipelineError(
      'MR-7015',
      `pipeline "${pipeline}" has an option "${field.name}", a name that belongs to the runner. Call it something else.`,
    )
  }
}

function checkedOptions(pipeline: string, codec: Codec | undefined, given: unknown): Readonly<Record<string, unknown>> {
  const options = given ?? {}
  if (typeof options !== 'object')
    throw new PipelineError('MR-7013', `options of pipeline "${pipeline}" must be an object.`)
  const known = optionFields(codec)
  if (known !== undefined) {
    for (const name of Object.keys(options)) {
      if (known.some((field) => field.name === name)) continue
      throw new PipelineError(
        'MR-7012',
        `pipeline "${pipeline}" has no option "${name}".${suggestion(
          name,
          known.map((field) => field.name),
        )}`,
      )
    }
  }
  if (codec === undefined) return Object.freeze({})
  if (!isCodec(codec)) throw new PipelineError('MR-7014', `options of pipeline "${pipeline}" are no codec.`)
  for (const field of known ?? []) {
    if (!field.required || (options as Record<string, unknown>)[field.name] !== undefined) continue
    throw new PipelineError('MR-7011', `pipeline "${pipeline}" needs option "${field.name}" (${field.codec.name}).`)
  }
  const checked = checkFields(pipeline, codec, options, known)
  return deepFreeze(checked) as Readonly<Record<string, unknown>>
}

function checkFields(
  pipeline: string,
  codec: Codec,
  options: object,
  fields: readonly OptionField[] | undefined,
): unknown {
  try {
    const checked = decodeWith(codec, options)
    if (checked instanceof Promise)
      throw new PipelineError(
        'MR-4006',
        `options of pipeline "${pipeline}" are checked asynchronously by the ${codecName(codec)}, which a build cannot wait for.`,
      )
    return checked
  } catch (error) {
    const given = options as Record<string, unknown>
    const secret = (fields ?? []).find(
      (field) =>
        field.isSecret && given[field.name] !== undefined && field.codec.decode(given[field.name])._tag === 'Left',
    )
    // The message of a failing check quotes the value, which for a secret must not happen.
    if (secret !== undefined)
      throw new PipelineError(
        'MR-7013',
        `option "${secret.name}" of pipeline "${pipeline}" is a secret that its codec refuses.`,
      )
    throw new PipelineError(
      'MR-7013',
      `options of pipeline "${pipeline}": ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  Object.freeze(value)
  Object.values(value).forEach(deepFreeze)
  return value
}
