/** Which files can be run, what they may import, and what is said when they cannot. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, type Ended, fixture, leftOvers, millrace, root } from './fixtures/command.js'
import { type Installed, type Project, project } from './fixtures/project.js'

beforeAll(compiled, 120_000)
afterAll(leftOvers)
const nothing = { processes: [], files: [] }
const made: Project[] = []
afterAll(() => made.forEach((each) => each.remove()), 60_000)

function projectOf(files: Readonly<Record<string, string>>, installed?: Installed): Project {
  const one = project(files, installed)
  made.push(one)
  return one
}

/** Runs the file `main.ts` (or another) of a project. */
async function runIn(files: Readonly<Record<string, string>>, installed?: Installed): Promise<Ended & Project> {
  const one = projectOf(files, installed)
  const before = readdirSync(one.folder)
  const run = await millrace(['run', Object.keys(files)[0] as string, '--quiet'], { cwd: one.folder })
  expect(readdirSync(one.folder)).toEqual(before)
  return { ...run, ...one }
}

/** A pipeline that prints what an expression gives. */
const printing = (expression: string, before = ''): string =>
  `import { definePipeline } from 'millrace'\n${before}\nexport default definePipeline({ name: 'shows', build: (p) => { p.create('one', [String(${expression})]).print('show') } })\n`

describe.concurrent('a module', { timeout: 30_000 }, () => {
  it.each<[string, Record<string, string>]>([
    ['TypeScript', { 'main.ts': printing('2 as number', 'enum Colour { Red }\nvoid Colour.Red') }],
    ['JavaScript', { 'main.mjs': printing('1 + 1') }],
    [
      'CommonJS',
      {
        'main.cjs': `#!/usr/bin/env node
const { definePipeline } = require('millrace')
const { basename } = require('path')
const inner = require('./inner.cjs')
module.exports = definePipeline({ name: 'shows', build: (p) => { p.create('one', [inner(basename(__filename))]).print('show') } })`,
        'inner.cjs': `exports = module.exports = (name) => name === 'main.cjs' && __dirname.length > 1 ? '2' : name`,
      },
    ],
    [
      'CommonJS from a compiler',
      {
        'main.js': `"use strict"
Object.defineProperty(exports, '__esModule', { value: true })
exports.default = require('millrace').definePipeline({ name: 'shows', build: (p) => { p.create('one', [2]).print('show') } })`,
        'package.json': '{ "type": "commonjs" }',
      },
    ],
    [
      'an alias of tsconfig',
      {
        'main.ts': printing('two', `import { two } from '@/numbers'`),
        'tsconfig.json': '{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }',
        'src/numbers.ts': 'export const two: number = 2',
      },
    ],
    [
      'an entry of "imports"',
      {
        'main.ts': printing('two', `import { two } from '#numbers'`),
        'package.json': '{ "type": "module", "imports": { "#numbers": "./src/numbers.ts" } }',
        'src/numbers.ts': 'export const two: number = 2',
      },
    ],
    [
      'types of a package that is not there',
      {
        'main.ts': printing('2 satisfies Missing', `import type { Missing } from 'missing'`),
      },
    ],
    [
      'a package, found as Node finds it',
      {
        'main.ts': printing('two', `import { two } from 'numbers'\nimport { join } from 'node:path'\nvoid join`),
        'node_modules/numbers/package.json':
          '{ "main": "wrong.js", "module": "wrong.js", "exports": { "import": "./right.mjs", "require": "./wrong.js" } }',
        'node_modules/numbers/right.mjs': 'export const two = 2',
      },
    ],
    [
      'JSON and text',
      {
        'main.ts': printing(
          'numbers.two * Number(one)',
          `import numbers from './numbers.json'\nimport one from './one.txt'`,
        ),
        'numbers.json': '{ "two": 2 }',
        'one.txt': '1',
      },
    ],
  ])('may be or have %s', async (_, files) => {
    const run = await runIn(files)
    expect([run.stdout, run.stderr, run.code, run.left]).toEqual(['show: 2\n', '', 0, nothing])
  })

  it('knows where each of its files is', async () => {
    const folder = fixture('meta')
    const run = await millrace(['run', fixture('meta/places.ts'), '--quiet'])
    const [main, inner] = run.stdout.split('\n').map((line) => line.replace('show: ', ''))
    expect(JSON.parse(main as string)).toEqual({
      url: `file://${folder}/places.ts`,
      dirname: folder,
      filename: `${folder}/places.ts`,
      isMain: false,
      beside: 'a note beside the module',
      resolved: `file://${folder}/inner/place.js`,
    })
    expect(JSON.parse(inner as string)).toEqual({ dirname: `${folder}/inner`, isMillrace: true })
  })

  it.each<[string, string]>([
    ['function.ts', 'words: TO\nwords: BE\n'],
    ['pipeline.ts', 'words: in\nwords: place\n'],
  ])('may export what builds a pipeline: %s', async (file, stdout) => {
    const run = await millrace(['run', fixture(`exports/${file}`)])
    expect([run.stdout, run.code]).toEqual([stdout, 0])
  })
})

describe.concurrent('a module that cannot be run', { timeout: 30_000 }, () => {
  const example = 'Write: export default definePipeline({ name, options, build }).'
  it.each<[string, string]>([
    ['nothing.ts', `error: nothing.ts has no default export, so there is nothing to run. ${example}\n`],
    [
      'by-name.ts',
      'error: by-name.ts exports the pipeline as "spend", but not as its default. Write: export default spend.\n',
    ],
    ['number.ts', `error: the default export of number.ts is 42, and not a pipeline. ${example}\n`],
    [
      'result.ts',
      `error: the default export of result.ts is a promise (of a result?), and not a pipeline. ${example}\n`,
    ],
    ['duplicate-step.ts', 'error: there are two steps named "same" (first at '],
    ['runs-itself.ts', 'error: run() was called while a millrace worker loads this module'],
    ['runs-without-waiting.ts', 'guard the call: if (isMain(import.meta)) await run(…).\n'],
  ])('says why: %s', async (file, message) => {
    const run = await millrace(['run', fixture(`exports/${file}`)])
    expect(run.stderr).toContain(message)
    expect([run.code, run.stdout, run.left]).toEqual([2, '', nothing])
  })

  const guarded = 'export default p\nif (isMain(import.meta)) '
  const byNode = (cwd: string) => promisify(execFile)(process.execPath, ['main.mjs'], { cwd })
  const byCommand = (cwd: string) => millrace(['run', 'main.mjs', '--quiet'], { cwd })
  it.each<[string, string, (cwd: string) => Promise<{ readonly stdout: string }>]>([
    ['started by node', '', byNode],
    ['by millrace run, with a default export and a guarded call', guarded, byCommand],
    ['and then by node too', guarded, byNode],
  ])('because it runs itself does run as the message says: %s', async (_, before, runs) => {
    const text = `import { isMain, pipeline, run } from 'millrace'
const p = pipeline()
p.create('numbers', [1, 2]).map('double', (n) => n * 2).print('doubled')
${before}await run(p)`
    const { stdout } = await runs(projectOf({ 'main.mjs': text }).folder)
    expect(stdout).toBe('doubled: 2\ndoubled: 4\n')
  })

  it('says where, for a mistake in building', async () => {
    const file = fixture('exports/duplicate-step.ts')
    const run = await millrace(['run', file])
    expect(run.stderr).toMatch(new RegExp(`\\n {2}at ${file}:9:11\n`))
  })

  it.each<[string, Record<string, string>, string]>([
    [
      'a syntax error',
      { 'main.ts': 'export default 1\nconst x = ;' },
      'main.ts:2:11: Unexpected ";"\n    const x = ;\n              ^\n',
    ],
    [
      'a file that is not there',
      { 'main.ts': `import { one } from './one.js'\nexport default one` },
      `main.ts:1:21: Could not resolve "./one.js"`,
    ],
    [
      'a package that is not there',
      { 'main.ts': `export * from './b.ts'`, 'b.ts': `\nimport x from '@scope/absent/part'\nexport default x` },
      'b.ts:2:15: cannot find package "@scope/absent/part". Install it: npm install @scope/absent\n',
    ],
    [
      'a module that millrace does not have',
      { 'main.ts': `import { x } from 'millrace/io/pigeon'\nexport default x` },
      'main.ts:1:19: millrace has no module "millrace/io/pigeon".\n',
    ],
    [
      'a name that a package does not export',
      { 'main.ts': `\nimport { pipelines } from 'millrace'\nexport default pipelines` },
      "does not provide an export named 'pipelines'\n  at ",
    ],
    [
      'an error of the module',
      { 'main.ts': `const list: number[] = []\nexport default list[0]!.toFixed()` },
      "TypeError: Cannot read properties of undefined (reading 'toFixed')\n    at ",
    ],
  ])('says where: %s', async (_, files, message) => {
    const run = await runIn(files)
    expect(run.stderr.replaceAll(`${run.folder}/`, '')).toContain(message)
    expect(run.stderr).toMatch(new RegExp(`${run.folder}/(main|b)\\.ts:\\d+:\\d+`))
    expect(run.stderr).not.toMatch(/data:|millrace:/)
    expect([run.code, run.stdout, run.left]).toEqual([2, '', nothing])
  })
})

describe.concurrent('copies of millrace', { timeout: 60_000 }, () => {
  const plugin = {
    'node_modules/plugin/package.json': '{ "type": "module", "exports": "./index.js" }',
    'node_modules/plugin/index.js': `export { Pipeline } from 'millrace'`,
  }
  const compares = `import { Pipeline } from 'millrace'\nimport { Pipeline as Theirs } from 'plugin'`

  it.each<Installed>(['link', 'copy'])('there is one in a program: %s', async (installed) => {
    const run = await runIn({ 'main.ts': printing('Pipeline === Theirs', compares), ...plugin }, installed)
    expect([run.stdout, run.stderr, run.code]).toEqual(['show: true\n', '', 0])
  })

  it("the project's own is used", async () => {
    const { path } = projectOf({ 'main.ts': printing('1') }, 'copy')
    const [own, ours] = await Promise.all([
      millrace(['run', path('main.ts'), '--json']),
      millrace(['run', path('main.ts'), '--json'], { main: path('node_modules/millrace/dist/runners/cli/main.js') }),
    ])
    expect(hashes(own).moduleHash).toBe(hashes(ours).moduleHash)
    const { path: other } = projectOf({ 'main.ts': printing('1') }, 'link')
    expect(hashes(await millrace(['run', other('main.ts'), '--json'])).moduleHash).not.toBe(hashes(own).moduleHash)
  })

  it("the command's own is used where a project has none", async () => {
    const run = await runIn({ 'main.ts': printing('1') }, 'nothing')
    expect([run.stdout, run.code]).toEqual(['show: 1\n', 0])
  })

  it('the bundler works although its install script never ran', () => {
    const script = readFileSync(join(root, 'node_modules/esbuild/bin/esbuild'), 'utf8')
    expect(script.startsWith('#!/usr/bin/env node')).toBe(true)
  })
})

describe('hashes', { timeout: 60_000 }, () => {
  const program = (
    change: { readonly comment?: string; readonly factor?: number; readonly step?: string } = {},
  ): Record<string, string> => ({
    'main.ts': `import { definePipeline } from 'millrace'
import { factor } from './lib/factor.js' // ${change.comment ?? 'a number'}
export default definePipeline({
  name: 'hashed',
  build: (p) => { p.create('one', [import.meta.url.length]).map('${change.step ?? 'times'}', (n) => n * factor).print('show') },
})`,
    'lib/factor.ts': `export const factor = ${change.factor ?? 2}\nexport const where = import.meta.dirname\n`,
  })
  const hashesOf = async (one: Project): Promise<Hashes> =>
    hashes(await millrace(['run', one.path('main.ts'), '--json'], { cwd: one.folder }))

  it('do not change with the place and with comments; code changes one, the graph both', async () => {
    const original = projectOf(program())
    const before = await hashesOf(original)
    const [comment, factor, step] = await Promise.all(
      [program({ comment: 'another remark' }), program({ factor: 3 }), program({ step: 'multiply' })].map((files) =>
        hashesOf(projectOf(files)),
      ),
    )
    expect(comment).toEqual(before)
    expect(factor?.graphFingerprint).toBe(before.graphFingerprint)
    expect(factor?.moduleHash).not.toBe(before.moduleHash)
    expect(step?.graphFingerprint).not.toBe(before.graphFingerprint)
    expect(step?.moduleHash).not.toBe(before.moduleHash)
    // The whole project moves into a folder of another depth.
    mkdirSync(original.path('deep/er'), { recursive: true })
    for (const name of ['main.ts', 'lib']) renameSync(original.path(name), original.path(`deep/er/${name}`))
    const moved = { ...original, path: (name: string) => original.path(`deep/er/${name}`) }
    expect(await hashesOf(moved)).toEqual(before)
  })
})

interface Hashes {
  readonly moduleHash: string
  readonly graphFingerprint: string
}

function hashes({ stderr }: Ended): Hashes {
  const { moduleHash, graphFingerprint } = JSON.parse(stderr.split('\n', 1)[0] as string) as Hashes
  return { moduleHash, graphFingerprint }
}
