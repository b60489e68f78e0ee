import { afterEach, expect, it, vi } from 'vitest'
import { errorCode } from 'millrace'

afterEach(() => {
  vi.doUnmock('better-sqlite3')
  vi.resetModules()
})

it('says once which package is missing, and how it is installed', async () => {
  vi.resetModules()
  vi.doMock('better-sqlite3', () => {
    throw new Error("Cannot find package 'better-sqlite3'")
  })
  const { loadSqlite } = await import('./packages.js')
  const error: unknown = await loadSqlite().catch((thrown: unknown) => thrown)
  expect(errorCode(error)).toBe('MR-5017')
  expect(String(error)).toMatch(/^PipelineError: a log needs a package .* Install it: npm install better-sqlite3@12$/s)
})

it('says the same when its compiled part is not there', async () => {
  vi.resetModules()
  vi.doMock('better-sqlite3', () => ({
    default: class {
      constructor() {
        throw new Error('Could not locate the bindings file')
      }
    },
  }))
  const { loadSqlite } = await import('./packages.js')
  await expect(loadSqlite()).rejects.toThrow(/Could not locate the bindings file\)\. Install it: npm install/)
})
