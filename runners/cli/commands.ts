/**
 * The commands and options there are, as a table: the parser, the help, the completion of shells, the settings and the
 * suggestions read the same rows. What later versions will have stands in `later-versions.ts`.
 */

import { changeOptions, type CheckpointCommandName, checkpointCommands } from './checkpoint-commands.js'
import { type OptionRow, settingRows } from './setting-rows.js'

/** What stands after a command without dashes. */
export interface OperandRow {
  readonly name: string
  /** `module`: a file that exports a pipeline, whose options may follow. */
  readonly kind: 'module' | 'folder' | 'word'
  readonly isRequired: boolean
  /** Words there are to choose from. */
  readonly values?: readonly string[]
}

type OwnName =
  | 'run'
  | 'why'
  | 'graph'
  | 'init'
  | 'config'
  | 'doctor'
  | 'explain'
  | 'completion'
  | 'conformance'
  | 'worker-pool'
  | 'attach'
/** Names of commands. */
export type CommandName = OwnName | CheckpointCommandName

/** A command. */
export interface CommandRow {
  readonly name: CommandName
  readonly usage: string
  readonly summary: string
  readonly operands: readonly OperandRow[]
  readonly options: readonly OptionRow[]
  /** What help says besides. */
  readonly notes: readonly string[]
}

const fileHelp: OptionRow = {
  name: 'help',
  value: undefined,
  help: 'show help; after FILE also the options of its pipeline',
  short: 'h',
}
const pageHelp: OptionRow = { name: 'help', value: undefined, help: 'show this page', short: 'h' }
const json = (help: string): OptionRow => ({ name: 'json', value: undefined, help })
const pipelineFile: OperandRow = { name: 'FILE', kind: 'module', isRequired: true }

const run: CommandRow = {
  name: 'run',
  usage: 'millrace run FILE [options] [--option-of-the-pipeline value …]',
  summary: 'run the pipeline that a TypeScript or JavaScript file exports',
  operands: [pipelineFile],
  options: [
    ...settingRows,
    {
      name: 'watch',
      value: undefined,
      help: 'run again whenever a file of yours that the pipeline is made of changes',
    },
    ...changeOptions,
    {
      name: 'detach',
      value: undefined,
      help: 'on an engine that runs already: submit the job, say its id, and leave it there; millrace attach comes to it',
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
      values: ['text', 'json'],
    },
    {
      name: 'log-level',
      value: 'level',
      help: 'trace, debug, info (default), warn, error or silent',
      values: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    },
    json('progress, logs and errors as one JSON object a line, on stderr'),
    { name: 'quiet', value: undefined, help: 'no progress and no summary; errors are still shown' },
    fileHelp,
  ],
  notes: [
    'FILE has the pipeline as its default export: export default definePipeline({ name, options, build }).',
    'Options of the pipeline come after FILE: --min-cents 5, --minCents=5, --verbose, --no-verbose. What is not',
    'given there is looked for in the environment, as MILLRACE_MIN_CENTS, and then in millrace.config.ts. So are',
    'the settings of the run, and --no-strict takes one back. Results of .print(name) go to stdout, everything',
    'else to stderr. Ctrl-C stops reading and finishes what was read; a second one stops at once.',
    'With --runner micro-batch --checkpoint DIR, SIGTERM stops after the batch at hand, and the same command goes on there.',
  ],
}

/** Formats of graphs. */
export const graphFormats: readonly GraphFormat[] = ['mermaid', 'dot', 'svg', 'json']
/** A format of graphs. */
export type GraphFormat = 'mermaid' | 'dot' | 'svg' | 'json'

const graph: CommandRow = {
  name: 'graph',
  usage: 'millrace graph FILE [options] [--option-of-the-pipeline value …]',
  summary: 'show the graph of a pipeline as a picture or as data',
  operands: [pipelineFile],
  options: [
    {
      name: 'format',
      value: 'name',
      help: 'mermaid (default), dot, svg or json',
      values: graphFormats,
    },
    {
      name: 'physical',
      value: undefined,
      help: 'the stages a runner makes of it: what is fused, grouped and kept',
    },
    {
      name: 'guarantees',
      value: undefined,
      help: 'what each end of it sees of its elements after a crash, on the micro-batch runner with a checkpoint',
    },
    { name: 'depth', value: 'number', help: 'composites deeper than this are one box; 0 folds all of them' },
    {
      name: 'out',
      value: 'file',
      help: 'write it to a file; the end of its name says the format, where --format does not',
      isPath: true,
    },
    {
      name: 'runner',
      value: 'name',
      help: 'whose stages --physical shows: direct or micro-batch, which make the same ones',
      values: ['direct', 'micro-batch'],
    },
    json('the graph as JSON, and errors as JSON, too'),
    fileHelp,
  ],
  notes: ['The options of a pipeline may decide its graph, so they are given here too, after FILE.'],
}

/** Templates of `millrace init`. */
export const templates: readonly TemplateName[] = ['wordcount', 'clicks', 'test']
/** A template of `millrace init`. */
export type TemplateName = 'wordcount' | 'clicks' | 'test'

const init: CommandRow = {
  name: 'init',
  usage: 'millrace init [DIR] [--template name]',
  summary: 'make a new project, small and complete',
  operands: [{ name: 'DIR', kind: 'folder', isRequired: false }],
  options: [
    {
      name: 'template',
      value: 'name',
      help: 'wordcount: files in, files out · clicks: a stream that never ends · test: a pipeline and its tests',
      values: templates,
    },
    json('what was made, as JSON on stdout'),
    pageHelp,
  ],
  notes: [
    'Writes package.json, tsconfig.json, a pipeline and a README into DIR, or into this folder. No file that is',
    'there is overwritten: if one is in the way nothing is written. On a terminal the template is asked for.',
  ],
}

const config: CommandRow = {
  name: 'config',
  usage: 'millrace config print [FILE] [options] [--option-of-the-pipeline value …]',
  summary: 'show each setting, and where it comes from',
  operands: [
    { name: 'print', kind: 'word', isRequired: true, values: ['print'] },
    { name: 'FILE', kind: 'module', isRequired: false },
  ],
  options: [...settingRows, json('as JSON'), fileHelp],
  notes: [
    'Flags come before the environment (MILLRACE_…), that before millrace.config.ts (or .mjs, .js, .json), which is',
    'looked for from this folder up to the next package.json. With FILE the options of its pipeline are shown too;',
    'secrets are ***.',
  ],
}

const doctor: CommandRow = {
  name: 'doctor',
  usage: 'millrace doctor [--json]',
  summary: 'look whether everything that is needed is here, and works',
  operands: [],
  options: [json('as JSON on stdout'), pageHelp],
  notes: [
    'Looks at Node.js, the bundler, TypeScript, the optional packages of connectors, the package.json of this',
    'folder, the terminal and the folder for temporary files. Exits with 1 when something needed is broken; what',
    'is optional and missing is only named, with the line that installs it.',
  ],
}

/** Shells that can be helped. */
export const shells: readonly Shell[] = ['bash', 'zsh', 'fish']
/** A shell. */
export type Shell = 'bash' | 'zsh' | 'fish'

const completion: CommandRow = {
  name: 'completion',
  usage: 'millrace completion bash|zsh|fish',
  summary: 'print a script that completes commands, options and files in a shell',
  operands: [{ name: 'SHELL', kind: 'word', isRequired: true, values: shells }],
  options: [json('the script inside of JSON'), pageHelp],
  notes: [
    "bash: echo 'source <(millrace completion bash)' >> ~/.bashrc",
    'zsh:  millrace completion zsh > a file _millrace in a folder of $fpath',
    'fish: millrace completion fish > ~/.config/fish/completions/millrace.fish',
  ],
}

const explain: CommandRow = {
  name: 'explain',
  usage: 'millrace explain [MR-1005] [--json]',
  summary: 'tell what an error means and what to do; without a code, list all of them',
  operands: [{ name: 'CODE', kind: 'word', isRequired: false }],
  options: [json('the text inside of JSON'), pageHelp],
  notes: ['Errors say their codes. MR-1005, mr1005 and 1005 are the same.'],
}

const why: CommandRow = {
  name: 'why',
  usage: 'millrace why FILE [options] [--option-of-the-pipeline value …]',
  summary: 'run a pipeline for a while, and say why results have not come',
  operands: [pipelineFile],
  options: [
    { name: 'for', value: 'duration', help: 'how long it runs before; default 5s. Ctrl-C asks at once' },
    { name: 'step', value: 'name', help: 'explain this step only' },
    json('the explanations and the whole status as one line of JSON'),
    fileHelp,
  ],
  notes: [
    'The pipeline runs, with whatever it writes; its results are not shown. Then it is given up. The answer, on stdout,',
    'names for each step that waits its window, trigger, timer or side input, and follows its input to where the cause',
    'lies: a partition that is quiet, a call that has not ended. Times are UTC.',
  ],
}

const conformance: CommandRow = {
  name: 'conformance',
  usage: 'millrace conformance [options]',
  summary: 'run the conformance cases on runners, or answer recorded questions',
  operands: [],
  options: [
    {
      name: 'runners',
      value: 'names',
      help: 'runners, separated by commas: direct (default), micro-batch, flink, flink-cluster, prism',
    },
    { name: 'only', value: 'ids', help: 'cases whose ids are or begin so, separated by commas: TRG-15,PDO' },
    { name: 'modes', value: 'names', help: 'one, all (default), or names of modes separated by semicolons' },
    { name: 'seed', value: 'number', help: 'seed of the modes that are random; default 1' },
    {
      name: 'workers',
      value: 'number',
      help: 'run on so many workers of the micro-batch runner, each of which builds cases anew',
    },
    {
      name: 'isolation',
      value: 'kind',
      help: 'what workers are: thread (default) or process',
      values: ['thread', 'process'],
    },
    { name: 'json', value: 'file', help: 'write the matrix as JSON', isPath: true },
    { name: 'html', value: 'file', help: 'write the matrix as a page', isPath: true },
    {
      name: 'scenarios',
      value: 'file',
      help: 'print each line of JSON with our panes, played by the one runner that --runners names',
      isPath: true,
    },
    {
      name: 'constructions',
      value: 'file',
      help: 'print each line of JSON with whether we accept it',
      isPath: true,
    },
    { name: 'coders', value: 'file', help: 'print each line of JSON with our bytes', isPath: true },
    pageHelp,
  ],
  notes: [
    'Prints areas by runners, and why of each case that has not passed. A case that needs what a runner lacks must be',
    'refused by it. With --scenarios, --constructions or --coders, a file of JSON lines is answered on stdout, line by',
    'line, instead. Exits with 1 when a case fails or a line has no answer.',
  ],
}

const workerPool: CommandRow = {
  name: 'worker-pool',
  usage: 'millrace worker-pool [options]',
  summary: 'serve workers to an engine, each a process of its own',
  operands: [],
  options: [
    { name: 'port', value: 'number', help: 'where it listens; default 50000; 0 for any free port' },
    {
      name: 'host',
      value: 'address',
      help: 'the address it listens at; default 127.0.0.1, which only this machine reaches',
    },
    {
      name: 'token-file',
      value: 'file',
      help: 'file of a text that clients must know; MILLRACE_TOKEN_FILE, too, may name it',
      isPath: true,
    },
    {
      name: 'allow-unauthenticated',
      value: undefined,
      help: 'without a token, let whoever reaches --host start workers',
    },
    json('what happens as one JSON object a line'),
    pageHelp,
  ],
  notes: [
    'For millrace run --runner flink --environment external --environment-config HOST:PORT. Engines start and stop workers',
    'as they need them; each fetches the program of its job from the engine. Ctrl-C ends the pool, and its workers.',
  ],
}

/** Runners that hand jobs to an engine. */
export const engineRunners = ['flink', 'prism', 'flink-cluster'] as const

const attach: CommandRow = {
  name: 'attach',
  usage: 'millrace attach JOB [options]',
  summary: 'come to a job that an engine has, and follow it until it is over',
  operands: [{ name: 'JOB', kind: 'word', isRequired: true }],
  options: [
    { name: 'runner', value: 'name', help: 'the engine that has it', values: engineRunners },
    {
      name: 'job-endpoint',
      value: 'address',
      help: 'its Job API, such as localhost:8099; default for flink-cluster: the one that runs on this machine',
    },
    {
      name: 'flink-master',
      value: 'address',
      help: 'REST address of its Flink cluster, such as localhost:8081: a cancelled job is ended there',
    },
    { name: 'cancel', value: undefined, help: 'give the job up' },
    { name: 'drain', value: undefined, help: 'let it finish what it has read, where the engine can' },
    json('states and messages as one JSON object a line on stderr, the end as JSON on stdout'),
    pageHelp,
  ],
  notes: [
    'JOB is the id that millrace run says when it has submitted the job to an engine that runs already. Its client may have',
    'gone. States and messages go to stderr, the end to stdout. Ctrl-C leaves the job alone. --runner, --job-endpoint and',
    '--flink-master may come from the environment and millrace.config.ts, as for millrace run.',
  ],
}

const ofPipelines = [run, why, graph]
const others = [init, config, doctor, explain, completion, conformance, workerPool, attach]

/** What can be asked for. */
export const commands: readonly CommandRow[] = [...ofPipelines, ...checkpointCommands, ...others]

/** Where the file of a pipeline stands among a command's operands; -1 for a command that takes none. */
export function moduleAt({ operands }: CommandRow): number {
  return operands.findIndex(({ kind }) => kind === 'module')
}

/** The option of a command whose value is the file of a pipeline. */
export function moduleOption({ options }: CommandRow): string | undefined {
  return options.find(({ isModule }) => isModule === true)?.name
}

/** Options without a command. */
export const globalOptions: readonly OptionRow[] = [
  pageHelp,
  { name: 'version', value: undefined, help: 'show the version', short: 'v' },
]
