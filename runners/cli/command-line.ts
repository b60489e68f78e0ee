/**
 * Reads the command line: which command, which file, the options of the command, and, untouched, the arguments that are
 * for the pipeline. Only the pipeline's own codec can say what those mean, so they are read where the module is loaded.
 *
 * Law: nothing is guessed and nothing ignored: what is neither known nor the pipeline's is an error with the nearest name.
 */
import { parseArgs } from 'node:util'
import type { ErrorCode } from '../../sdk/error-codes.js'
import { UnsupportedFeature } from '../runner.js'
import {
  type CommandRow,
  commands,
  type FileCommandRow,
  globalOptions,
  laterCommands,
  laterOptions,
  type OptionRow,
  takesFile,
} from './commands.js'

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

/** What was asked for. */
export type Invocation =
  | { readonly kind: 'help'; readonly command: CommandRow | undefined }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'command'
      readonly command: FileCommandRow
      readonly file: string
      /** Options of the command, in kebab case; flags are `true`. */
      readonly options: ReadonlyMap<string, string | true>
      /** Arguments for the pipeline, as they were given. */
      readonly rest: readonly string[]
      /** Help for the file rather than what the command does. */
      readonly wantsHelp: boolean
    }
  /** The conformance suite, which needs no file. */
  | { readonly kind: 'conformance'; readonly options: ReadonlyMap<string, string | true> }
  /** The page of an error code, or the list of codes. */
  | { readonly kind: 'explain'; readonly code: string | undefined }

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
  const later = laterCommands.get(name)
  const has = commands.map((each) => `millrace ${each.name}`).join(' and ')
  if (later !== undefined)
    throw new UnsupportedFeature(
      'MR-7006',
      `command.${name}`,
      `millrace ${name}, which ${later}, is not part of this version. It has ${has}.`,
    )
  const known = [...commands.map((each) => each.name), ...laterCommands.keys()]
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
  const options = new Map<string, string | true>()
  const rest: string[] = []
  let file: string | undefined
  let last = -1
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      if (file === undefined) file = token.value
      else rest.push(token.value)
      continue
    }
    const row = command.options.find(({ name }) => name === token.name)
    if (row !== undefined) {
      setOption(options, row, token.value)
      continue
    }
    const refusal = later.get(token.name)
    if (refusal !== undefined) throw new UnsupportedFeature('MR-7006', `option.${token.name}`, refusal)
    if (file === undefined) throw unknownOption(command, token.rawName)
    // A group of short options is several tokens of one argument.
    if (token.index !== last) rest.push(args[token.index] as string)
    last = token.index
  }
  const wantsHelp = options.has('help')
  if (!takesFile(command)) {
    if (wantsHelp) return { kind: 'help', command }
    if (command.name === 'explain') return { kind: 'explain', code: file }
    if (file === undefined) return { kind: 'conformance', options }
    throw new UsageError('MR-7004', `millrace ${command.name} takes no file, and was given "${file}".`)
  }
  if (file === undefined) {
    if (wantsHelp) return { kind: 'help', command }
    throw new UsageError('MR-7004', `millrace ${command.name} needs a file: ${command.usage}`)
  }
  return { kind: 'command', command, file, options, rest, wantsHelp }
}

function setOption(options: Map<string, string | true>, { name, value }: OptionRow, given: string | undefined): void {
  if (value === undefined) {
    if (given !== undefined) throw new UsageError('MR-7003', `--${name} is a flag and takes no value.`)
    options.set(name, true)
    return
  }
  if (given === undefined || given === '' || /^-\D/.test(given))
    throw new UsageError('MR-7003', `--${name} needs ${value.endsWith('s') ? '' : 'a '}${value}.`)
  options.set(name, given)
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
  const hint = takesFile(command) ? ' Options of the pipeline come after FILE.' : ''
  return new UsageError('MR-7002', `millrace ${command.name} has no option ${given}.${hint}`, given, known)
}
