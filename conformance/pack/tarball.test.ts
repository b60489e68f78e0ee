import { describe, expect, it } from 'vitest'
import { Checks } from './checks.js'
import { faultsOfTarball } from './tarball.js'

const manifest = {
  name: 'millrace',
  bin: { millrace: './dist/runners/cli/main.js' },
  exports: {
    '.': { types: './dist/runners/index.d.ts', default: './dist/runners/index.js' },
    './package.json': './package.json',
  },
  scripts: {},
  dependencies: {},
  devDependencies: {},
}
const whole = [
  'package.json',
  'README.md',
  'LICENSE',
  'docs/errors/README.md',
  'docs/errors/MR-1005.md',
  'dist/runners/index.js',
  'dist/runners/index.d.ts',
  'dist/runners/cli/main.js',
  'runners/index.ts',
  'runners/cli/main.ts',
  ...['wordcount', 'clicks', 'test'].flatMap((name) =>
    ['package.json', 'tsconfig.json', 'gitignore', 'README.md'].map((file) => `runners/cli/templates/${name}/${file}`),
  ),
  'runners/cli/templates/test/tests/orders.test.ts',
]

describe('the tarball', () => {
  it('passes when it holds what is exported, its sources and nothing else', () => {
    expect(faultsOfTarball(whole, manifest)).toEqual([])
  })

  it.each([
    'sdk/kv.test.ts',
    'io/text/fixtures/lines.txt',
    'dist/.build/sdk.tsbuildinfo',
    'dist/.build/sources',
    'conformance/repo.test.ts',
    'dist/conformance/proof/main.js',
    'dist/examples/word-count.js',
    'examples/word-count.ts',
    'sdk/tsconfig.json',
    'docs/glossary.md',
    'docs/errors/notes.md',
    '.npmrc',
    'dist/runners/cli/templates/test/tests/orders.test.js',
    'runners/cli/templates/test/node_modules/x/index.test.js',
  ])('may not hold %s', (path) => {
    expect(faultsOfTarball([...whole, path], manifest).join()).toContain(`${path} is `)
  })

  it.each(whole)('may not lack %s', (path) => {
    expect(
      faultsOfTarball(
        whole.filter((other) => other !== path),
        manifest,
      ).join(),
    ).toContain(`${path} is missing`)
  })
})

it('a check that throws is counted, named and does not stop the others', async () => {
  const lines: string[] = []
  const checks = new Checks((line) => lines.push(line))
  expect(await checks.check('fails', () => Promise.reject(new Error('by design')))).toBe(false)
  expect(await checks.check('passes', () => 'with a remark')).toBe(true)
  expect([checks.passed, checks.failed]).toEqual([1, 1])
  expect(lines).toEqual(['✗ fails: by design', expect.stringMatching(/^✓ passes \(\d\.\d s\): with a remark$/)])
})
