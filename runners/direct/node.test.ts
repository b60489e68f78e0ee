import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { nodeFiles, printable } from './node.js'

/** What synchronising to disk fails with; `undefined` when it works. What happens elsewhere just after a folder could not be made, or was. */
const platform = vi.hoisted((): { code: string | undefined; meanwhile: ((path: string) => void) | undefined } => ({
  code: undefined,
  meanwhile: undefined,
}))
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  const fsyncSync = (descriptor: number): void => {
    if (platform.code === undefined) fs.fsyncSync(descriptor)
    else throw Object.assign(new Error(`${platform.code}: not here`), { code: platform.code })
  }
  const mkdirSync: typeof fs.mkdirSync = (...given: Parameters<typeof fs.mkdirSync>) => {
    try {
      return fs.mkdirSync(...given) as undefined
    } finally {
      platform.meanwhile?.(String(given[0]))
    }
  }
  return { ...fs, fsyncSync, mkdirSync }
})

const root = mkdtempSync(join(tmpdir(), 'millrace-node-'))
afterAll(() => rmSync(root, { recursive: true }))

it.each([undefined, 'EPERM', 'EISDIR', 'EACCES'])('a folder is synchronised where the platform can: %s', (code) => {
  platform.code = code
  expect(() => nodeFiles.syncFolder(root)).not.toThrow()
})

it('a folder that could not be synchronised is an error', () => {
  platform.code = 'EIO'
  expect(() => nodeFiles.syncFolder(root)).toThrow(/EIO/)
  platform.code = undefined
  expect(() => nodeFiles.syncFolder(join(root, 'missing'))).toThrow(/ENOENT/)
})

it('what globs are found with is loaded when there is one', () => {
  const isLoaded = (): boolean =>
    Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('tinyglobby'))
  writeFileSync(join(root, 'a b.txt'), '')
  expect(nodeFiles.glob(join(root, 'a b.txt'))).toEqual([join(root, 'a b.txt')])
  expect(nodeFiles.glob(join(root, 'missing.txt'))).toEqual([])
  expect(isLoaded()).toBe(false)
  expect(nodeFiles.glob(join(root, '*.txt'))).toEqual([join(root, 'a b.txt')])
  expect(isLoaded()).toBe(true)
})

it('folders that are there stand for themselves, whatever their names have in them', () => {
  const folder = join(root, 'data (1)', '[old] {a,b} !x')
  mkdirSync(folder, { recursive: true })
  for (const name of ['one.txt', 'two.txt', 'o.csv']) writeFileSync(join(folder, name), '')
  const both = ['one.txt', 'two.txt'].map((name) => join(folder, name))
  expect(nodeFiles.glob(join(folder, '*.txt'))).toEqual(both)
  expect(nodeFiles.glob(join(root, 'data (1)', '**', '*.txt'))).toEqual(both)
  expect(nodeFiles.glob(join(root, 'data (1)', '*', '{one,two}.txt'))).toEqual(both)
  expect(nodeFiles.glob(join(folder, 'three.txt'))).toEqual([])
  mkdirSync(join(root, 'n1'))
  writeFileSync(join(root, 'n1', 'a.txt'), '')
  expect(nodeFiles.glob(join(root, 'n[0-9]', '*.txt'))).toEqual([join(root, 'n1', 'a.txt')])
  expect(nodeFiles.glob(join(root, '{n1,n2}', 'a.txt'))).toEqual([join(root, 'n1', 'a.txt')])
})

it.each([
  ['the one above', ['a'], 'a/b'],
  ['both', ['a', 'a/b'], 'a/b'],
  ['this one, once the one above is there', ['a/b'], 'a'],
] as const)('a folder that several make at once is made, where another has just made %s', (name, made, after) => {
  const folder = join(root, `at once: ${name}`)
  mkdirSync(folder)
  platform.meanwhile = (path) => {
    if (path !== join(folder, after)) return
    platform.meanwhile = undefined
    for (const each of made) mkdirSync(join(folder, each))
  }
  nodeFiles.makeFolder(join(folder, 'a/b'))
  expect(platform.meanwhile).toBe(undefined)
  expect(existsSync(join(folder, 'a/b'))).toBe(true)
})

it('folders are made as far as they are missing, and what stands in the way is an error', () => {
  for (const name of ['one/two/three.txt', 'one/two/four.txt']) {
    const handle = nodeFiles.create(join(root, name))
    handle.write(new TextEncoder().encode(name))
    handle.close()
    expect(readFileSync(join(root, name), 'utf8')).toBe(name)
  }
  expect(() => nodeFiles.create(join(root, 'one/two/three.txt/five.txt'))).toThrow(/EEXIST|ENOTDIR/)
  symlinkSync('nowhere', join(root, 'dangling'))
  expect(() => nodeFiles.create(join(root, 'dangling/six.txt'))).toThrow(/EEXIST|ENOENT/)
  expect(existsSync(join(root, 'nowhere'))).toBe(false)
})

it.each([
  ['plain \u{1F40B} text', 'plain \u{1F40B} text'],
  ['a\uD83D', 'a\\ud83d'],
  ['\uDC0B\uD83D\uDC0B', '\\udc0b\u{1F40B}'],
])('half a character is printed by its number: %j', (line, printed) => expect(printable(line)).toBe(printed))
