/**
 * What people read when a run writes much or goes wrong: the console by step, dead letters by what they have in common,
 * the author's line, the code; and never a secret.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, fixture, leftOvers, millrace } from './fixtures/command.js'

beforeAll(compiled)
afterAll(leftOvers)

const chatty = fixture('chatty.ts')
const SECRET = 'hunter-22'
const run = (count: number, ...options: readonly string[]) =>
  millrace(
    [
      'run',
      ...options.filter((option) => option !== '--fatal'),
      chatty,
      '--token',
      SECRET,
      '--count',
      `${count}`,
    ].concat(options.includes('--fatal') ? ['--fatal'] : []),
  )

/** Line of the author's, from 1. */
const lineOf = (text: string): number =>
  readFileSync(chatty, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(text)) + 1

describe('the console of a run', () => {
  it('says which step writes, also after an await, and the pipeline where two steps share a function', async () => {
    const { stderr } = await run(6)
    expect(stderr).toContain('parse | parsing 1\n')
    // Calls that wait go on in any order.
    expect(stderr).toContain('wait | waited 1\n')
    expect(stderr).toContain('wait | waited 2\n')
    expect(stderr).toContain('[chatty] shared 1\n')
  })

  it('shows some lines of each step and counts the others; what is printed as a result is shown whole', async () => {
    const { stderr, stdout } = await run(300)
    const lines = stderr.split('\n')
    const shown = lines.filter((line) => line.startsWith('parse | parsing')).length
    expect(shown).toBeGreaterThanOrEqual(20)
    expect(shown).toBeLessThan(100)
    const more = lines.flatMap((line) => /^… ([\d,]+) more lines from "parse"/.exec(line)?.[1] ?? [])
    expect(more.reduce((sum, count) => sum + Number(count), shown)).toBe(300)
    expect(stdout.trimEnd().split('\n')).toHaveLength(200)
  })

  it('is shown whole, or not at all, when that is asked for', async () => {
    const [all, off] = await Promise.all([run(300, '--console', 'all'), run(300, '--console', 'off')])
    expect(all.stderr.match(/^parse \| parsing/gm)).toHaveLength(300)
    expect(all.stderr).not.toContain('more lines')
    expect(off.stderr).not.toMatch(/parsing|waited|more lines/)
    expect(off.stdout.trimEnd().split('\n')).toHaveLength(200)
  })

  it('names the step for programs too', async () => {
    const { stderr } = await run(3, '--json')
    const logs = stderr.split('\n').filter((line) => line.includes('"type":"log"'))
    expect(logs.map((line) => JSON.parse(line) as unknown)).toContainEqual({
      type: 'log',
      stream: 'out',
      text: 'parsing 1\n',
      step: 'parse',
    })
  })
})

describe('what goes wrong', () => {
  it('dead letters are counted by place and kind, with an example and the line', async () => {
    const { stderr, code } = await run(30, '--console', 'off')
    const line = lineOf('throw new TypeError')
    expect(stderr).toContain(
      `  10 × TypeError in "parse" at runners/cli/fixtures/chatty.ts:${line}, e.g. no *** is no number\n`,
    )
    expect(stderr).toContain('    element: "no ***"\n    window: the global window, timestamp: -∞\n')
    expect(stderr).toMatch(new RegExp(` ${line} \\| if \\(.*throw new TypeError.*\\n +\\| +\\^\\n`))
    expect(code).toBe(0)
  })

  it('a failure shows the line, the code, and the dead letters before it', async () => {
    const { stderr, code } = await run(30, '--console', 'off', '--fatal')
    expect(stderr).toContain('dead letters before the failure\n')
    expect(stderr).toContain('error: step "wait" failed in process: login with *** failed\n')
    const line = lineOf('login with')
    const excerpt = stderr.split('\n')
    const at = excerpt.findIndex((each) => each.trimStart().startsWith(`${line} | `))
    expect(excerpt[at]).toContain('throw new Error(`login with')
    // The mark stands below what is thrown.
    expect(excerpt[at]?.slice(excerpt[at + 1]?.indexOf('^'))).toMatch(/^(new )?Error\(/)
    expect(excerpt[at + 2]).toBe('  MR-3001: user code threw. More: millrace explain MR-3001')
    expect(code).toBe(1)
  })

  it('is said part by part for programs', async () => {
    const { stderr } = await run(30, '--json', '--console', 'off', '--fatal')
    const last = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as unknown
    expect(last).toMatchObject({
      type: 'failed',
      error: {
        code: 'MR-3001',
        step: 'wait',
        element: expect.stringMatching(/^\d+$/),
        window: 'the global window',
        timestamp: '-∞',
        excerpt: { file: chatty, line: lineOf('login with') },
      },
      deadLetters: [{ step: 'parse', error: 'TypeError', example: { message: 'no *** is no number' } }],
    })
  })

  it('never shows a secret, however user code has made it part of a text', async () => {
    const runs = await Promise.all([
      run(30, '--console', 'all'),
      run(30, '--fatal'),
      run(30, '--json', '--console', 'all', '--fatal'),
    ])
    for (const { stderr } of runs) {
      expect(stderr).toContain('***')
      expect(stderr).not.toContain(SECRET)
    }
  })
})

describe('millrace explain', () => {
  it('shows the page of a code, however it is written, and the list without one', async () => {
    const [page, short, list] = await Promise.all([
      millrace(['explain', 'MR-1005']),
      millrace(['explain', '1005']),
      millrace(['explain']),
    ])
    expect(page.stdout).toMatch(/^MR-1005: two steps have one name\n\nTwo steps of one scope/)
    expect(page.stdout).toContain("    words.map('clean', (word) => word.trim())\n")
    expect(page.stdout).not.toMatch(/```|\]\(/)
    expect(short.stdout).toBe(page.stdout)
    expect(list.stdout).toContain('  MR-1005  two steps have one name\n')
    expect([page.code, list.code]).toEqual([0, 0])
  })

  it('refuses a code that there is not, by a code', async () => {
    const { stderr, code } = await millrace(['explain', 'MR-1'])
    expect(stderr).toContain('error: there is no error code "MR-1".')
    expect(stderr).toContain('  MR-7019: ')
    expect(code).toBe(2)
  })
})
