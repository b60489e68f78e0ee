/**
 * Output modes that change between two runs on one checkpoint. One step of the author's is several here, and each keeps something: what
 * a table would lack must be said, and what is dropped of one must be nothing of another.
 */
import { join } from 'node:path'
import { fixedWindows, type KV, outputMode, type Pipeline, type ResultTable, watermarks } from 'millrace'
import { describe, expect, it } from 'vitest'
import { Feed, refusal, runOn } from '../../../conformance/support/feeds.js'
import { testFolders } from '../../../conformance/support/test-folders.js'

const folder = testFolders('modes')
const migrate = { onChange: 'migrate' } as const
/** What the test itself has collected is in other windows in another mode. */
const COLLECTED = 'collect out#collected'

type Mode = 'update' | 'drop' | 'keep'
type Results = KV<string, number> | ResultTable<string, number>

/** Counts of keys in windows of a second. */
const counting =
  (mode: Mode, feed: Feed<string>) =>
  (p: Pipeline): void => {
    const keyed = p
      .apply('feed', feed.read())
      .windowInto('seconds', fixedWindows(1000))
      .keyBy('by', (key) => key)
    if (mode === 'update') keyed.apply('n', outputMode('update').countPerKey()).collect('out')
    else keyed.apply('n', outputMode('complete', { expired: mode }).countPerKey()).collect('out')
  }

/** A checkpoint that has counted one `a` and one `b` in the first second. */
async function written(mode: Mode): Promise<{ readonly checkpoint: string; readonly feed: Feed<string> }> {
  const checkpoint = join(folder(), 'kept')
  const feed = new Feed<string>().add('a', 100).add('b', 200)
  feed.policy = watermarks.monotonic()
  await runOn(checkpoint, counting(mode, feed), [feed])
  return { checkpoint, feed }
}

/** Rows of the last table, as `a@0 1`. */
function lastTable(results: readonly Results[]): readonly string[] {
  const last = results.at(-1)
  if (last === undefined || 'key' in last) throw new Error('there is no table')
  return last.map(({ window, key, value }) => `${key}@${window.start} ${value}`)
}

describe('a mode that becomes complete', () => {
  it('says that the table lacks the results that are there, and begins only when that is named', async () => {
    const { checkpoint, feed } = await written('update')
    const text = await refusal(runOn(checkpoint, counting('drop', feed), [feed]))
    expect(text).toContain(
      `state and timers in "table": would begin empty beside what its step keeps (4 entries), so each result that is there is missing from it until an element changes it (dropState: 'n#table.state')`,
    )
    expect(text).toContain('what it has accumulated in "group/group" (4 entries): kept')
    expect(text).toContain(`--drop-state 'n#table.state'`)
    expect(await refusal(runOn(checkpoint, counting('drop', feed), [feed], migrate))).toContain('would begin empty')
    feed.add('a', 300)
    const options = { ...migrate, dropState: [COLLECTED, 'n#table.state'] }
    const result = await runOn(checkpoint, counting('drop', feed), [feed], options)
    expect(lastTable(result.collect<Results>('out'))).toEqual(['a@0 2'])
  })
})

describe('what the table does with results that have expired', () => {
  it('may become dropping them only when it is named that those which are there have no timer', async () => {
    const { checkpoint, feed } = await written('keep')
    const text = await refusal(runOn(checkpoint, counting('drop', feed), [feed], migrate))
    expect(text).toContain('state and timers in "expiry": would begin empty beside what its step keeps')
    expect(text).toContain(`what does not change stays for ever (dropState: 'n#expiry.state')`)
    feed.add('c', 5000)
    const options = { ...migrate, dropState: ['n#expiry.state'] }
    const result = await runOn(checkpoint, counting('drop', feed), [feed], options)
    expect(lastTable(result.collect<Results>('out'))).toEqual(['a@0 1', 'b@0 1', 'c@5000 1'])
  })

  it('may become keeping them, and the timers that go take no row with them', async () => {
    const { checkpoint, feed } = await written('drop')
    const text = await refusal(runOn(checkpoint, counting('keep', feed), [feed], migrate))
    expect(text).toContain(`would be dropped, no step of the pipeline keeps it any more (dropState: 'n#expiry.state')`)
    feed.add('c', 5000)
    const options = { ...migrate, dropState: ['n#expiry.state'] }
    const result = await runOn(checkpoint, counting('keep', feed), [feed], options)
    expect(lastTable(result.collect<Results>('out'))).toEqual(['a@0 1', 'b@0 1', 'c@5000 1'])
  })
})

describe('a mode that is complete no more', () => {
  it('lets the table go by names that leave what is accumulated', async () => {
    const { checkpoint, feed } = await written('drop')
    const text = await refusal(runOn(checkpoint, counting('update', feed), [feed], migrate))
    expect(text).toContain('step "n"\n')
    const dropState = ['n#expiry.state', 'n#gather.values', 'n#table.state', COLLECTED]
    expect(text).toContain(`dropState: [${dropState.map((drop) => `'${drop}'`).join(', ')}]`)
    feed.add('a', 300)
    const result = await runOn(checkpoint, counting('update', feed), [feed], { ...migrate, dropState })
    expect(result.collect<Results>('out').at(-1)).toEqual({ key: 'a', value: 2 })
  })
})
