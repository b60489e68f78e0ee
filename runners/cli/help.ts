/**
 * The pages of help. Text for people, on stdout, because it is what was asked for.
 */
import { type CommandRow, commands, globalOptions, type OptionRow } from './commands.js'

/** The first page. */
export function mainHelp(version: string): string {
  return [
    `millrace ${version}: Apache Beam's model for TypeScript`,
    '',
    'Usage',
    ...commands.map(({ usage }) => `  ${usage}`),
    '',
    'Commands',
    ...table(commands.map(({ name, summary }) => [name, summary])),
    '',
    'Options',
    ...table(globalOptions.map(row)),
    '',
    'Exit codes',
    ...table([
      ['0', 'done, or drained after Ctrl-C'],
      ['1', 'the run, or a conformance case, failed'],
      ['2', 'nothing ran: the command line, the module or the pipeline is wrong'],
      ['130', 'stopped by a second Ctrl-C'],
      ['141', 'the reader of the output has gone'],
      ['143', 'stopped by SIGTERM, after draining for 10 seconds'],
    ]),
    '',
    'millrace COMMAND --help tells more; millrace run FILE --help shows the options of the pipeline in FILE.',
  ].join('\n')
}

/** The page of a command. */
export function commandHelp({ name, usage, summary, options }: CommandRow): string {
  const notes: readonly string[] =
    name === 'run'
      ? [
          '',
          'FILE has the pipeline as its default export: export default definePipeline({ name, options, build }).',
          'Options of the pipeline come after FILE: --min-cents 5, --minCents=5, --verbose, --no-verbose. What is not',
          'given there is looked for in the environment, as MILLRACE_MIN_CENTS. Results of .print(name) go to stdout,',
          'everything else to stderr. Ctrl-C stops reading and finishes what was read; a second one stops at once.',
        ]
      : name === 'why'
        ? [
            '',
            'The pipeline runs, with whatever it writes; its results are not shown. Then it is given up. The answer, on stdout,',
            'names for each step that waits its window, trigger, timer or side input, and follows its input to where the cause',
            'lies: a partition that is quiet, a call that has not ended. Times are UTC.',
          ]
        : name === 'graph'
          ? ['', 'The options of a pipeline may decide its graph, so they are given here too, after FILE.']
          : [
              '',
              'Prints areas by runners, and why of each case that has not passed. A case that needs what a runner lacks must be',
              'refused by it. With --scenarios, --constructions or --coders, a file of JSON lines is answered on stdout, line by',
              'line, instead. Exits with 1 when a case fails or a line has no answer.',
            ]
  return [
    `Usage: ${usage}`,
    '',
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.`,
    ...notes,
    '',
    'Options',
    ...table(options.map(row)),
  ].join('\n')
}

/** Rows of two columns. */
export function table(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd())
}

function row({ name, value, help, short }: OptionRow): readonly [string, string] {
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`
  return [value === undefined ? names : `${names} <${value}>`, help]
}
