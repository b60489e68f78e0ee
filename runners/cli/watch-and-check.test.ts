/** `millrace run --watch` and `--check`, as processes, on files that change under them. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, leftOvers, millrace, root, start } from './fixtures/command.js'
import { closeTerminals, noTerminal, onTerminal } from './fixtures/terminal.js'

const folders: string[] = []
/** A project with these files; millrace and typescript are found in it, as if they were installed. */
function project(files: Readonly<Record<string, string>>, packages: readonly string[] = ['typescript']): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-watch-')))
  folders.push(folder)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'millrace'))
  for (const name of packages) symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  for (const [path, text] of Object.entries({ 'package.json': '{"type":"module"}', ...files }))
    writeFileSync(join(folder, path), text)
  return folder
}

beforeAll(compiled, 120_000)
afterAll(() => {
  leftOvers()
  closeTerminals()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})
const nothing = { processes: [], files: [] }

const words = `
import { definePipeline } from 'millrace'
import { text } from './text.js'
export default definePipeline({ name: 'words', build(p) { p.create('texts', [text]).print('show') } })
`
const endless = (every: string, word: string): string => `
import { definePipeline } from 'millrace'
import { periodic } from 'millrace/io/generate'
export default definePipeline({
  name: 'endless',
  build(p) { p.apply('tick', periodic({ every: '${every}' })).map('word', () => '${word}').print('show', { limit: 1 }) },
})
`
const stuck = `
import { definePipeline } from 'millrace'
console.log('about to hang')
export default definePipeline({
  name: 'stuck',
  build(p) { p.create('one', [1]).map('hang', async () => new Promise<number>(() => undefined)).print('show') },
})
`

describe.concurrent('a run under watch', { timeout: 60_000 }, () => {
  it('runs again when a file changes that the pipeline is made of, and not when another does', async () => {
    const cwd = project({ 'words.ts': words, 'text.ts': `export const text: string = 'first'`, 'other.ts': '' })
    const run = start(['run', 'words.ts', '--watch'], { cwd })
    await run.said('watching 2 files for changes; Ctrl-C ends.')
    writeFileSync(join(cwd, 'other.ts'), 'export const changed = 1')
    // Several events of one save are one change.
    for (const _ of [1, 2, 3]) writeFileSync(join(cwd, 'text.ts'), `export const text: string = 'second'`)
    await run.said('show: second')
    await run.said('watching 2 files', 2)
    run.signal('SIGINT')
    const { code, stdout, stderr, left } = await run.ended
    expect(stdout).toBe('show: first\nshow: second\n')
    expect(stderr).toContain('· text.ts has changed; running again.')
    // Only a terminal is cleared.
    expect(stderr).not.toContain('\u001b[')
    expect([code, left]).toEqual([0, nothing])
  })

  it('drains a stream before the next begins', async () => {
    const cwd = project({ 'stream.ts': endless('10 milliseconds', 'one') })
    const run = start(['run', 'stream.ts', '--watch'], { cwd })
    await run.said('show: one')
    writeFileSync(join(cwd, 'stream.ts'), endless('10 milliseconds', 'two'))
    await run.said('show: two')
    run.signal('SIGINT')
    const { code, stderr, left } = await run.ended
    expect(stderr.indexOf('endless: drained in')).toBeLessThan(stderr.indexOf('stream.ts has changed'))
    expect(stderr.split('endless: drained in').length - 1).toBe(2)
    expect([code, left]).toEqual([0, nothing])
  })

  it('ends a run that cannot be drained', async () => {
    const cwd = project({ 'words.ts': stuck, 'text.ts': `export const text = 'after'` })
    const run = start(['run', 'words.ts', '--watch'], { cwd })
    await run.said('about to hang')
    writeFileSync(join(cwd, 'words.ts'), words)
    await run.said('show: after')
    run.signal('SIGTERM', 'command')
    const { code, left } = await run.ended
    expect([code === 0 || code === 143, left]).toEqual([true, nothing])
  })

  it('shows what is wrong and waits until it is right', async () => {
    const cwd = project({ 'words.ts': words })
    const run = start(['run', 'words.ts', '--watch', '--json'], { cwd })
    await run.said('for changes')
    writeFileSync(join(cwd, 'text.ts'), `export const text = 'found'`)
    await run.said('show: found')
    await run.said('for changes', 2)
    rmSync(join(cwd, 'words.ts'))
    await run.said('there is no file words.ts')
    writeFileSync(join(cwd, 'words.ts'), words.replace('show', 'again'))
    await run.said('again: found')
    writeFileSync(join(cwd, 'millrace.config.json'), '{}')
    writeFileSync(join(cwd, 'words.ts'), words)
    await run.said('for changes', 4)
    writeFileSync(join(cwd, 'millrace.config.json'), '{"sede":1}')
    await run.said('which is no setting')
    run.signal('SIGINT')
    const { code, stderr } = await run.ended
    expect(code).toBe(0)
    for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('type')
  })
})

describe.skipIf(noTerminal() !== undefined)('a run under watch, on a terminal', { timeout: 60_000 }, () => {
  it('clears the screen before the next run, and is ended by Ctrl-C in that one too', async () => {
    const cwd = project({ 'stream.ts': endless('10 milliseconds', 'one') })
    const run = onTerminal(['run', join(cwd, 'stream.ts'), '--watch'])
    await run.shows('q drain')
    writeFileSync(join(cwd, 'stream.ts'), endless('10 milliseconds', 'two'))
    await run.shows(/show: two[^]*q drain/)
    expect(run.written()).toContain('\u001b[2J\u001b[3J\u001b[H')
    run.press('\u0003')
    expect(await run.ended).toEqual({ code: 0, isSane: true })
  })
})

describe.concurrent('--check', { timeout: 60_000 }, () => {
  const wrong = `import { definePipeline } from 'millrace'
console.log('it ran')
export default definePipeline({ name: 'wrong', build(p) { p.create('one', ['a']).map('n', (n: number) => n).print('x') } })
`

  it('refuses what has type errors, and nothing of it runs', async () => {
    const cwd = project({ 'wrong.ts': wrong })
    const run = await millrace(['run', 'wrong.ts', '--check'], { cwd })
    expect(run.stderr).toMatch(
      /^wrong\.ts\(3,\d+\): error TS\d+: [^]*\nerror: one type error; nothing has run\.\n {2}MR-7022: /,
    )
    expect([run.code, run.stdout, run.left]).toEqual([2, '', nothing])
    const json = await millrace(['run', 'wrong.ts', '--check', '--json'], { cwd })
    expect(JSON.parse(json.stderr)).toMatchObject({
      type: 'failed',
      error: { name: 'TypeCheckError' },
      faults: [{ file: join(cwd, 'wrong.ts'), line: 3, code: expect.stringMatching(/^TS\d+$/) }],
    })
    expect((await millrace(['run', 'wrong.ts', '--no-check'], { cwd })).stderr).toContain('it ran')
  })

  it('runs what has none, by the options of the project', async () => {
    const loose = `let n = null\nn = 'text'\n${words}`
    const files = { 'words.ts': loose, 'text.ts': `export const text: string = 'right'` }
    const checked = (tsconfig: object) => {
      const cwd = project({ ...files, 'tsconfig.json': JSON.stringify({ compilerOptions: tsconfig }) })
      return millrace(['run', 'words.ts', '--check'], { cwd })
    }
    const compilerOptions = { module: 'nodenext', target: 'es2023', skipLibCheck: true }
    const right = await checked({ ...compilerOptions, strict: true, noEmit: true })
    expect([right.code, right.stdout]).toEqual([0, 'show: right\n'])
    const wrong = await checked({ ...compilerOptions, noUnusedLocals: true })
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('TS6133')
  })

  it('may be said once for a project, in its configuration', async () => {
    const cwd = project({ 'wrong.ts': wrong, 'millrace.config.mjs': 'export default { check: true }' })
    expect((await millrace(['run', 'wrong.ts'], { cwd })).code).toBe(2)
  })

  it('says how to install the compiler where there is none', async () => {
    const cwd = project({ 'words.ts': words, 'text.ts': '' }, [])
    const run = await millrace(['run', 'words.ts', '--check'], { cwd })
    expect(run.stderr).toContain('Install it: npm install --save-dev typescript\n')
    expect([run.code, run.stdout]).toEqual([2, ''])
  })
})
