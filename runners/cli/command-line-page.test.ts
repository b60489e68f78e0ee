/** docs/command-line.md and the pages of help say what the command table says. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CONFIG_KEYS } from '../config.js'
import { commands } from './commands.js'
import { settingRows } from './setting-rows.js'
import { EXIT } from './exit-codes.js'
import { root } from './fixtures/command.js'
import { commandHelp, exitCodes, mainHelp } from './help.js'
import { laterOptions } from './later-versions.js'
import { variableOf } from './runner-settings.js'

const page = readFileSync(join(root, 'docs/command-line.md'), 'utf8')
const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** The part of the page under a heading of the second level. */
function section(heading: string): string {
  const parts = page.split(/^## /m)
  return parts.find((part) => part.startsWith(`${heading}\n`)) ?? ''
}

describe.each(commands.map((command) => [command.name, command] as const))('of %s', (name, command) => {
  it('the page tells usage and every option, and no other', () => {
    expect(section(name)).toContain(`    ${command.usage}\n`)
    const own = command.options.flatMap((option) => {
      const isTakenBack = option.setting !== undefined && option.value === undefined
      return name === 'run' && isTakenBack ? [`--${option.name}`, `--no-${option.name}`] : [`--${option.name}`]
    })
    const isOfTheTable = (row: string): boolean => /^\| `--/.test(row)
    const told =
      name === 'config' ? section(name) : section(name).split('\n').filter(isOfTheTable).join('\n') || section(name)
    for (const option of own) expect(told).toMatch(new RegExp(`\`${option}( [A-Z]+)?\``))
    const known = new Set(commands.flatMap(({ options }) => options.map((option) => option.name)))
    const firstColumns = section(name)
      .split('\n')
      .filter(isOfTheTable)
      .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/--(?:no-)?([a-z-]+)/g)].map((match) => match[1]))
    for (const option of firstColumns) expect(known).toContain(option)
  })

  it('the page tells what an option may be', () => {
    for (const { values = [] } of command.options) for (const value of values) expect(page).toContain(`\`${value}\``)
  })

  it('help tells every option, and has lines that fit a terminal', () => {
    const help = commandHelp(command)
    for (const option of command.options) expect(help).toContain(`--${option.name}`)
    for (const line of command.notes) expect(line.length).toBeLessThanOrEqual(118)
    expect(mainHelp('1.0.0')).toContain(command.usage)
  })

  it('no option is also one of later versions', () => {
    for (const option of command.options) expect(laterOptions.get(name)?.has(option.name) ?? false).toBe(false)
  })
})

it('the page tells the variable and the key of each setting', () => {
  for (const { name } of settingRows) {
    const row = page
      .split('\n')
      .find((line) => line.includes(`\`${variableOf(name)}\``) && line.includes(`\`--${name}\``))
    expect([name, CONFIG_KEYS.some((key) => row?.includes(`| \`${key}\` `))]).toEqual([name, true])
  }
})

it('the exit codes are told by the page and by help, and are those that there are', () => {
  expect(exitCodes.map(([code]) => Number(code))).toEqual(Object.values(EXIT))
  const told = section('Exit codes').matchAll(/^\| (\d+) +\| (.*?) +\|$/gm)
  expect([...told].map(([, code, meaning]) => [code, meaning])).toEqual(exitCodes.map((row) => [...row]))
  for (const [, meaning] of exitCodes) expect(mainHelp('1.0.0')).toContain(meaning)
})

it('the README leads to the page', () => expect(readme).toContain('(docs/command-line.md)'))
