/**
 * `millrace conformance` as its users start it is this function with the text written to stdout.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errorKind } from 'millrace'
import { afterAll, describe, expect, it } from 'vitest'
import type { Construction, Scenario } from '../oracle/scenario.js'
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
    expect(stdout).toMatch(/^area +direct\nGBK +1 passed\nFLT +\d+ passed, 1 left out\nWRONG +1 passed\nall/)
    expect(stdout).toMatch(/\n1 mode \(generated\), seed 1: \d+ runs, \d+ claims\n\d+ passed, 0 failed\n$/)
  })

  it('has a column for each runner, with the modes of each', async () => {
    const chosen = { only: 'FLT-01,GBK-01', runners: 'direct,micro-batch', modes: 'one', json: file('b.json') }
    const { holds, stdout } = await command({ ...chosen, html: file('b.html') })
    expect(holds).toBe(true)
    expect(stdout).toMatch(/^area +direct +micro-batch\nGBK +1 passed +1 passed\n/)
    expect(stdout).toMatch(/\ndirect: 1 mode \(generated\)\nmicro-batch: 1 mode \(batches of 7\)\n2 runners, seed 1: /)
    const matrix = JSON.parse(readFileSync(file('b.json'), 'utf8')) as object
    expect(matrix).toMatchObject({ runners: ['direct', 'micro-batch'], modes: [['generated'], ['batches of 7']] })
    expect(readFileSync(file('b.html'), 'utf8')).toContain('<th scope="col">micro-batch</th>')
  })

  it.each(['batches of 3, restarted after each', 'batches of 2, ended at crash points, seed 1'])(
    'goes on from what is kept in mode "%s"',
    async (modes) => {
      const { holds, stdout } = await command({ only: 'GBK-01,STA-01,CMB-01', runners: 'micro-batch', modes })
      expect(holds, stdout).toBe(true)
    },
  )

  it('writes the matrix as JSON and as a page', async () => {
    await command({ only: 'CRE-0', modes: 'one', json: file('m.json'), html: file('m.html'), seed: '7' })
    const matrix = JSON.parse(readFileSync(file('m.json'), 'utf8')) as object
    expect(matrix).toMatchObject({ runners: ['direct'], modes: [['generated']], seed: 7, withoutCase: [] })
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
    [{ runners: 'flink-clustre' }, 'there is no runner "flink-clustre"'],
    [{ modes: 'some' }, 'there is no mode "some". Modes: "one"; "all"; "generated"; '],
    [{ seed: 'x' }, '--seed must be a whole number'],
    [{ scenarios: 'a', coders: 'b' }, 'Ask one at a time'],
    [{ scenarios: 'a', runners: 'direct,flink' }, '--scenarios are answered by one runner'],
    [{ scenarios: 'a', runners: 'dircet' }, 'there is no runner "dircet"'],
    [{ scenarios: 'a', runners: 'prism' }, 'the prism runner does not support testStream'],
    [{ scenarios: 'a', seed: '1' }, '--seed is about the suite, and --scenarios'],
    [{ scenarios: 'nowhere.jsonl' }, 'there is no file "nowhere.jsonl"'],
    [{ coders: folder }, `"${folder}" is a directory`],
    [{ constructions: `${file('x')}\0` }, 'cannot read the file'],
    [{ json: file('no/m.json'), only: 'CRE-01' }, `there is no directory "${file('no')}"`],
    [{ html: folder, only: 'CRE-01' }, `--html "${folder}" is a directory`],
    ...(['runners', 'only', 'modes', 'seed', 'json', 'html'] as const).map((name): [CommandOptions, string] => [
      { [name]: '1', coders: 'a' },
      `--${name} is about the suite, and --coders`,
    ]),
  ])('refuses %j', async (options, message) => {
    const refused = await command(options).catch((error: unknown) => error)
    expect(['PipelineError', 'UnsupportedFeature']).toContain(errorKind(refused))
    expect((refused as Error).message).toContain(message)
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

  it('about scenarios are answered alike by each runner that plays scripts as they are written', async () => {
    writeFileSync(file('scenarios.jsonl'), `${lines.join('\n')}\n`)
    const direct = await command({ scenarios: file('scenarios.jsonl') })
    expect(await command({ scenarios: file('scenarios.jsonl'), runners: 'direct' })).toEqual(direct)
    expect(await command({ scenarios: file('scenarios.jsonl'), runners: 'micro-batch' })).toEqual(direct)
  })

  it('about scenarios of a clock are refused by name where nobody sets the clock, line by line', async () => {
    const [first = ''] = lines
    const waits = { ...(JSON.parse(first) as Scenario), trigger: { trigger: 'Repeatedly', of: { trigger: 'AfterProcessingTime', delay: 1 } } } // prettier-ignore
    const moves = { ...(JSON.parse(first) as Scenario), events: [{ type: 'processingTime', advance: 1001 }] }
    writeFileSync(file('clock.jsonl'), [waits, moves].map((line) => `${JSON.stringify(line)}\n`).join(''))
    const { holds, stdout } = await command({ scenarios: file('clock.jsonl'), runners: 'flink' })
    const answered = stdout.trimEnd().split('\n')
    expect(holds).toBe(false)
    expect(answered).toHaveLength(2)
    for (const line of answered) {
      expect(JSON.parse(line)).not.toHaveProperty('panes')
      expect((JSON.parse(line) as { error: string }).error).toContain('does not support testStream.processingTime')
    }
  })

  /** Asks lines; the errors of their answers, or nothing where there is an answer. */
  async function errorsOf(kind: 'scenarios' | 'constructions' | 'coders', asked: readonly (string | object)[]) {
    const text = asked.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
    writeFileSync(file('asked.jsonl'), `${text}\n`)
    const { holds, stdout } = await command({ [kind]: file('asked.jsonl') })
    const answered = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    expect(answered).toHaveLength(asked.length)
    return { holds, answered, errors: answered.map(({ error }) => error) }
  }

  const scenario = JSON.parse(lines[0] ?? '') as Scenario
  const construction: Construction = {
    id: 'c',
    windowFn: { windowFn: 'FixedWindows', size: 10 },
    trigger: { trigger: 'Default' },
    allowedLateness: 0,
  }
  const coder = { coder: { urn: 'beam:coder:varint:v1' }, value: 300 }
  const good = { scenarios: scenario, constructions: construction, coders: coder }
  const element = { key: 'k', value: 1, timestamp: 0 }

  it.each(['scenarios', 'constructions', 'coders'] as const)(
    'that are no objects (%s) are answered with an error and the line, and the next ones go on',
    async (kind) => {
      const strange = ['null', '[]', '42', '"text"', 'not json']
      const { holds, answered, errors } = await errorsOf(kind, [...strange, good[kind]])
      expect(holds).toBe(false)
      expect(answered.slice(0, -1).map(({ line }) => line)).toEqual(strange)
      expect(errors.slice(0, 4)).toEqual(strange.slice(0, 4).map(() => 'a line must be a JSON object.'))
      expect(errors[4]).toContain('not json')
      expect(errors[5]).toBeUndefined()
    },
  )

  it('may begin with a byte order mark', async () => {
    const { holds, answered } = await errorsOf('coders', [`\uFEFF${JSON.stringify(coder)}`])
    expect(holds).toBe(true)
    expect(answered).toEqual([{ ...coder, hexNested: 'ac02', hexOuter: 'ac02' }])
  })

  // prettier-ignore
  it.each<['scenarios' | 'constructions' | 'coders', object, string]>([
    ...(['windowFn', 'trigger', 'allowedLateness', 'accumulationMode', 'timestampCombiner', 'closingBehavior', 'onTimeBehavior', 'operation', 'events'] as const)
      .map((name): ['scenarios', object, string] => ['scenarios', { ...scenario, [name]: undefined }, `the line has no "${name}".`]),
    ['scenarios', { ...scenario, operation: 'Fold' }, 'the line names operation "Fold", which this version does not know.'],
    ['scenarios', { ...scenario, events: 5 }, 'events must be a list, but is 5.'],
    ['scenarios', { ...scenario, events: [null] }, 'events[0] must be an object, but is null.'],
    ['scenarios', { ...scenario, events: [{ type: 'rest' }] }, 'the line names event "rest", which this version does not know.'],
    ['scenarios', { ...scenario, events: [{ type: 'elements' }] }, 'events[0] has no "elements".'],
    ...(['key', 'value', 'timestamp'] as const)
      .map((name): ['scenarios', object, string] => ['scenarios', { ...scenario, events: [{ type: 'elements', elements: [element, { ...element, [name]: undefined }] }] }, `events[0].elements[1] has no "${name}".`]),
    ['scenarios', { ...scenario, events: [{ type: 'elements', elements: [{ ...element, value: 1.5 }] }] }, 'events[0].elements[0].value must be a whole number, but is 1.5.'],
    ['scenarios', { ...scenario, events: [{ type: 'watermark' }] }, 'events[0] has no "timestamp".'],
    ['scenarios', { ...scenario, events: [{ type: 'processingTime' }] }, 'events[0] has no "advance".'],
    ['constructions', { ...construction, trigger: { trigger: 'AfterMoon' } }, 'the line names trigger "AfterMoon", which this version does not know.'],
    ['constructions', { ...construction, trigger: { trigger: 'AfterWatermark', early: { trigger: 'AfterPane' } } }, 'trigger.early has no "elementCountAtLeast".'],
    ['constructions', { ...construction, trigger: { trigger: 'AfterAll', of: [null] } }, 'trigger.of[0] must be an object, but is null.'],
    ['constructions', { ...construction, windowFn: { windowFn: 'Moons' } }, 'the line names WindowFn "Moons", which this version does not know.'],
    ['constructions', { ...construction, windowFn: { windowFn: 'Sessions' } }, 'windowFn has no "gap".'],
    ['coders', { ...coder, coder: undefined }, 'the line has no "coder".'],
    ['coders', { ...coder, coder: { urn: 'beam:coder:iterable:v1', components: [null] } }, 'coder.components[0] must be an object, but is null.'],
    ['coders', { ...coder, coder: { urn: 'beam:coder:row:v1', schema: { fields: [{ name: 'a' }] } } }, 'coder.schema.fields[0] has no "type".'],
    ['coders', { coder: { urn: 'beam:coder:interval_window:v1' }, value: { start: 1 } }, 'a window has no "end"'],
    ['coders', { ...coder, value: 'text' }, 'expected an integer, got "text"'],
  ])('of %s that are not in the format say what is wrong: %j', async (kind, line, error) => {
    const { holds, answered, errors } = await errorsOf(kind, [line, good[kind]])
    expect(holds).toBe(false)
    expect(errors).toEqual([error, undefined])
    expect(answered[0]).not.toHaveProperty('accepted')
  })

  it('about constructions hold when the model refuses one', async () => {
    const unsafe = { ...construction, trigger: { trigger: 'AfterPane', elementCountAtLeast: 1 } }
    const { holds, answered } = await errorsOf('constructions', [unsafe, { ...construction, error: 'recorded' }])
    expect(holds).toBe(true)
    expect(answered).toEqual([
      { ...unsafe, accepted: false, error: expect.stringContaining('may finish') as string },
      { ...construction, accepted: true },
    ])
  })

  it.each([
    [10_000, 2],
    ['10000', 2],
    ['9223372036854775', 0],
    ['99999999999999999999', 0],
  ])('that allow lateness %j drop %i elements', async (allowedLateness, dropped) => {
    const line = { ...(JSON.parse(lines[10] ?? '') as Scenario), allowedLateness }
    const { holds, answered } = await errorsOf('scenarios', [line])
    expect(holds).toBe(true)
    expect(answered[0]).toMatchObject({ allowedLateness, droppedDueToLateness: dropped })
  })
})
