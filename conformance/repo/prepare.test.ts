/**
 * `.ci/prepare.mjs` in a made-up checkout, with an npm and a compiler that only say that they were called.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'

let checkout = ''

const NPM = `
const { appendFileSync, copyFileSync, mkdirSync, writeFileSync } = require('node:fs')
appendFileSync('calls', 'npm ' + process.argv.slice(2).join(' ') + '\\n')
mkdirSync('node_modules/typescript/bin', { recursive: true })
copyFileSync('package-lock.json', 'node_modules/.package-lock.json')
writeFileSync('node_modules/typescript/bin/tsc', "require('node:fs').appendFileSync('calls', 'tsc ' + process.argv[2] + '\\\\n'); process.exit(require('node:fs').existsSync('broken') ? 2 : 0)")
`

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'millrace-prepare-'))
  write('package.json', '{}')
  write('tsconfig.json', '{}')
  write('package-lock.json', lockfile('1.0.0'))
  write('sdk/kv.ts', 'export {}')
  write('npm.js', NPM)
  mkdirSync(join(checkout, '.ci'))
  copyFileSync(fileURLToPath(new URL('../../.ci/prepare.mjs', import.meta.url)), join(checkout, '.ci', 'prepare.mjs'))
})
afterEach(() => rmSync(checkout, { recursive: true, force: true }))

function lockfile(version: string): string {
  return JSON.stringify({
    packages: {
      '': { name: 'made-up' },
      'node_modules/used': { version, integrity: `sum of ${version}` },
    },
  })
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(checkout, path)), { recursive: true })
  writeFileSync(join(checkout, path), text)
}

/** What it called, in order, and what it said. */
function prepare(version = process.versions.node): {
  readonly calls: readonly string[]
  readonly said: string
  readonly code: number | null
} {
  rmSync(join(checkout, 'calls'), { force: true })
  const start = `Object.defineProperty(process.versions, 'node', { value: '${version}' }); import('./.ci/prepare.mjs')`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', start], {
    cwd: checkout,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], npm_execpath: join(checkout, 'npm.js') },
  })
  const calls = existsSync(join(checkout, 'calls')) ? readFileSync(join(checkout, 'calls'), 'utf8') : ''
  return { calls: calls.split('\n').filter((call) => call !== ''), said: stdout + stderr, code: status }
}

const INSTALL = 'npm ci --include=dev --loglevel=error'

it('installs and builds a fresh checkout, and then has nothing to do or say', () => {
  const first = prepare()
  expect(first.calls).toEqual([INSTALL, 'tsc -b'])
  expect(first.said).toContain('prepare: installing packages (npm ci)')
  expect(prepare()).toEqual({ calls: [], said: '', code: 0 })
})

it('installs again when the lockfile asks for something else, and only then', () => {
  prepare()
  write('package-lock.json', lockfile('1.0.1'))
  expect(prepare().calls).toEqual([INSTALL, 'tsc -b'])
  // What npm says it put there is what counts, whoever called it.
  write('package-lock.json', lockfile('1.0.2'))
  write('node_modules/.package-lock.json', lockfile('1.0.2'))
  expect(prepare().calls).toEqual(['tsc -b'])
  // An install that was cut short has left no record.
  rmSync(join(checkout, 'node_modules', '.package-lock.json'))
  expect(prepare().calls).toEqual([INSTALL])
})

it('takes a package for another platform, which is not there, for no change', () => {
  const packages = {
    '': {},
    'node_modules/used': { version: '1.0.0', integrity: 'sum of 1.0.0' },
    'node_modules/other': { version: '1.0.0', optional: true },
  }
  prepare()
  write('package-lock.json', JSON.stringify({ packages }))
  expect(prepare().calls).toEqual(['tsc -b'])
})

it('builds when a source is changed, added or removed, and removes what was made of it', () => {
  prepare()
  write('sdk/kv.ts', 'export const changed = true')
  expect(prepare().calls).toEqual(['tsc -b'])
  write('io/text/read.ts', 'export {}')
  expect(prepare().calls).toEqual(['tsc -b'])
  for (const path of ['dist/io/text/read.js', 'dist/io/text/read.d.ts.map', 'dist/sdk/kv.js']) write(path, '')
  rmSync(join(checkout, 'io'), { recursive: true })
  expect(prepare().calls).toEqual(['tsc -b'])
  expect(existsSync(join(checkout, 'dist/io/text/read.js'))).toBe(false)
  expect(existsSync(join(checkout, 'dist/io/text/read.d.ts.map'))).toBe(false)
  expect(existsSync(join(checkout, 'dist/sdk/kv.js'))).toBe(true)
  write('sdk/kv.test.ts', 'tests are not built')
  expect(prepare().calls).toEqual([])
})

it('stops when the build fails, and builds again next time', () => {
  write('broken', '')
  const { code, said } = prepare()
  expect(code).toBe(1)
  expect(said).toContain('the build failed')
  rmSync(join(checkout, 'broken'))
  expect(prepare()).toMatchObject({ calls: ['tsc -b'], code: 0 })
})

it.each(['18.20.8', '20.18.3'])('refuses Node.js %s before anything else', (version) => {
  const { calls, said, code } = prepare(version)
  expect(calls).toEqual([])
  expect(code).toBe(1)
  expect(said).toContain(`millrace needs Node.js 20.19 or newer, and this is ${version}`)
})
