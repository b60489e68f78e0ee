/**
 * Reads the command line: which command, which file, the options of the command, and, untouched, the arguments that are
 * for the pipeline. Only the pipeline's own codec can say what those mean, so they are read where the module is loaded.
 *
 * Law: nothing is guessed and nothing ignored: what is neither known nor the pipeline's is an error with the nearest name.
 */
import { parseArgs } from 'node:util'
import type { ErrorCode } from '../../sdk/error-codes.js'
import { UnsupportedFeature } from '../runner.js'
import { type CommandRow, commands, globalOptions, moduleAt, moduleOption } from './commands.js'
import type { OptionRow } from './setting-rows.js'
import { laterOptions } from './later-versions.js'

/** The command line is wrong. Whoever shows it adds the nearest of the `known` names. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code: ErrorCode
  readonly given: string | undefined
  readonly known: readonly string[]

  constructor(code: ErrorCode, message: string, given?: string, known: readonly string[] = []) {
    super(message)
    this.code = code
    this.given = given
    this.known = known
  }
}

/** Options of a command, in kebab case: text, `true` for a flag, `false` for one that was taken back with `--no-`. */
export type Options = ReadonlyMap<string, string | boolean>

/** What was asked for. */
export type Invocation =
  | { readonly kind: 'help'; readonly command: CommandRow | undefined }
  | { readonly kind: 'version' }
  | ({ readonly kind: 'command' } & CommandInvocation)

/** A command, with what was given to it. */
export interface CommandInvocation {
  readonly command: CommandRow
  /** What stands without dashes, the file included. */
  readonly operands: readonly string[]
  /** The file of a pipeline, for commands that take one. */
  readonly file: string | undefined
  readonly options: Options
  /** Arguments for the pipeline, as they were given. */
  readonly rest: readonly string[]
  /** Help for the file rather than what the command does. */
  readonly wantsHelp: boolean
}

/** Reads arguments, without `node` and the script. @throws {UsageError} or {@link UnsupportedFeature}. */
export function parseCommandLine(args: readonly string[]): Invocation {
  const [first, ...others] = args
  if (first === undefined || first === 'help') {
    const topic = others[0]
    return { kind: 'help', command: topic === undefined ? undefined : commandNamed(topic) }
  }
  if (first === '--help' || first === '-h') return { kind: 'help', command: undefined }
  if (first === '--version' || first === '-v') return { kind: 'version' }
  if (first.startsWith('-')) {
    const known = globalOptions.map(({ name }) => `--${name}`)
    throw new UsageError('MR-7002', `there is no option ${first} before a command.`, first, known)
  }
  return parseCommand(commandNamed(first), others)
}

function commandNamed(name: string): CommandRow {
  const command = commands.find((each) => each.name === name)
  if (command !== undefined) return command
  const known = commands.map((each) => each.name)
  throw new UsageError('MR-7001', `there is no command "${name}".`, name, known)
}

function parseCommand(command: CommandRow, given: readonly string[]): Invocation {
  const later = laterOptions.get(command.name) ?? new Map<string, string>()
  const args = given.map((arg) => inKebabCase(arg, command, later))
  const { tokens } = parseArgs({
    args,
    options: parserOptions(command),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const options = new Map<string, string | boolean>()
  const rest: string[] = []
  const operands: string[] = []
  const fileAt = moduleAt(command)
  const fileOption = moduleOption(command)
  const hasFile = (): boolean =>
    (fileAt >= 0 && operands.length > fileAt) || (fileOption !== undefined && options.has(fileOption))
  let last = -1
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      if (operands.length < command.operands.length) operands.push(token.value)
      else if (hasFile()) rest.push(token.value)
      else throw new UsageError('MR-7004', tooMany(command, token.value))
      continue
    }
    const row = command.options.find(({ name }) => name === token.name)
    if (row !== undefined) {
      setOption(options, row, token.value)
      continue
    }
    const takenBack = flagTakenBack(command, token.name)
    if (takenBack !== undefined) {
      if (token.value !== undefined) throw new UsageError('MR-7003', `--${token.name} takes no value.`)
      options.set(takenBack, false)
      continue
    }
    const refusal = later.get(token.name)
    if (refusal !== undefined) throw new UnsupportedFeature('MR-7006', `option.${token.name}`, refusal)
    if (!hasFile()) throw unknownOption(command, token.rawName)
    // A group of short options is several tokens of one argument.
    if (token.index !== last) rest.push(args[token.index] as string)
    last = token.index
  }
  const wantsHelp = options.get('help') === true
  if (wantsHelp && (fileAt < 0 || !hasFile())) return { kind: 'help', command }
  checkOperands(command, operands)
  return { kind: 'command', command, operands, file: operands[fileAt], options, rest, wantsHelp }
}

/** The setting that `--no-NAME` switches off. */
function flagTakenBack({ options }: CommandRow, given: string): string | undefined {
  if (!given.startsWith('no-')) return undefined
  const name = given.slice(3)
  return options.find((row) => row.name === name && row.value === undefined && row.setting !== undefined)?.name
}

function checkOperands(command: CommandRow, given: readonly string[]): void {
  command.operands.forEach(({ name, kind, isRequired, values }, at) => {
    const operand = given[at]
    if (operand === undefined) {
      if (!isRequired) return
      const what = kind === 'module' ? 'a file' : (values ?? [name]).join(', ')
      throw new UsageError('MR-7004', `millrace ${command.name} needs ${what}: ${command.usage}`)
    }
    if (values !== undefined && !values.includes(operand))
      throw new UsageError('MR-7004', `there is no "millrace ${command.name} ${operand}".`, operand, values)
  })
}

function tooMany({ name, operands, usage }: CommandRow, given: string): string {
  if (operands.length === 0) return `millrace ${name} takes no file, and was given "${given}".`
  return `millrace ${name} was given "${given}" too many: ${usage}`
}

function setOption(
  options: Map<string, string | boolean>,
  { name, value, values, repeats }: OptionRow,
  given: string | undefined,
): void {
  if (value === undefined) {
    if (given !== undefined) throw new UsageError('MR-7003', `--${name} is a flag and takes no value.`)
    options.set(name, true)
    return
  }
  if (given === undefined || given === '' || /^-\D/.test(given))
    throw new UsageError('MR-7003', `--${name} needs ${value.endsWith('s') ? '' : 'a '}${value}${choices(values)}.`)
  const before = options.get(name)
  options.set(name, repeats !== undefined && typeof before === 'string' ? `${before}${repeats}${given}` : given)
}

function choices(values: readonly string[] | undefined): string {
  return values === undefined || values.length < 2 ? '' : `: ${values.join(', ')}`
}

function parserOptions({ options }: CommandRow): Record<string, { type: 'string' | 'boolean'; short?: string }> {
  return Object.fromEntries(
    options.map(({ name, value, short }) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', ...(short === undefined ? {} : { short }) },
    ]),
  )
}

/** `--bundleSize` is `--bundle-size`; a name that the command does not know stays as it is. */
function inKebabCase(arg: string, { options }: CommandRow, later: ReadonlyMap<string, string>): string {
  const match = /^--([a-z]+(?:[A-Z][a-z]*)+)(=.*)?$/s.exec(arg)
  if (match === null) return arg
  const name = kebab(match[1] as string)
  return options.some((row) => row.name === name) || later.has(name) ? `--${name}${match[2] ?? ''}` : arg
}

/** `minCents` as it is written on a command line: `min-cents`. */
export function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '-'}${letter.toLowerCase()}`)
}

function unknownOption(command: CommandRow, given: string): UsageError {
  const known = command.options.map(({ name }) => `--${name}`)
  const option = moduleOption(command)
  const file = option === undefined ? 'FILE' : `--${option} FILE`
  const hint = moduleAt(command) >= 0 || option !== undefined ? ` Options of the pipeline come after ${file}.` : ''
  return new UsageError('MR-7002', `millrace ${command.name} has no option ${given}.${hint}`, given, known)
}
