/** `millrace run` as a process: what it prints, what it refuses, how it ends. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, type Ended, fixture, leftOvers, millrace, start } from './fixtures/command.js'

beforeAll(compiled, 120_000)
afterAll(leftOvers)
const nothing = { processes: [], files: [] }
const words = fixture('words.ts')

describe.concurrent('a run', { timeout: 30_000 }, () => {
  it('prints results on stdout and the summary on stderr', async () => {
    const run = await millrace(['run', words, '--times', '3', '--shout'])
    expect(run.stdout).toBe('counts: TO 6\ncounts: BE 6\ncounts: OR 3\ncounts: NOT 3\n')
    expect(run.stderr).toMatch(/^words: done in \d+\.\d\d s, 3 elements read\n$/)
    expect([run.code, run.left]).toEqual([0, nothing])
  })

  it('says nothing else when told to be quiet', async () => {
    const run = await millrace(['run', words, '--quiet'])
    expect([run.code, run.stderr]).toEqual([0, ''])
  })

  it('speaks JSON, the hashes first', async () => {
    const run = await millrace(['run', words, '--json'])
    const lines = jsonLines(run)
    expect(lines[0]).toEqual({
      type: 'started',
      pipeline: 'words',
      moduleHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      graphFingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      options: {},
    })
    expect(lines.at(-1)).toMatchObject({ type: 'finished', state: 'DONE', counters: [] })
    expect(run.stdout).toContain('counts: to 2')
  })

  it.each(['generated', 'closures'])('takes options for the runner: %s, strict', async (compiler) => {
    const run = await millrace([
      'run',
      '--strict',
      '--seed=7',
      '--stageCompiler',
      compiler,
      '--bundle-size',
      '2',
      words,
    ])
    expect(run.stdout.split('\n').sort()).toEqual(['', 'counts: be 2', 'counts: not 1', 'counts: or 1', 'counts: to 2'])
    expect(run.code).toBe(0)
  })

  it('fails with step, element, window, and the lines of the author', async () => {
    const file = fixture('trouble.ts')
    const run = await millrace(['run', file, '--how', 'throws'])
    expect(run.stderr).toContain('error: step "parse" failed in process: "two" is no number\n  element: "two"\n')
    expect(run.stderr).toContain(`step written at: ${file}:${lineOf(file, ".map('parse', parse).print('show')")}:`)
    expect(run.stderr).toContain(`    at parse (${file}:${lineOf(file, 'throw new TypeError')}:`)
    expect(run.stderr).not.toContain('/dist/')
    expect([run.code, run.left]).toEqual([1, nothing])
  })

  it('captures what the author writes, line by line', async () => {
    const run = await millrace(['run', fixture('trouble.ts'), '--how', 'logs'])
    expect(run.stderr).toContain(
      'say | seen 1\nsay | { n: 1 }\nsay | no end of line seen 2\nsay | { n: 2 }\nsay | no end of line \n',
    )
    expect(run.stdout).toBe('show: 1\nshow: 2\n')
  })

  it('tells of dead letters and files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-files-'))
    try {
      const letters = await millrace(['run', fixture('trouble.ts'), '--how', 'dead letters'])
      expect(letters.stderr).toContain('\n  1 dead letter in step "parse"\n')
      expect(letters.stdout).toContain('bad letter: "two" is no number')
      const files = await millrace(['run', fixture('trouble.ts'), '--how=files'], { env: { FIXTURE_FOLDER: folder } })
      expect(files.stderr).toContain(`\n  wrote ${folder}/part.txt\n`)
      expect(readFileSync(join(folder, 'part.txt'), 'utf8')).toBe('a')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it.each([
    ['stray rejection', /error: a promise was rejected and nobody waited for it[^]*RangeError: nobody waits for me/],
    ['stray error', /error: an error was thrown outside of every step[^]*RangeError: thrown by a timer/],
    ['exits', /error: the pipeline's thread ended by itself, with code 7: something called process\.exit\(\)/],
  ])('reports a thread that is hurt: %s', async (how, message) => {
    const run = await millrace(['run', fixture('trouble.ts'), '--how', how])
    expect(run.stderr).toMatch(message)
    expect([run.code, run.left]).toEqual([1, nothing])
  })

  it('reports a thread without memory', async () => {
    const env = { NODE_OPTIONS: '--max-old-space-size=60' }
    const run = await millrace(['run', fixture('trouble.ts'), '--how', 'memory'], { env })
    expect(run.stderr).toContain('error: the pipeline ran out of memory.')
    expect([run.code, run.left]).toEqual([1, nothing])
  })

  it('ends when nobody reads its results any more', async () => {
    const run = start(['run', fixture('endless.ts')])
    run.closeOutput()
    expect((await run.ended).code).toBe(141)
  })
})

describe.concurrent('what is wrong with the command line', { timeout: 30_000 }, () => {
  it.each<[string[], string]>([
    [['rnu', words], 'error: there is no command "rnu". Did you mean "run"?\n'],
    [['run'], 'error: millrace run needs a file: millrace run FILE [options] [--option-of-the-pipeline value …] See'],
    [['run', words, '--tims', '1'], 'error: pipeline "words" has no option --tims. Did you mean --times?\n'],
    [['run', 'missing.ts'], 'error: there is no file missing.ts.'],
    [['run', fixture('word.ts')], '/word.ts. Did you mean "words.ts"?\n'],
    [['run', 'sdk'], 'error: sdk is not a file.'],
    [['run', 'package.json'], 'error: package.json is not a TypeScript or JavaScript file.'],
    [['graph', words, '--format', 'mermaidd'], 'Did you mean "mermaid"?\n'],
    [['verify', 'x'], 'error: millrace verify takes no file, and was given "x".'],
    [['run', words, '--guarantee', 'exactly-once'], 'cannot promise exactly-once'],
    [
      ['graph', words, '--format=png'],
      'error: --format png is not part of this version. It has mermaid, dot, svg, json.\n',
    ],
    [['graph', words, '--runner', 'direct'], 'error: --runner says whose stages --physical shows. Add --physical'],
    [['graph', words, '--physical', '--depth', '1'], 'error: --depth folds composites, and stages have none.'],
    [['graph', words, '--depth', 'x'], 'error: --depth needs a whole number from 0, not "x".'],
    [['graph', words, '--out', 'missing/graph.dot'], 'error: --out missing/graph.dot cannot be written: ENOENT'],
    [['graph', words, '--out', 'missing/graph.svg'], 'error: --out missing/graph.svg cannot be written: ENOENT'],
  ])('%j', async (args, message) => {
    const run = await millrace(args)
    expect(run.stderr).toContain(message)
    expect([run.code, run.stdout, run.left]).toEqual([2, '', nothing])
  })

  it('is reported as JSON where that was asked for', async () => {
    const run = await millrace(['run', words, '--json', '--seed', 'x'])
    expect(jsonLines(run)).toEqual([
      {
        type: 'failed',
        error: { name: 'UsageError', message: expect.stringContaining('--seed'), frames: [], code: 'MR-7003' },
      },
    ])
  })
})

describe.concurrent('help', { timeout: 30_000 }, () => {
  it('is there for the command, for its commands, and for a file', async () => {
    const [all, run, file, version] = await Promise.all([
      millrace(['--help']),
      millrace(['run', '--help']),
      millrace(['run', fixture('options.ts'), '--help']),
      millrace(['--version']),
    ])
    expect(all.stdout).toContain('millrace run FILE')
    expect(run.stdout).toContain('--call-timeout <duration>')
    expect(file.stdout).toContain(`Options of pipeline "options"
  --input <string>                      required, or MILLRACE_INPUT
  --min-cents <number>                  required, or MILLRACE_MIN_CENTS
  --token <secret>                      required, or MILLRACE_TOKEN
  --verbose                             optional, or MILLRACE_VERBOSE
`)
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect([all.code, run.code, file.code, version.code]).toEqual([0, 0, 0, 0])
  })
})

describe.concurrent('options of a pipeline', { timeout: 30_000 }, () => {
  const options = fixture('options.ts')

  it('come from flags and the environment, and secrets are never shown', async () => {
    const args = ['--input', '5', '--minCents', '-7', '--no-verbose', '--tags', 'a', '--tags', 'b', '--id=007']
    const run = await millrace(['run', options, ...args, '--limits', '{"x":1}', '--json'], {
      env: { MILLRACE_TOKEN: 'sesame', MILLRACE_INPUT: 'not this' },
    })
    const shown = {
      input: '5',
      minCents: -7,
      token: '***',
      verbose: false,
      tags: ['a', 'b'],
      limits: { x: 1 },
      id: '007',
    }
    const [first, second] = run.stdout.split('\n')
    expect(JSON.parse((first as string).replace('show: ', ''))).toEqual(shown)
    expect(second).toBe('show: token of 6 characters')
    expect(jsonLines(run)[0]).toMatchObject({ options: shown })
    expect(run.stdout + run.stderr).not.toContain('sesame')
  })

  it('may be described by any Standard Schema', async () => {
    const run = await millrace(['run', fixture('zod-options.ts'), '--input', '5', '--min-cents', '5'])
    expect(run.stdout).toBe('show: {"input":"5","minCents":5,"verbose":false}\n')
  })
})

describe('the graph', { timeout: 30_000 }, () => {
  it('is text for mermaid, and nothing runs', async () => {
    const run = await millrace(['graph', words])
    expect(run.stdout).toMatch(/^flowchart TD\n {2}n0\(\["lines"\]\)\n/)
    expect([run.code, run.stderr, run.left]).toEqual([0, '', nothing])
  })
})

function jsonLines({ stderr }: Ended): readonly Record<string, unknown>[] {
  return stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

function lineOf(file: string, text: string): number {
  return (
    readFileSync(file, 'utf8')
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1
  )
}
