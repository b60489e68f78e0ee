/** Configuration files: where they are found, what they may say, and what `millrace config print` shows of them. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import { defineConfig, type MillraceConfig } from 'millrace/config'
import { CONFIG_KEYS } from '../config.js'
import { settingRows } from './setting-rows.js'
import { readConfig } from './config-file.js'
import { findConfig } from './find-config.js'
import { compiled, leftOvers, millrace, root } from './fixtures/command.js'

const folders: string[] = []
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-config-')))
  folders.push(folder)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}
const read = (name: string, text: string) => readConfig(join(folderWith({ [name]: text }), name))

beforeAll(compiled, 120_000)
afterAll(() => {
  leftOvers()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

it('a configuration has a key for each setting, and options of pipelines', () => {
  const camel = (name: string): string => name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
  expect([...CONFIG_KEYS].sort()).toEqual(
    [...settingRows.map(({ name, key }) => key ?? camel(name)), 'pipelines'].sort(),
  )
  expectTypeOf(defineConfig({ strict: true })).toEqualTypeOf<MillraceConfig>()
  // @ts-expect-error: there is no such key
  defineConfig({ stict: true })
  // @ts-expect-error: a duration has a unit
  defineConfig({ callTimeout: 30 })
})

describe('the file', () => {
  it('is looked for upward, as far as the package goes', () => {
    const folder = folderWith({ 'millrace.config.json': '{}', 'app/package.json': '{}', 'app/src/deep/x.ts': '' })
    expect(findConfig(join(folder, 'app/src/deep'))).toBeUndefined()
    writeFileSync(join(folder, 'app/millrace.config.ts'), '')
    expect(findConfig(join(folder, 'app/src/deep'))).toBe(join(folder, 'app/millrace.config.ts'))
    writeFileSync(join(folder, 'app/src/millrace.config.js'), '')
    expect(findConfig(join(folder, 'app/src/deep'))).toBe(join(folder, 'app/src/millrace.config.js'))
    writeFileSync(join(folder, 'app/src/millrace.config.mjs'), '')
    expect(() => findConfig(join(folder, 'app/src'))).toThrow('millrace.config.mjs and millrace.config.js')
  })

  it('outside of any package is only that of the folder itself', () => {
    const folder = folderWith({ 'millrace.config.json': '{}', 'inner/x.ts': '' })
    expect(findConfig(join(folder, 'inner'))).toBeUndefined()
    expect(findConfig(folder)).toBe(join(folder, 'millrace.config.json'))
  })

  it.each([
    ['millrace.config.ts', `const seed: number = 7; export default { strict: true, seed }`],
    ['millrace.config.mjs', `export default { strict: true, seed: 7 }`],
    ['millrace.config.js', `module.exports = { strict: true, seed: 7 }`],
    ['millrace.config.json', `{ "$schema": "x", "strict": true, "seed": 7 }`],
  ])('may be %s', async (name, text) => {
    expect((await read(name, text)).config).toMatchObject({ strict: true, seed: 7 })
  })

  it('is made of the files it imports', async () => {
    const folder = folderWith({
      'millrace.config.ts': `import { seed } from './seed.js'; export default { strict: true, seed }`,
      'seed.ts': 'export const seed: number = 8',
    })
    const { config, files } = await readConfig(join(folder, 'millrace.config.ts'))
    expect(config.seed).toBe(8)
    expect([...files].sort()).toEqual([join(folder, 'millrace.config.ts'), join(folder, 'seed.ts')])
  })

  it.each([
    ['millrace.config.json', '{"stict":true}', 'says "stict", which is no setting.'],
    ['millrace.config.json', '{"seed":"x"}', 'seed of'],
    ['millrace.config.json', '{"seed":1.5}', '1.5 is not Int'],
    ['millrace.config.json', '{"guarantee":"most"}', 'guarantee of'],
    ['millrace.config.json', '{"pipelines":{"p":1}}', 'at p expected UnknownRecord, got 1'],
    ['millrace.config.json', '[]', 'gives [].'],
    ['millrace.config.json', '{,}', 'is no JSON'],
    ['millrace.config.mjs', 'export const x = 1', 'gives no default export. Write: export default defineConfig('],
    ['millrace.config.mjs', 'throw new Error("by design")', 'cannot be loaded: by design'],
    ['millrace.config.ts', 'export default {', 'cannot be loaded: '],
    ['millrace.config.mjs', 'export default { pipelines: { p: { f: () => 1 } } }', 'option "f" of pipeline "p" in'],
  ])('is refused: %s with %s', async (name, text, message) => {
    await expect(read(name, text)).rejects.toThrow(message)
  })
})

describe.concurrent('millrace config print', { timeout: 30_000 }, () => {
  const pipeline = `
import * as t from 'io-ts'
import { definePipeline, secret } from 'millrace'
const options = t.intersection([
  t.type({ input: t.string, token: secret }), t.partial({ top: t.number, verbose: t.boolean, rest: t.string })])
export default definePipeline({
  name: 'demo',
  options,
  build(p, o) { p.create('one', [o.top ?? 0]).print(o.input) },
})
`
  const project = (config: object): string => {
    const folder = folderWith({
      'package.json': '{"type":"module"}',
      'demo.ts': pipeline,
      'millrace.config.json': JSON.stringify(config),
    })
    mkdirSync(join(folder, 'node_modules'))
    for (const name of ['io-ts', 'fp-ts'])
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
    symlinkSync(root, join(folder, 'node_modules', 'millrace'))
    return folder
  }
  const config = {
    callTimeout: '30s',
    pipelines: { demo: { input: 'file', token: 'sesame', top: 3 }, other: { whatever: 1 } },
  }

  it('shows each value and where it comes from, and no secret', async () => {
    const cwd = project(config)
    const path = join(cwd, 'millrace.config.json')
    const run = await millrace(['config', 'print', '--no-strict', 'demo.ts', '--input', 'flag'], {
      cwd,
      env: { MILLRACE_TOP: '4', MILLRACE_SEDE: '1', MILLRACE_BUNDLE_SIZE: '9' },
    })
    expect(run.stdout).toContain(`configuration: ${path}\n`)
    for (const row of [
      ['runner', 'direct', 'default'],
      ['call-timeout', '30s', `${path} (callTimeout)`],
      ['strict', 'false', '--no-strict'],
      ['bundle-size', '9', 'MILLRACE_BUNDLE_SIZE'],
      ['seed', '–', 'default'],
      ['input', 'flag', '--input'],
      ['token', '***', `${path} (token)`],
      ['top', '4', 'MILLRACE_TOP'],
      ['rest', '–', 'default'],
    ])
      expect(run.stdout.split('\n').map((line) => line.trim().replaceAll(/ {2,}/g, '|'))).toContain(row.join('|'))
    expect(run.stdout).toContain('Did you mean "MILLRACE_SEED"?')
    expect(run.stdout + run.stderr).not.toContain('sesame')
    expect(run.code).toBe(0)
  })

  it('speaks JSON', async () => {
    const cwd = project(config)
    const run = await millrace(['config', 'print', 'demo.ts', '--json'], { cwd })
    expect(JSON.parse(run.stdout)).toMatchObject({
      file: join(cwd, 'millrace.config.json'),
      settings: expect.arrayContaining([{ name: 'strict', value: false, origin: { kind: 'default' } }]),
      pipeline: 'demo',
      options: expect.arrayContaining([expect.objectContaining({ name: 'token', value: '***' })]),
    })
    expect(run.stdout).not.toContain('sesame')
  })

  it('shows what a run is given', async () => {
    const cwd = project(config)
    const run = await millrace(['run', 'demo.ts', '--json'], { cwd })
    expect(run.stdout).toBe('file: 3\n')
    expect(run.stderr).toContain('"options":{"input":"file","token":"***","top":3}')
  })

  it.each([
    [
      { input: 'a', token: 's', tpo: 1 },
      'gives pipeline "demo" an option "tpo", which it has not. Did you mean "top"?',
    ],
    [{ input: 'a', token: 's', top: '5' }, 'option "top" of pipeline "demo" in'],
    [{ input: 'a', token: 17 }, 'must be secret, but is ***.'],
  ])('refuses what the file says of the pipeline: %j', async (demo, message) => {
    const cwd = project({ pipelines: { demo } })
    const run = await millrace(['run', 'demo.ts'], { cwd })
    expect(run.stderr).toContain(message)
    expect(run.code).toBe(2)
  })

  it('works without a file, and without a pipeline', async () => {
    const cwd = folderWith({})
    const run = await millrace(['config', 'print'], { cwd })
    expect(run.stdout).toContain('no millrace.config file here')
    expect(run.code).toBe(0)
    expect((await millrace(['config', 'print', '--seed', 'x'], { cwd })).code).toBe(2)
  })
})
