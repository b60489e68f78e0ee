/** Which files a run is said to have written. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { platformEnv } from '#platform'
import { expect, it } from 'vitest'
import { testFolders } from '../../conformance/support/test-folders.js'
import { runEnv } from './run-env.js'

const folder = testFolders('files')

it('names files once they are visible, not what a sink has not finished', () => {
  const { env, files } = runEnv(platformEnv(), () => undefined)
  const made = folder()
  const hidden = join(made, '.sums.txt.tmp-a1b2')
  mkdirSync(hidden)
  const make = (path: string): void => env.files?.create(path).close()
  make(join(hidden, 'part-1'))
  make(join(hidden, 'part-2'))
  make(join(made, '.settings'))
  expect(files()).toEqual([join(made, '.settings')])
  env.files?.rename(join(hidden, 'part-1'), join(made, 'sums-1.txt'))
  expect(files()).toEqual([join(made, '.settings'), join(made, 'sums-1.txt')])
})
