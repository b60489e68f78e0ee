/** What is said of a call that does not end, wherever it is made. */
import { join } from 'node:path'
import type { Pipeline, UserCodeError } from 'millrace'
import { expect, it } from 'vitest'
import { runOn, type RunOptions } from '../../../conformance/support/feeds.js'
import { testFolders } from '../../../conformance/support/test-folders.js'

const folder = testFolders('stuck-calls')
const ways: readonly RunOptions[] = [{}, { workers: 2, isolation: 'memory' }]

it.each(ways)('a call that does not end is named with its element: %j', async (options) => {
  const build = (p: Pipeline): unknown =>
    p
      .create('numbers', [{ id: 1 }])
      .map('wait', () => new Promise<number>(() => undefined))
      .collect('all')
  const whole = [{ isExhausted: false, isClosed: true }]
  const run = runOn(join(folder(), 'kept'), build, whole, { ...options, callTimeoutMillis: 300 })
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown as UserCodeError,
  )
  expect(error).toMatchObject({ code: 'MR-3020', details: { step: 'wait', element: '{ id: 1 }' } })
})
