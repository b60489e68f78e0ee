/** The folder of a checkpoint is there for good, with all that was made on the way to it. */
import type * as NodeFs from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, expect, it, vi } from 'vitest'
import { SqliteFiles } from './sqlite-files.js'

const seen = vi.hoisted(() => ({ opened: new Map<number, string>(), synced: [] as string[] }))
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>()
  return {
    ...fs,
    openSync: (path: string, flags: string) => {
      const handle = fs.openSync(path, flags)
      seen.opened.set(handle, path)
      return handle
    },
    fsyncSync: (handle: number) => {
      seen.synced.push(seen.opened.get(handle) ?? '')
      fs.fsyncSync(handle)
    },
  }
})

const root = mkdtempSync(join(tmpdir(), 'millrace-files-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

it('each folder in which one was made is synchronised', () => {
  const files = new SqliteFiles(Sqlite, join(root, 'a', 'b', 'kept'))
  files.make()
  expect(seen.synced.sort()).toEqual([root, join(root, 'a'), join(root, 'a', 'b')])
  seen.synced.length = 0
  files.make()
  expect(seen.synced).toEqual([])
})

it.runIf(process.platform === 'linux')('a folder that cannot be, though the one above it is, is an error', () => {
  expect(() => new SqliteFiles(Sqlite, '/proc/nowhere/kept').make()).toThrow(/ENOENT/)
})
