/**
 * What an unkind user may do, by the command and in a script: a clear error with step and position, no file that is
 * incomplete, no process that stays.
 */
import { transformSync } from 'esbuild'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, type Ended, fixture, leftOvers, millrace, start } from './fixtures/command.js'
import { type Project, project } from './fixtures/project.js'

const nothing = { processes: [], files: [] }
const cases = fixture('bad-input/cases.ts')
const source = readFileSync(cases, 'utf8')
const root = mkdtempSync(join(tmpdir(), 'millrace-bad-input-'))
/** The same file without its types: a script of its own. */
let script: Project
beforeAll(async () => {
  await compiled()
  script = project({ 'cases.mjs': transformSync(source, { loader: 'ts', target: 'node20' }).code }, 'copy')
}, 120_000)
afterAll(() => {
  leftOvers()
  script.remove()
  rmSync(root, { recursive: true })
})

let folders = 0
/** An empty folder, or one with these files. */
function folder(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const path = join(root, String(folders++))
  mkdirSync(path)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
  return path
}

const command = (what: string, at: string, ...more: readonly string[]): Promise<Ended> =>
  millrace(['run', cases, '--what', what, `--at=${at}`, ...more])
const inScript = (what: string, at: string, runner: object = {}): Promise<Ended> =>
  millrace([what, at, JSON.stringify(runner)], { main: script.path('cases.mjs') })

/** Where a text stands in the fixture. */
const lineOf = (text: string): number => source.slice(0, source.indexOf(text)).split('\n').length

describe.concurrent('by the command', { timeout: 30_000 }, () => {
  it.each<[string, string, RegExp, string]>([
    [
      'undeclared output',
      '',
      /step "split" failed in process: emit\.even is not a function\n {2}element: 1\n/,
      '.even(n)',
    ],
    ['a bad option', '', /option shards of writeLines must be a whole number from 1, but is 0\.\n {2}at /, 'shards: 0'],
    ['a path with a zero', '', /readLines needs a path, a pattern or a list of them, but got "\/a\\u0000b"/, 'a\\0b'],
    [
      'unkeyed elements',
      '',
      /step "group" failed in addInput: the element is not keyed: .*Put keyBy/,
      "groupByKey('group",
    ],
    ['a lone surrogate as key', '', /step "per user" failed in addInput: lone surrogate at index 1/, "'per user'"],
    [
      'a class instance as key',
      '',
      /step "per price" failed in addInput: \$: an instance of Money has no/,
      "'per price'",
    ],
    ['2^53 as timestamp', '', /step "stamp" failed in process: 9007199254740992 is not a timestamp: it is/, "'stamp'"],
    [
      'text as timestamp of create',
      '',
      /create "rows" cannot place value 0, "a", in time: "yesterday" is/,
      '{ timestamp: ()',
    ],
    [
      'read',
      'missing.txt',
      /step "read\/files" failed in process: there is no file "missing\.txt"\. Paths are/,
      'readLines(at)',
    ],
    [
      'write',
      '/proc/none/out.txt',
      /step "write\/parts" .*: cannot write "\/proc\/none\/out\.txt": ENOENT.* must be a/,
      'writeLines(at)',
    ],
  ])('%s %s: step, what is wrong, and the line', async (what, at, message, text) => {
    const run = await command(what, at)
    expect(run.stderr).toMatch(/^error: /)
    expect(run.stderr).toMatch(message)
    expect(run.stderr).toContain(`${cases}:${lineOf(text)}:`)
    expect([run.stdout, run.code === 1 || run.code === 2, run.left]).toEqual(['', true, nothing])
  })

  it('keys are equal when their values are: 0 is −0, NaN is NaN, and no name is special', async () => {
    const [keys, names] = await Promise.all([command('keys', ''), command('names of Object', '')])
    expect(keys.stdout.split('\n').sort().join('\n')).toBe(`
counted: number 0 2
counted: number NaN 2
counted: string 0 1
counted: string __proto__ 2
counted: string constructor 1`)
    expect(names.stdout).toBe('found: __proto__ 1 5\nfound: constructor 2 5\nfound: toString undefined 5\n')
  })

  it('a lone surrogate is shown as what it is, and never written', async () => {
    const at = folder()
    const [printed, written] = await Promise.all([
      command('a lone surrogate printed', at),
      command('a lone surrogate written', at),
    ])
    expect(printed.stdout).toBe('user: a\\ud800b\n')
    expect(written.stderr).toContain('the line "a\\ud800b" has a lone surrogate at index 1, which UTF-8 cannot hold.')
    expect([written.code, readdirSync(at)]).toEqual([1, []])
  })

  it.each<[string, readonly string[], RegExp]>([
    ['throws', [], /step "parse" failed in process: "two" is no number\n {2}element: "two"\n/],
    ['never', ['--call-timeout', '300ms'], /step "wait" failed in process: the call has not ended after/],
    ['loops for ever', ['--call-timeout', '300ms'], /step "spin" has been in one call on "two"/],
    ['mutates its input', ['--strict'], /step "change" failed in process: the step changed its input\. Other/],
    ['emits after the bundle', [], /step "late" failed in emit: emit was used after its call had ended\. Await/],
  ])('a DoFn that %s ends the run, and there is no file', async (what, options, message) => {
    const at = folder()
    const run = await command(what, at, ...options)
    expect(run.stderr).toMatch(message)
    expect(run.stderr).toMatch(new RegExp(` written at: ${cases}:\\d+:\\d+\n`))
    expect([run.code, run.left, readdirSync(at)]).toEqual([1, nothing, []])
  })

  it('what the pipeline has started and never ended does not keep the command', async () => {
    const run = await command('goes on after the run', '')
    expect(run.stderr).toMatch(/the run is over, but what the pipeline has started is not \(Timeout\).*teardown\.\n/)
    expect([run.code, run.left]).toEqual([0, nothing])
  })

  it('killed at any time, the files that are there are whole', async () => {
    const at = folder()
    const run = start(['run', cases, '--what', 'windows', `--at=${at}`, '--bundle-size', '7'])
    await run.said('written', 3)
    run.signal('SIGKILL')
    expect((await run.ended).left.processes).toEqual([])
    expectWholeWindows(at)
  })

  it('drained, every window is written, and nothing else is left', async () => {
    const at = folder()
    const run = start(['run', cases, '--what', 'windows', `--at=${at}`, '--bundle-size', '7'])
    await run.said('written', 3)
    run.signal('SIGINT')
    const { code, left } = await run.ended
    expect([code, left]).toEqual([0, nothing])
    expectWholeWindows(at)
    expect(readdirSync(at).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it.each(['SIGKILL', 'SIGINT'] as const)('%s half-way through one file: it is not there', async (signal) => {
    const at = folder()
    const run = start(['run', cases, '--what', 'one file', `--at=${at}`, '--bundle-size', '5'])
    await run.said('row: 20')
    run.signal(signal)
    // What is bounded would be read to its end: the second one stops it.
    if (signal === 'SIGINT') {
      await run.said('draining')
      run.signal(signal)
    }
    const { code, left } = await run.ended
    expect([code, left.processes]).toEqual([signal === 'SIGINT' ? 130 : null, []])
    const [hidden = '', ...more] = readdirSync(at)
    expect(more).toEqual([])
    expect(hidden).toMatch(/^\.out\.txt\.tmp-/)
  })
})

describe.concurrent('files that cannot be read', { timeout: 30_000 }, () => {
  const packed = gzipSync('line\n'.repeat(100_000))
  const at = folder({
    'half.gz': packed.subarray(0, 500),
    'more.gz': Buffer.concat([packed, Buffer.from('more')]),
    'long.txt': Buffer.alloc(100 * 1024 * 1024, 'short\n', 'utf8').fill('x', 6),
  })
  mkdirSync(join(at, 'folder.csv'))
  symlinkSync('loop', join(at, 'loop'))

  it.each<[string, RegExp]>([
    ['*.csv', /step "read\/files" failed in process: no file matches ".*\*\.csv"\. .*emptyMatch: 'allow'/],
    ['folder.csv', /step "read\/files" failed in process: ".*" is a folder\. Give a pattern .*folder\.csv\/\*"/],
    ['loop', /step "read\/files" failed in process: cannot look for ".*\/loop": ELOOP/],
    ['half.gz', /step "read\/lines" .*: cannot unpack ".*half\.gz" after \d+ bytes of text: unexpected end of file/],
    ['more.gz', /step "read\/lines" .*: cannot unpack ".*more\.gz" after \d+ bytes of text: incorrect header check/],
    ['long.txt', /step "read\/lines" .*: line at .*long\.txt:2 \(byte 6\) is longer than maxLineBytes \(16777216/],
  ])('%s', async (name, message) => {
    const run = await command('read', join(at, name))
    expect(run.stderr).toMatch(message)
    expect(run.stderr).toContain(`step written at: ${cases}:${lineOf('readLines(at)')}:`)
    expect([run.code, run.left]).toEqual([1, nothing])
    expect(run.millis).toBeLessThan(15_000)
  })
})

describe.concurrent('in a script', { timeout: 30_000 }, () => {
  it.each<[string, object, RegExp]>([
    ['a bad option', {}, /PipelineError: option shards of writeLines .*\n {2}at .*cases\.mjs:\d+:\d+\n/],
    ['a lone surrogate written', {}, /UserCodeError: step "write\/parts" failed in finishBundle: the line "a\\ud800b"/],
    ['throws', {}, /UserCodeError: step "parse" failed in process: "two" is no number\n {2}element: "two"\n/],
    ['never', { callTimeoutMillis: 300 }, /UserCodeError: step "wait" failed in process: the call has not ended/],
    ['mutates its input', { strict: true }, /UserCodeError: step "change" failed in process: the step changed/],
    ['emits after the bundle', {}, /UserCodeError: step "late" failed in emit: emit was used after its call had/],
    ['2^53 as timestamp of create', {}, /PipelineError: create "rows" cannot place value 0, "a", in time: 9007/],
  ])('%s: an error with the line, an exit code, and no file', async (what, runner, message) => {
    const at = folder()
    const run = await inScript(what, at, runner)
    expect(run.stderr).toMatch(message)
    expect(run.stderr).toMatch(/ at:? .*cases\.mjs:\d+:\d+\n/)
    expect([run.code, run.left, readdirSync(at)]).toEqual([1, nothing, []])
  })

  it('with source maps on, the line is that of the author all the same', async () => {
    const run = await millrace(['throws', '', '{}'], {
      main: script.path('cases.mjs'),
      env: { NODE_OPTIONS: '--enable-source-maps' },
    })
    expect(run.stderr).toMatch(/step "parse" failed[^]*?step written at: .*cases\.mjs:\d+:\d+\n/)
  })

  it('a lone surrogate is shown as what it is', async () => {
    expect((await inScript('a lone surrogate printed', '')).stdout).toBe('user: a\\ud800b\n')
  })
})

function expectWholeWindows(at: string): void {
  const files = readdirSync(at).filter((name) => !name.startsWith('.'))
  expect(files.length).toBeGreaterThanOrEqual(3)
  for (const file of files) expect(readFileSync(join(at, file), 'utf8')).toMatch(/^# begin\n(\d+\n)+# end\n$/)
}
