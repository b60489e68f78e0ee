/**
 * `millrace config print`: what a run would be given, and where each value comes from.
 *
 * Law: what is shown is read by the same code that a run reads it with; no secret is shown.
 */
import { suggestion } from '../../sdk/suggestion.js'
import type { CommandInvocation } from './command-line.js'
import { settingRows } from './setting-rows.js'
import type { ConfigFile } from './config-file.js'
import { EXIT } from './exit-codes.js'
import { findConfig } from './find-config.js'
import type { ShownOption } from './pipeline-answers.js'
import { type Origin, runnerSettings, type Settings, settingsFrom, variableOf } from './runner-settings.js'

/** The answer of a module that is asked for its options. */
interface PipelineAnswer {
  readonly pipeline: string
  readonly options: readonly ShownOption[]
}

/** Does the command. @returns the exit code. */
export async function configCommand(invocation: CommandInvocation): Promise<number> {
  const asJson = invocation.options.get('json') === true
  if (invocation.file !== undefined) {
    const { pipelineCommand } = await import('./pipeline-command.js')
    return pipelineCommand(invocation, (answer, settings, config) =>
      invocation.wantsHelp ? `${answer}\n` : page(settings, config, JSON.parse(answer) as PipelineAnswer, asJson),
    )
  }
  const path = findConfig(process.cwd())
  const config = path === undefined ? undefined : await (await import('./config-file.js')).readConfig(path)
  const settings = settingsFrom({ flags: invocation.options, environment: process.env, file: config })
  runnerSettings(settings)
  process.stdout.write(page(settings, config, undefined, asJson))
  return EXIT.done
}

function page(
  settings: Settings,
  config: ConfigFile | undefined,
  answer: PipelineAnswer | undefined,
  asJson: boolean,
): string {
  const unused = unusedVariables(answer)
  if (asJson) {
    const shown = {
      file: config?.path ?? null,
      settings: [...settings].map(([name, { value, origin }]) => ({ name, value: value ?? null, origin })),
      ...(answer === undefined ? {} : answer),
      ...(unused.length === 0 ? {} : { unused }),
    }
    return `${JSON.stringify(shown, undefined, 2)}\n`
  }
  const rows = [...settings].map(([name, { value, origin }]) => [name, shownValue(value), originText(origin)] as const)
  const options = answer?.options.map(({ name, value, origin }) => [name, value, originText(origin)] as const) ?? []
  const lines = [
    config === undefined ? 'no millrace.config file here' : `configuration: ${config.path}`,
    '',
    'Settings',
    ...columns(rows),
  ]
  if (answer !== undefined) {
    lines.push(
      '',
      `Options of pipeline "${answer.pipeline}"`,
      ...(options.length === 0 ? ['  none'] : columns(options)),
    )
  }
  if (unused.length > 0) lines.push('', 'In the environment, and read by nothing here', ...unused.map(unusedLine))
  return `${lines.join('\n')}\n`
}

/** A value as a person reads it. */
function shownValue(value: string | number | boolean | undefined): string {
  return value === undefined ? '–' : String(value)
}

function originText(origin: Origin): string {
  if (origin.kind === 'default') return 'default'
  return origin.kind === 'file' ? `${origin.path} (${origin.name})` : origin.name
}

function columns(rows: readonly (readonly [string, string, string])[]): readonly string[] {
  const widths = [0, 1].map((at) => Math.max(...rows.map((row) => row[at as 0 | 1].length)))
  return rows.map(
    ([name, value, origin]) => `  ${name.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${origin}`,
  )
}

/** Variables that look like ours and are not: a name misspelt is a wish that is not met. */
function unusedVariables(answer: PipelineAnswer | undefined): readonly string[] {
  const known = new Set([
    ...settingRows.map(({ name }) => variableOf(name)),
    ...(answer?.options.map(({ variable }) => variable) ?? []),
  ])
  return Object.keys(process.env)
    .filter((name) => /^MILLRACE_(?!TEST_|CHROMIUM|CI_)/.test(name) && !known.has(name))
    .sort()
}

function unusedLine(name: string): string {
  const near = suggestion(
    name,
    settingRows.map((row) => variableOf(row.name)),
  )
  return `  ${name}${near.startsWith(' Did') ? `.${near}` : ''}`
}
