/**
 * The commands and options there are, as a table: the parser, the help and the suggestions read the same rows. What
 * later versions will have and this one does not stands here too, so that it is refused by name.
 */

/** An option of the command, as opposed to one of the pipeline. */
export interface OptionRow {
  /** In kebab case, without dashes. */
  readonly name: string
  /** What its value is called in help; `undefined` for a flag. */
  readonly value: string | undefined
  readonly help: string
  readonly short?: string
}

/** A command. */
export interface CommandRow {
  readonly name: 'run' | 'graph' | 'conformance' | 'explain'
  readonly usage: string
  readonly summary: string
  readonly options: readonly OptionRow[]
}

const help: OptionRow = {
  name: 'help',
  value: undefined,
  help: 'show help; after FILE also the options of its pipeline',
  short: 'h',
}

const run: CommandRow = {
  name: 'run',
  usage: 'millrace run FILE [options] [--option-of-the-pipeline value …]',
  summary: 'run the pipeline that a TypeScript or JavaScript file exports',
  options: [
    { name: 'runner', value: 'name', help: 'who runs it; this version has direct' },
    { name: 'call-timeout', value: 'duration', help: 'fail when one call of user code takes longer, such as 30s' },
    { name: 'strict', value: undefined, help: 'check coders, changed inputs and bundle sizes while running' },
    { name: 'seed', value: 'number', help: 'seed of strict mode; printed when a strict run fails' },
    { name: 'reexecute', value: undefined, help: 'in strict mode: attempt every bundle twice, and keep the second' },
    { name: 'bundle-size', value: 'number', help: 'elements per bundle of a source' },
    { name: 'require-codecs', value: undefined, help: 'refuse groupings of elements that no codec describes' },
    { name: 'stage-compiler', value: 'kind', help: 'auto, generated or closures' },
    {
      name: 'guarantee',
      value: 'kind',
      help: 'what is promised when something fails; the direct runner: gap, or at-least-once from sources that acknowledge',
    },
    {
      name: 'metrics-port',
      value: 'number',
      help: 'serve /metrics, /healthz and /readyz on this port of 127.0.0.1; 0 for any free one',
    },
    { name: 'metrics-host', value: 'address', help: 'serve them on another address, where others may read them' },
    { name: 'metrics-names', value: 'names', help: 'names, separated by commas, by which that server may be called' },
    {
      name: 'log-format',
      value: 'format',
      help: 'form of log lines, on stderr: text, or json, which makes every line there JSON',
    },
    { name: 'log-level', value: 'level', help: 'trace, debug, info (default), warn, error or silent' },
    { name: 'console', value: 'kind', help: 'what the pipeline writes to the console: limited, all or off' },
    { name: 'json', value: undefined, help: 'progress, logs and errors as one JSON object a line, on stderr' },
    { name: 'quiet', value: undefined, help: 'no progress and no summary; errors are still shown' },
    help,
  ],
}

const graph: CommandRow = {
  name: 'graph',
  usage: 'millrace graph FILE [--option-of-the-pipeline value …]',
  summary: 'print the graph of a pipeline as text for mermaid',
  options: [{ name: 'format', value: 'name', help: 'mermaid' }, help],
}

const conformance: CommandRow = {
  name: 'conformance',
  usage: 'millrace conformance [options]',
  summary: 'run the conformance cases on runners, or answer recorded questions',
  options: [
    { name: 'runners', value: 'names', help: 'runners, separated by commas; this version has direct' },
    { name: 'only', value: 'ids', help: 'cases whose ids are or begin so, separated by commas: TRG-15,PDO' },
    { name: 'modes', value: 'names', help: 'one, all (default), or names of modes separated by semicolons' },
    { name: 'seed', value: 'number', help: 'seed of the modes that are random; default 1' },
    { name: 'json', value: 'file', help: 'write the matrix as JSON' },
    { name: 'html', value: 'file', help: 'write the matrix as a page' },
    { name: 'scenarios', value: 'file', help: 'print each line of JSON with our panes' },
    { name: 'constructions', value: 'file', help: 'print each line of JSON with whether we accept it' },
    { name: 'coders', value: 'file', help: 'print each line of JSON with our bytes' },
    { name: 'help', value: undefined, help: 'show this page', short: 'h' },
  ],
}

const explain: CommandRow = {
  name: 'explain',
  usage: 'millrace explain [MR-1005]',
  summary: 'tell what an error means and what to do; without a code, list all of them',
  options: [{ name: 'help', value: undefined, help: 'show this page', short: 'h' }],
}

/** What can be asked for. */
export const commands: readonly CommandRow[] = [run, graph, conformance, explain]

/** Whether a command is about a file that exports a pipeline. */
export function takesFile(command: CommandRow): command is FileCommandRow {
  return command.name === 'run' || command.name === 'graph'
}

/** A command that is about a file. */
export type FileCommandRow = CommandRow & { readonly name: 'run' | 'graph' }

/** Options without a command. */
export const globalOptions: readonly OptionRow[] = [
  { name: 'help', value: undefined, help: 'show this page', short: 'h' },
  { name: 'version', value: undefined, help: 'show the version', short: 'v' },
]

/** Commands of later versions. */
export const laterCommands: ReadonlyMap<string, string> = new Map([
  ['why', 'explains what holds a watermark'],
  ['verify', 'compares what went in with what came out'],
  ['fsck', 'checks a checkpoint store'],
  ['state', 'shows the state of keys'],
  ['savepoint', 'takes and lists savepoints'],
  ['query', 'reads running queries'],
  ['worker-pool', 'serves workers to an engine'],
  ['doctor', 'checks the installation'],
  ['init', 'makes a new project'],
])

/** Options of later versions, by the command they will belong to. Most take a value; without one they are refused too. */
export const laterOptions: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  [
    'run',
    new Map([
      ['workers', 'the direct runner runs in one thread; --workers is not supported yet. Leave it out.'],
      ['watch', '--watch, which runs again when a file changes, is not part of this version.'],
      ['check', '--check, which type-checks before running, is not part of this version. Run tsc --noEmit.'],
      ['ui', '--ui is not part of this version.'],
      ['checkpoint-dir', '--checkpoint-dir belongs to the micro-batch runner, which is not part of this version.'],
      ['isolation', '--isolation is not part of this version.'],
      ['options', '--options, a file of options, is not part of this version. Give each option as a flag.'],
    ]),
  ],
  [
    'graph',
    new Map([
      ['physical', '--physical, the graph of stages, tasks and partitions, is not part of this version.'],
      ['runner', '--runner means something only for the physical graph, which is not part of this version.'],
    ]),
  ],
])

/** Formats of graphs that others have and this version has not. */
export const laterFormats: readonly string[] = ['dot', 'json', 'svg', 'png', 'html', 'proto']
/** Runners of later versions. */
export const laterRunners: readonly string[] = ['micro-batch', 'flink', 'prism']
