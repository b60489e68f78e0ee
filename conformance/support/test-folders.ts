/**
 * Folders for tests: each as empty as the first, all gone when the tests of the file are over.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** Makes folders in one of the tests' own. @param name begins its name, for people who find it. */
export function testFolders(name: string): () => string {
  const root = mkdtempSync(join(tmpdir(), `millrace-${name}-`))
  afterAll(() => rmSync(root, { recursive: true }))
  let made = 0
  return () => {
    const path = join(root, String(made++))
    mkdirSync(path)
    return path
  }
}
