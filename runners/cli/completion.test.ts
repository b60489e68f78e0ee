/** Completion: the script of bash is run by bash; those of zsh and fish are, where these shells are installed. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commands, shells } from './commands.js'
import { completionScript } from './completion-scripts.js'
import { compiled, leftOvers, millrace } from './fixtures/command.js'

let folder = ''
beforeAll(async () => {
  await compiled()
  folder = mkdtempSync(join(tmpdir(), 'millrace-completion-'))
  for (const name of ['words.ts', 'two words.ts', 'notes.md']) writeFileSync(join(folder, name), '')
  mkdirSync(join(folder, 'pipelines'))
  for (const shell of shells) writeFileSync(join(folder, `.${shell}`), completionScript(shell))
}, 120_000)
afterAll(() => {
  leftOvers()
  rmSync(folder, { recursive: true, force: true })
})

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0

/** What bash offers for a line; the last word is the one that is being typed. */
function offered(...words: readonly string[]): readonly string[] {
  const quoted = ['millrace', ...words].map((word) => `'${word}'`).join(' ')
  const script = `source .bash; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`
  const text = execFileSync('bash', ['--norc', '-c', script], { cwd: folder, encoding: 'utf8' })
  return text.split('\n').filter((line) => line !== '')
}

describe('in bash', () => {
  it('offers commands and options without a command', () => {
    expect(offered('')).toEqual(expect.arrayContaining(commands.map(({ name }) => name)))
    expect(offered('co')).toEqual(['config', 'completion', 'conformance'])
    expect(offered('--ver')).toEqual(['--version'])
    expect(offered('help', 'gr')).toEqual(['graph'])
    expect(offered('nonsense', '')).toEqual([])
  })

  it.each(commands.map((command) => [command.name, command] as const))('offers all options of %s', (name, command) => {
    expect(offered(name, '--')).toEqual(expect.arrayContaining(command.options.map((option) => `--${option.name}`)))
  })

  it('offers files of pipelines, and folders on the way to them', () => {
    expect(offered('run', '')).toEqual(expect.arrayContaining(['words.ts', 'two words.ts', 'pipelines']))
    expect(offered('run', '')).not.toContain('notes.md')
    expect(offered('graph', '--format', 'svg', 'wo')).toEqual(['words.ts'])
    expect(offered('config', 'print', 'wo')).toEqual(['words.ts'])
    expect(offered('run', 'words.ts', 'wo')).toEqual([])
    expect(offered('init', 'p')).toEqual(['pipelines'])
  })

  it('offers what an option may be, also after "="', () => {
    expect(offered('graph', 'words.ts', '--format', 's')).toEqual(['svg'])
    expect(offered('graph', 'words.ts', '--format', '=', 's')).toEqual(['svg'])
    expect(offered('graph', 'words.ts', '--format', '=')).toEqual(['mermaid', 'dot', 'svg', 'json'])
    expect(offered('graph', '--format', '=', 'svg', 'wo')).toEqual(['words.ts'])
    expect(offered('run', '--seed', '')).toEqual([])
    expect(offered('graph', '--out', 'n')).toEqual(['notes.md'])
    expect(offered('run', '--no-s')).toEqual(['--no-strict'])
    expect(offered('completion', '')).toEqual(['bash', 'zsh', 'fish'])
    expect(offered('config', '')).toEqual(['print'])
  })
})

describe.each(['zsh', 'fish'] as const)('the script for %s', (shell) => {
  it('names every command and option, with balanced quotes', () => {
    const script = completionScript(shell)
    for (const { name, options } of commands) {
      expect(script).toContain(name)
      for (const option of options)
        expect(script).toContain(shell === 'fish' ? `-l ${option.name}` : `--${option.name}`)
    }
    const text = shell === 'fish' ? script.replaceAll("\\'", '') : script.replaceAll("'\\''", '')
    for (const line of text.split('\n')) expect([line, line.split("'").length % 2]).toEqual([line, 1])
  })

  it.skipIf(!has(shell))('is read by the shell itself', () => {
    const { status, stderr } = spawnSync(shell, ['-n', join(folder, `.${shell}`)], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
  })
})

it('is printed by the command, also as JSON', async () => {
  const [plain, json] = await Promise.all([
    millrace(['completion', 'bash']),
    millrace(['completion', 'fish', '--json']),
  ])
  expect(plain.stdout).toBe(completionScript('bash'))
  expect(JSON.parse(json.stdout)).toEqual({ shell: 'fish', script: completionScript('fish') })
})
