/** A batch that is done again after a crash reads what it had read, also where the source has it a little later than at once. */
import { join } from 'node:path'
import { type Pipeline, readFrom, typed, watermarks } from 'millrace'
import { expect, it } from 'vitest'
import { runOn, type RunOptions } from '../../conformance/support/feeds.js'
import { testFolders } from '../../conformance/support/test-folders.js'
import { nodeEnv } from '../direct/node.js'

const folder = testFolders('quiet-again')

const whole = [{ isExhausted: false, isClosed: true }]
const ways: readonly RunOptions[] = [{}, { workers: 2, isolation: 'memory' }]

/** A server with ten numbers. Where it is quiet, it has nothing yet before the first that is asked for, and none in the middle. */
const server = (isQuiet: boolean) =>
  readFrom({
    output: typed<number>(),
    bounded: true,
    replayable: true,
    watermark: watermarks.none(),
    pollEvery: '5 ms',
    open(mark: number | undefined) {
      let next = mark ?? 0
      const quiet = new Set(isQuiet ? [next, 5] : [])
      return {
        read: () => (quiet.delete(next) ? 'idle' : next === 10 ? 'end' : { value: next++ }),
        mark: () => next,
      }
    },
  })

const crashpoint = (name: string): void => {
  if (name === 'batch.commit') throw new Error('the process ended')
}

it.each(ways)('a source that says "nothing now" while it is read again is asked later: %j', async (options) => {
  let isQuiet = false
  const build = (p: Pipeline): unknown => p.apply('numbers', server(isQuiet)).collect('all')
  const place = join(folder(), 'kept')
  await expect(runOn(place, build, whole, { ...options, env: { ...nodeEnv(), crashpoint } })).rejects.toThrow('the process ended') // prettier-ignore
  isQuiet = true
  const result = await runOn(place, build, whole, options)
  expect(result.collect<number>('all').toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})
