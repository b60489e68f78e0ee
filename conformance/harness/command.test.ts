/**
 * `millrace conformance` as its users start it is this function with the text written to stdout.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type CommandOptions, conformanceCommand } from './command.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-conformance-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = (name: string): string => join(folder, name)

async function command(options: CommandOptions): Promise<{ readonly holds: boolean; readonly stdout: string }> {
  let stdout = ''
  const holds = await conformanceCommand(options, (text) => {
    stdout += text
  })
  return { holds, stdout }
}

describe('the suite', () => {
  it('prints areas by runners, and a count last', async () => {
    const { holds, stdout } = await command({ only: 'FLT,GBK-01,WRONG-01', modes: 'one' })
    expect(holds).toBe(true)
    expect(stdout).toMatch(/^area +direct\nGBK +1 passed\nFLT +\d+ passed\nWRONG +1 passed\nall/)
    expect(stdout).toMatch(/\n1 modes \(generated\), seed 1: \d+ runs, \d+ claims\n\d+ passed, 0 failed\n$/)
  })

  it('writes the matrix as JSON and as a page', async () => {
    await command({ only: 'CRE-0', modes: 'one', json: file('m.json'), html: file('m.html'), seed: '7' })
    const matrix = JSON.parse(readFileSync(file('m.json'), 'utf8')) as object
    expect(matrix).toMatchObject({ runners: ['direct'], modes: ['generated'], seed: 7, withoutCase: [] })
    const page = readFileSync(file('m.html'), 'utf8')
    expect(page).toContain('<td class="id">CRE-01</td>')
    expect(page).not.toMatch(/(src|href)="http/)
  })

  it('shows the rows of the catalogue that have no case', async () => {
    const chosen = { only: 'MET-01,MET-1', modes: 'one', json: file('l.json'), html: file('l.html') }
    const { stdout } = await command(chosen)
    const matrix = JSON.parse(readFileSync(file('l.json'), 'utf8')) as { readonly withoutCase: readonly object[] }
    expect(matrix.withoutCase).toContainEqual({ id: 'MET-16', reason: expect.stringContaining('histograms') as string })
    expect(stdout).toMatch(/\n– MET-16 has no case: histograms/)
    expect(readFileSync(file('l.html'), 'utf8')).toContain('<td class="id">MET-16</td>')
  })

  it.each<[CommandOptions, string]>([
    [{ only: 'NOPE' }, 'there is no case "NOPE"'],
    [{ runners: 'dircet' }, 'there is no runner "dircet"'],
    [{ runners: 'flink' }, 'the flink runner is not part of this version'],
    [{ modes: 'some' }, 'there is no mode "some"'],
    [{ seed: 'x' }, '--seed must be a whole number'],
    [{ scenarios: 'a', coders: 'b' }, 'Ask one at a time'],
    [{ scenarios: 'nowhere.jsonl' }, 'there is no file "nowhere.jsonl"'],
  ])('refuses %j', async (options, message) => {
    await expect(command(options)).rejects.toThrow(message)
  })
})

describe('questions', () => {
  const lines = readFileSync(new URL('../oracle/triggers.jsonl', import.meta.url), 'utf8')
    .split('\n')
    .slice(0, 20)

  it('are answered line by line, in order, never from what is recorded, with further fields kept', async () => {
    const recorded = lines.map((line) => JSON.parse(line) as { readonly id: string; readonly panes: readonly object[] })
    const asked = recorded.map((line) => JSON.stringify({ ...line, panes: [], note: `of ${line.id}` }))
    writeFileSync(file('scenarios.jsonl'), `${asked.join('\n')}\n`)
    const { holds, stdout } = await command({ scenarios: file('scenarios.jsonl') })
    const answered = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as (typeof recorded)[number])
    expect(holds).toBe(true)
    expect(answered.map(({ id }) => id)).toEqual(recorded.map(({ id }) => id))
    expect(answered.map(({ panes }) => panes.length)).toEqual(recorded.map(({ panes }) => panes.length))
    for (const [at, line] of answered.entries()) expect(line).toMatchObject({ note: `of ${recorded[at]?.id ?? ''}` })
  })

  it('that cannot be answered say why, in their place', async () => {
    writeFileSync(file('broken.jsonl'), `{"id":"x"}\n${lines[0] ?? ''}\nnot json\n`)
    const { holds, stdout } = await command({ scenarios: file('broken.jsonl') })
    const answered = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly error?: string })
    expect(holds).toBe(false)
    expect(answered.map(({ error }) => error !== undefined)).toEqual([true, false, true])
  })
})
