/**
 * The settings of a run, as rows of a table: each is a flag, a `MILLRACE_…` variable and a key of `millrace.config.ts`.
 */

/** An option of the command, as opposed to one of the pipeline. */
export interface OptionRow {
  /** In kebab case, without dashes. */
  readonly name: string
  /** What its value is called in help; `undefined` for a flag. */
  readonly value: string | undefined
  readonly help: string
  readonly short?: string
  /** What it may be, where that is a list. */
  readonly values?: readonly string[]
  /** What stands between its values in one text, where it may be given several times. */
  readonly repeats?: string
  /** Its key in a configuration file, where that is not its name in camel case. */
  readonly key?: 'engineOptions'
  /** Whether the value is a path. */
  readonly isPath?: boolean
  /** Whether the value is a file that exports a pipeline, whose options may follow. */
  readonly isModule?: boolean
  /** Whether it may also come from the environment or a configuration file, and what it is when nobody says. */
  readonly setting?: { readonly default: string | number | boolean | undefined }
}

/** Runners there are. */
export const runners: readonly RunnerName[] = ['direct', 'micro-batch', 'flink', 'prism', 'flink-cluster']
/** A runner that this version has. */
export type RunnerName = 'direct' | 'micro-batch' | 'flink' | 'prism' | 'flink-cluster'

/** Settings of a run: flags, `MILLRACE_…` in the environment, keys of `millrace.config.ts`. */
export const settingRows: readonly OptionRow[] = [
  {
    name: 'runner',
    value: 'name',
    help: 'who runs it: direct; micro-batch, which can go on after a crash; or an engine that is started for the run: flink, prism',
    values: runners,
    setting: { default: 'direct' },
  },
  {
    name: 'checkpoint',
    value: 'folder',
    help: 'where the micro-batch runner keeps the run, to go on there when it is started again; where Flink keeps its checkpoints',
    isPath: true,
    setting: { default: undefined },
  },
  {
    name: 'batch-interval',
    value: 'duration',
    help: 'how long a batch of the micro-batch runner lasts, such as 500ms (default)',
    setting: { default: undefined },
  },
  {
    name: 'batch-size',
    value: 'number',
    help: 'elements that a batch of the micro-batch runner reads at most, about',
    setting: { default: undefined },
  },
  {
    name: 'standby',
    value: 'kind',
    help: 'wait while another run has the checkpoint, and take over when it ends: cold, warm (state at hand) or hot (same batches)',
    values: ['cold', 'warm', 'hot'],
    setting: { default: undefined },
  },
  {
    name: 'latency-objective',
    value: 'duration',
    help: 'how long the micro-batch runner may take from an arrival to its commit, such as 2s',
    setting: { default: undefined },
  },
  {
    name: 'rate',
    value: 'limits',
    help: "how much sources may read: 'read orders=1000/s', or =5000/batch; several, separated by commas",
    repeats: ',',
    setting: { default: undefined },
  },
  {
    name: 'workers',
    value: 'number',
    help: 'workers of the micro-batch runner, or of Flink with another --environment; 0 (default) runs everything on one thread',
    setting: { default: undefined },
  },
  {
    name: 'isolation',
    value: 'kind',
    help: 'what workers are: thread (default) or process',
    values: ['thread', 'process'],
    setting: { default: undefined },
  },
  {
    name: 'job-endpoint',
    value: 'address',
    help: 'Job API of an engine that runs already, such as localhost:8099; default: one is started for the run',
    setting: { default: undefined },
  },
  {
    name: 'flink-master',
    value: 'address',
    help: 'REST address of a Flink cluster, such as localhost:8081, for --runner flink; a cancelled job is ended there',
    setting: { default: undefined },
  },
  {
    name: 'engine-option',
    value: 'name=value',
    help: "option of an engine's job, such as max_bundle_size=100; several times, or all as one JSON object",
    repeats: '\n',
    key: 'engineOptions',
    setting: { default: undefined },
  },
  {
    name: 'environment',
    value: 'kind',
    help: 'where an engine has steps run: loopback (default), in this process; external, in a worker-pool; process, in processes it starts',
    values: ['loopback', 'external', 'process'],
    setting: { default: undefined },
  },
  {
    name: 'environment-config',
    value: 'text',
    help: 'the address of the worker-pool, or, for process, the program that starts a worker',
    setting: { default: undefined },
  },
  {
    name: 'link-host',
    value: 'address',
    help: 'address by which workers on other machines reach this process; needs --token-file',
    setting: { default: undefined },
  },
  {
    name: 'token-file',
    value: 'file',
    help: 'file of a text that this process and the workers of an engine share',
    isPath: true,
    setting: { default: undefined },
  },
  {
    name: 'tls-certificate',
    value: 'file',
    help: 'certificate (PEM) for this process, by which what workers tell it is encrypted; needs --tls-key and --tls-authority',
    isPath: true,
    setting: { default: undefined },
  },
  {
    name: 'tls-key',
    value: 'file',
    help: 'key (PEM) of --tls-certificate',
    isPath: true,
    setting: { default: undefined },
  },
  {
    name: 'tls-authority',
    value: 'file',
    help: 'certificates (PEM) of who has signed --tls-certificate, which workers trust',
    isPath: true,
    setting: { default: undefined },
  },
  {
    name: 'native-packages',
    value: 'names',
    help: 'packages, separated by commas, with native code, which are installed where the workers of an engine run',
    repeats: ',',
    setting: { default: undefined },
  },
  {
    name: 'grace',
    value: 'duration',
    help: 'how long the run may take to end after SIGTERM; default 10s',
    setting: { default: '10s' },
  },
  {
    name: 'call-timeout',
    value: 'duration',
    help: 'fail when one call of user code takes longer, such as 30s',
    setting: { default: undefined },
  },
  {
    name: 'check',
    value: undefined,
    help: "type-check first, with the project's own typescript; with errors nothing runs",
    setting: { default: false },
  },
  {
    name: 'strict',
    value: undefined,
    help: 'check coders, changed inputs and bundle sizes while running',
    setting: { default: false },
  },
  {
    name: 'seed',
    value: 'number',
    help: 'seed of strict mode; printed when a strict run fails',
    setting: { default: undefined },
  },
  {
    name: 'reexecute',
    value: undefined,
    help: 'in strict mode: attempt every bundle twice, and keep the second',
    setting: { default: false },
  },
  {
    name: 'bundle-size',
    value: 'number',
    help: 'elements per bundle of a source',
    setting: { default: undefined },
  },
  {
    name: 'require-codecs',
    value: undefined,
    help: 'refuse groupings of elements that no codec describes',
    setting: { default: false },
  },
  {
    name: 'stage-compiler',
    value: 'kind',
    help: 'auto, generated or closures',
    values: ['auto', 'generated', 'closures'],
    setting: { default: 'auto' },
  },
  {
    name: 'guarantee',
    value: 'kind',
    help: 'what is promised when something fails: gap, at-least-once or, by the micro-batch runner, at-most-once or exactly-once',
    values: ['gap', 'at-most-once', 'at-least-once', 'exactly-once'],
    setting: { default: undefined },
  },
  {
    name: 'console',
    value: 'kind',
    help: 'what the pipeline writes to the console: limited, all or off',
    values: ['limited', 'all', 'off'],
    setting: { default: 'limited' },
  },
]
