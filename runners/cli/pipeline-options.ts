/**
 * The options of a pipeline, from the command line, the environment and the configuration file. The pipeline's codec
 * decides what a text means: it is offered as it is, then as a number, a truth value or JSON, and the first form the
 * codec takes is used. A configuration file holds values already, and they are offered as they are.
 *
 * Law: flags come before the environment, that before the file; nothing given is ignored; the text of a secret appears in
 * no message.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Codec, isIoTs } from '../../sdk/codec.js'
import { type OptionField, optionFields, type PipelineDefinition } from '../../sdk/define-pipeline.js'
import { PipelineError } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import { suggestion } from '../../sdk/suggestion.js'
import { kebab } from './command-line.js'
import { commands } from './commands.js'
import { accepts, isFlag, optionInfos } from './option-info.js'
import type { ConfiguredOptions } from './protocol.js'
import { type Origin, type Sourced, variableOf } from './runner-settings.js'

/** Text given for an option, or that it was named as a flag. */
type Given = string | boolean

/** Where options are looked for. */
export interface OptionSources {
  /** Arguments after the file, as given. */
  readonly args: readonly string[]
  /** `MILLRACE_…` variables. */
  readonly environment: Readonly<Record<string, string>>
  readonly configured: ConfiguredOptions | undefined
}

/** The options for a definition. @throws {PipelineError} naming what is unknown, missing or refused. */
export function pipelineOptions(definition: PipelineDefinition, sources: OptionSources): Record<string, unknown> {
  return Object.fromEntries([...sourcedOptions(definition, sources)].map(([name, { value }]) => [name, value]))
}

/** The same, with the origin of each. */
export function sourcedOptions(
  definition: PipelineDefinition,
  { args, environment, configured }: OptionSources,
): ReadonlyMap<string, Sourced<unknown>> {
  const { name, optionsCodec } = definition
  const fields = optionFields(optionsCodec)
  const inFile = configured?.pipelines.get(name) ?? {}
  if (fields === undefined && optionsCodec !== undefined)
    return schemaOptions(name, optionsCodec, { args, environment, configured })
  const known = fields ?? []
  const flags = flagsOf(name, args, known)
  for (const option of Object.keys(inFile)) {
    if (!known.some((field) => field.name === option)) refuseUnknownInFile(name, option, known, configured)
  }
  const missing: OptionField[] = []
  const found = new Map<string, Sourced<unknown>>()
  for (const field of known) {
    const flag = flags.get(field.name)
    const variable = variableOf(kebab(field.name))
    const text = environment[variable]
    const said = inFile[field.name]
    if (flag !== undefined) {
      const origin: Origin = { kind: 'flag', name: `--${kebab(field.name)}` }
      found.set(field.name, { value: valueOf(name, field, flag), origin })
    } else if (text !== undefined) {
      found.set(field.name, { value: valueOf(name, field, [text]), origin: { kind: 'environment', name: variable } })
    } else if (said !== undefined && configured !== undefined) {
      const origin: Origin = { kind: 'file', name: field.name, path: configured.path }
      found.set(field.name, { value: valueInFile(name, field, said, configured.path), origin })
    } else if (field.required) {
      missing.push(field)
    }
  }
  if (missing.length > 0) throw new PipelineError('MR-7011', missingText(name, missing))
  return found
}

function missingText(pipeline: string, missing: readonly OptionField[]): string {
  const list = missing.map((field) => `--${kebab(field.name)} (${field.codec.name})`).join(', ')
  const secret = missing.find(({ isSecret }) => isSecret)
  const hint =
    secret === undefined ? '' : ` A secret is best given as ${variableOf(kebab(secret.name))} in the environment.`
  return `pipeline "${pipeline}" needs ${list}.${hint}`
}

// ---- the configuration file ----------------------------------------------------------------------------------------

function refuseUnknownInFile(
  pipeline: string,
  option: string,
  fields: readonly OptionField[],
  configured: ConfiguredOptions | undefined,
): never {
  const known = fields.map(({ name }) => name)
  throw new PipelineError(
    'MR-7012',
    `${configured?.path ?? 'the configuration'} gives pipeline "${pipeline}" an option "${option}", which it has not.${suggestion(option, known)}`,
  )
}

function valueInFile(pipeline: string, field: OptionField, value: unknown, path: string): unknown {
  if (accepts(field, value)) return value
  const shown = field.isSecret ? '***' : preview(value)
  throw new PipelineError(
    'MR-7013',
    `option "${field.name}" of pipeline "${pipeline}" in ${path} must be ${field.codec.name}, but is ${shown}.`,
  )
}

// ---- flags ---------------------------------------------------------------------------------------------------------

function flagsOf(pipeline: string, args: readonly string[], fields: readonly OptionField[]): Map<string, Given[]> {
  const given = new Map<string, Given[]>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(arg)
    if (match === null)
      throw new PipelineError(
        'MR-7012',
        `there is an argument "${arg}" that belongs to no option. Options are given as --name value.`,
      )
    const [, flag = '', inline] = match
    const { field, isNegated } = fieldOf(pipeline, flag, fields)
    const next = args[i + 1]
    let value: Given
    if (isNegated) {
      if (inline !== undefined) throw new PipelineError('MR-7013', `--${flag} takes no value.`)
      value = false
    } else if (inline !== undefined) {
      value = inline
    } else if (next !== undefined && !isOption(next) && (!isFlag(field) || next === 'true' || next === 'false')) {
      value = next
      i++
    } else {
      value = true
    }
    const values = given.get(field.name)
    if (values === undefined) given.set(field.name, [value])
    else values.push(value)
  }
  return given
}

/** `-5` is a value. */
function isOption(arg: string): boolean {
  return arg.startsWith('-') && arg !== '-' && !/^-[\d.]/.test(arg)
}

function fieldOf(
  pipeline: string,
  flag: string,
  fields: readonly OptionField[],
): { readonly field: OptionField; readonly isNegated: boolean } {
  const named = (name: string): OptionField | undefined =>
    fields.find((field) => field.name === name) ?? fields.find((field) => kebab(field.name) === kebab(name))
  const field = named(flag)
  if (field !== undefined) return { field, isNegated: false }
  const negated = flag.startsWith('no-') ? named(flag.slice(3)) : undefined
  if (negated !== undefined && accepts(negated, false)) return { field: negated, isNegated: true }
  throw new PipelineError('MR-7012', `pipeline "${pipeline}" has no option --${flag}.${nearest(flag, fields)}`)
}

/** The nearest name; it may also have been meant for the command. */
function nearest(flag: string, fields: readonly OptionField[]): string {
  const own = fields.map(({ name }) => `--${kebab(name)}`)
  const all = commands.flatMap(({ options }) => options.map(({ name }) => `--${name}`))
  const near = suggestion(`--${flag}`, [...own, ...all])
  if (near.startsWith(' Did')) return near.replaceAll('"', '')
  return own.length === 0 ? ' It takes no options.' : ` It has: ${own.join(', ')}.`
}

// ---- values --------------------------------------------------------------------------------------------------------

function valueOf(pipeline: string, field: OptionField, values: readonly Given[]): unknown {
  const last = values.at(-1) as Given
  // An option given several times is a list where the codec takes one; else the last one counts.
  const candidates =
    values.length === 1
      ? [...formsOf(last), ...formsOf(last).map((form) => [form])]
      : [...listsOf(values), ...formsOf(last)]
  const found = candidates.find((candidate) => accepts(field, candidate))
  if (found !== undefined) return found
  const flag = `--${kebab(field.name)}`
  if (last === true)
    throw new PipelineError('MR-7013', `option ${flag} of pipeline "${pipeline}" needs a value (${field.codec.name}).`)
  const shown = field.isSecret ? '***' : `"${String(last)}"`
  throw new PipelineError(
    'MR-7013',
    `option ${flag} of pipeline "${pipeline}" must be ${field.codec.name}, but is ${shown}.`,
  )
}

/** What a text can mean, likeliest first. */
function formsOf(given: Given): readonly unknown[] {
  if (typeof given === 'boolean') return [given]
  const forms: unknown[] = [given]
  if (given.trim() !== '' && !Number.isNaN(Number(given))) forms.push(Number(given))
  if (given === 'true' || given === 'false') forms.push(given === 'true')
  try {
    const parsed: unknown = JSON.parse(given)
    if (!forms.includes(parsed)) forms.push(parsed)
  } catch {
    // Then it is no JSON.
  }
  return forms
}

/** Lists of texts, of numbers, of JSON. */
function listsOf(values: readonly Given[]): readonly (readonly unknown[])[] {
  const forms = values.map(formsOf)
  const longest = Math.max(...forms.map((form) => form.length))
  return Array.from({ length: longest }, (_, i) => forms.map((form) => form[Math.min(i, form.length - 1)]))
}

// ---- schemas that do not tell their fields -------------------------------------------------------------------------

/**
 * A Standard Schema says only what is wrong. Every option begins as text; where the schema complains, the next form is
 * tried, until it is content or there is none left.
 */
function schemaOptions(
  pipeline: string,
  codec: Codec,
  { args, environment, configured }: OptionSources,
): ReadonlyMap<string, Sourced<unknown>> {
  if (isIoTs(codec))
    throw new PipelineError(
      'MR-7014',
      `the options codec of pipeline "${pipeline}" does not tell its fields. Use t.type, t.partial or an intersection of them.`,
    )
  const forms = new Map<string, unknown[]>()
  const origins = new Map<string, Origin>()
  const add = (name: string, candidates: readonly unknown[], origin: Origin): void => {
    if (forms.has(name)) return
    forms.set(name, [...candidates])
    origins.set(name, origin)
  }
  for (const [name, values] of schemaFlags(args)) {
    const candidates = values.length === 1 ? formsOf(values[0] as Given) : listsOf(values)
    add(name, candidates, { kind: 'flag', name: `--${kebab(name)}` })
  }
  for (const { name } of optionInfos(codec) ?? []) {
    const variable = variableOf(kebab(name))
    const text = environment[variable]
    if (text !== undefined) add(name, formsOf(text), { kind: 'environment', name: variable })
  }
  for (const [name, value] of Object.entries(configured?.pipelines.get(pipeline) ?? {}))
    add(name, [value], { kind: 'file', name, path: configured?.path ?? '' })
  const options = fittingForms(pipeline, codec, forms)
  return new Map(
    Object.entries(options).map(([name, value]) => [
      name,
      { value, origin: origins.get(name) ?? { kind: 'default' as const } },
    ]),
  )
}

function fittingForms(
  pipeline: string,
  codec: StandardSchemaV1,
  forms: ReadonlyMap<string, unknown[]>,
): Readonly<Record<string, unknown>> {
  for (;;) {
    const options = Object.fromEntries([...forms].map(([name, candidates]) => [name, candidates[0]]))
    const outcome = codec['~standard'].validate(options)
    if (outcome instanceof Promise) return options
    if (outcome.issues === undefined) {
      refuseIgnored(pipeline, codec, options, outcome.value)
      return options
    }
    const wrong = outcome.issues
      .map(issueOption)
      .find((name) => name !== undefined && (forms.get(name)?.length ?? 0) > 1)
    // The definition says what is wrong when it checks the options itself.
    if (wrong === undefined) return options
    forms.get(wrong)?.shift()
  }
}

function schemaFlags(args: readonly string[]): Map<string, Given[]> {
  const given = new Map<string, Given[]>()
  for (let i = 0; i < args.length; i++) {
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(args[i] as string)
    if (match === null)
      throw new PipelineError('MR-7012', `there is an argument "${args[i] as string}" that belongs to no option.`)
    const [, flag = '', inline] = match
    const next = args[i + 1]
    const value = inline ?? (next !== undefined && !isOption(next) ? ((i += 1), next) : true)
    const name = flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
    given.set(name, [...(given.get(name) ?? []), value])
  }
  return given
}

function issueOption({ path }: StandardSchemaV1.Issue): string | undefined {
  const first = path?.[0]
  return first === undefined ? undefined : String(typeof first === 'object' ? first.key : first)
}

/** Most schemas drop what they do not know; a mistyped option would go unnoticed. */
function refuseIgnored(pipeline: string, codec: Codec, options: object, checked: unknown): void {
  if (typeof checked !== 'object' || checked === null) return
  const ignored = Object.keys(options).find((name) => !(name in checked))
  if (ignored === undefined) return
  const known = optionInfos(codec)?.map(({ name }) => `--${kebab(name)}`) ?? []
  const near = suggestion(`--${kebab(ignored)}`, known).replaceAll('"', '')
  throw new PipelineError('MR-7012', `pipeline "${pipeline}" has no option --${kebab(ignored)}.${near}`)
}
