/**
 * The pages of help. Text for people, on stdout, because it is what was asked for.
 */
import { type CommandRow, commands, globalOptions } from './commands.js'
import type { OptionRow } from './setting-rows.js'

/** What the command's exit codes mean. */
export const exitCodes: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'done, or drained after Ctrl-C'],
  ['1', 'the run, or a conformance case, failed; doctor or fsck found a fault'],
  ['2', 'nothing ran: the command line, the module, its types, the configuration or the pipeline is wrong'],
  ['130', 'stopped by a second Ctrl-C'],
  ['141', 'the reader of the output has gone'],
  ['143', 'stopped by SIGTERM: after the batch at hand, or when the time of grace was over'],
]

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
    ...table(exitCodes),
    '',
    'millrace COMMAND --help tells more; millrace run FILE --help shows the options of the pipeline in FILE.',
  ].join('\n')
}

/** The page of a command. */
export function commandHelp({ usage, summary, notes, options }: CommandRow): string {
  return [
    `Usage: ${usage}`,
    '',
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.`,
    '',
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
