/**
 * Checkpoints that earlier versions have written must be read by this one: as they are, and by a pipeline that has changed since. When
 * the format changes, the new one is written beside those that are there:
 *
 *     GOLDEN_CHECKPOINT=format-2 npx vitest run runners/micro-batch/migration/golden.test.ts
 */
import { cpSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as t from 'io-ts'
import { microBatchRunner } from 'millrace/micro-batch'
import { describe, expect, it } from 'vitest'
import { everyKind, GROUPED, type Row, type RowCodec, STATEFUL } from '../../../conformance/support/every-kind.js'
import { Feed, runOn } from '../../../conformance/support/feeds.js'
import { testFolders } from '../../../conformance/support/test-folders.js'
import { nodeEnv } from '../../direct/node.js'
import { nodeCapabilities } from '../node.js'
import { openSqliteStore } from '../store/sqlite-store.js'

const folder = testFolders('golden')
const golden = fileURLToPath(new URL('../../../conformance/checkpoints/', import.meta.url))
const asRow = (codec: t.Mixed): RowCodec => codec
const Order = asRow(t.type({ user: t.string, n: t.Int }))
const OrderWithNote = asRow(t.intersection([t.type({ user: t.string, n: t.number }), t.partial({ note: t.string })]))

function orders(): Feed<Row> {
  return new Feed<Row>().add({ user: 'ann', n: 1 }, 0).add({ user: 'bob', n: 2 }, 1000)
}

const asked = process.env['GOLDEN_CHECKPOINT']
it.runIf(asked !== undefined)('a golden checkpoint is written', async () => {
  const place = join(golden, asked ?? '')
  expect(existsSync(place)).toBe(false)
  const feed = orders()
  const runner = microBatchRunner({}, { ...nodeCapabilities(), driver: { own: 'golden', isGone: () => true } })
  await runOn(place, everyKind(Order, feed), [feed], { runner })
})

describe.each(readdirSync(golden).sort())('the checkpoint %s', (name) => {
  const copied = (): string => {
    const copy = join(folder(), 'kept')
    cpSync(join(golden, name), copy, { recursive: true })
    return copy
  }

  it('is whole', async () => {
    const store = await openSqliteStore(copied(), nodeEnv())
    expect(await store.check()).toEqual([])
    await store.close()
  })

  it.each([
    ['the pipeline that wrote it', Order],
    ['one whose codec takes more', OrderWithNote],
  ])('goes on with %s', async (_, codec) => {
    const feed = orders().add({ user: 'cleo', n: 3 }, 5000)
    feed.isClosed = true
    const result = await runOn(copied(), everyKind(codec, feed), [feed])
    for (const kind of STATEFUL) {
      const seen = JSON.stringify(result.collect<string>(`value of ${kind}`).at(-1))
      expect({ kind, seen }).toEqual({ kind, seen: expect.stringContaining('bob') as string })
      expect({ kind, count: result.collect(`value of ${kind}`).length }).toEqual({ kind, count: 3 })
    }
    for (const kind of GROUPED) {
      const numbers = result
        .collect<string>(`value of ${kind}`)
        .map((text) => (JSON.parse(text) as Row[]).map(({ n }) => n))
      expect({ kind, numbers }).toEqual({ kind, numbers: [[1, 2, 3]] })
    }
  })
})
