/** The commands that look at checkpoints, as users start them, on checkpoints of real runs. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as t from 'io-ts'
import { type Env, pipeline, type Pipeline, run } from 'millrace'
import { microBatchRunner } from 'millrace/micro-batch'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemEnv } from '../core/system-env.js'
import { nodeEnv } from '../direct/node.js'
import { nodeCapabilities } from '../micro-batch/node.js'
import { openSqliteStore } from '../micro-batch/store/sqlite-store.js'
import { compiled, leftOvers, start } from './fixtures/command.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-checkpoint-commands-'))
const at = (name: string): string => join(folder, name)
beforeAll(compiled, 240_000)
afterAll(() => {
  leftOvers()
  rmSync(folder, { recursive: true, force: true })
})

/** A sink that remembers what it was handed, and under which name. */
interface Seen {
  readonly query: string
  readonly batch: number
  readonly items: readonly unknown[]
}

function ordersTo(seen: Seen[], fails: () => boolean = () => false): Pipeline {
  const p = pipeline()
  p.create('orders', [1, 2, 3, 4, 5, 6, 7, 8]).parDo('hand over', {
    delivery: {
      codec: t.number,
      repeats: 'visible',
      deliver(items, { id }) {
        if (fails()) throw new Error('the sink is away')
        seen.push({ query: id.query, batch: id.batch, items: [...items] })
      },
    },
    process: (n, { deliver }) => deliver(n),
  })
  return p
}

class Crash extends Error {}

/** Runs until the `n`-th batch is committed and delivered, and crashes there. */
async function runUntil(
  n: number,
  build: () => Pipeline,
  checkpoint: string,
  point = 'batch.committed',
): Promise<void> {
  let commits = 0
  const env: Env = {
    ...nodeEnv(),
    crashpoint(name) {
      if (name === point && ++commits === n) throw new Crash(name)
    },
  }
  const driver = { own: `driver of ${checkpoint}, ${n}`, isGone: () => true }
  const runner = microBatchRunner({ batchInterval: '1 milli', batchSize: 2 }, { ...nodeCapabilities(), driver })
  await run(build(), { runner, checkpoint, env }).catch((error: unknown) => {
    if (!(error instanceof Crash)) throw error
  })
}

describe('millrace savepoint', () => {
  it('makes a query of its own: both go on, and each delivers what comes after under its own name', async () => {
    const seen: Seen[] = []
    const [first, copy] = [at('first'), at('copy')]
    await runUntil(3, () => ordersTo(seen), first, 'store.plan.before')
    const delivered = seen.flatMap(({ items }) => items)
    const { code, stdout, left } = await start(['savepoint', first, copy, '--json']).ended
    expect([code, left]).toEqual([0, { processes: [], files: [] }])
    const made = JSON.parse(stdout) as { query: string; batch: number; savepoint: string }
    expect(made).toMatchObject({ batch: 2, savepoint: copy })
    expect(seen.map(({ query }) => query)).not.toContain(made.query)
    const before = seen.length
    await run(ordersTo(seen), { runner: 'micro-batch', checkpoint: copy })
    const ofCopy = seen.slice(before)
    expect(new Set(ofCopy.map(({ query }) => query))).toEqual(new Set([made.query]))
    expect([...delivered, ...ofCopy.flatMap(({ items }) => items)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    const after = seen.length
    await runUntil(99, () => ordersTo(seen), first)
    const ofFirst = [...seen.slice(0, before), ...seen.slice(after)]
    expect(new Set(ofFirst.map(({ query }) => query)).size).toBe(1)
    expect(ofFirst.flatMap(({ items }) => items)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('is refused while the newest commit is not delivered, and leaves nothing', { timeout: 60_000 }, async () => {
    const place = at('pending')
    await expect(
      run(
        ordersTo([], () => true),
        { runner: 'micro-batch', checkpoint: place },
      ),
    ).rejects.toThrow(/away/)
    const { code, stderr } = await start(['savepoint', place, at('pending-copy')]).ended
    expect(code).toBe(1)
    expect(stderr).toContain('MR-6108')
    expect(readdirSync(folder).filter((name) => name.startsWith('pending-copy'))).toEqual([])
  })

  it('replaces nothing', async () => {
    const { code, stderr } = await start(['savepoint', at('first'), at('copy')]).ended
    expect([code, stderr]).toEqual([1, expect.stringContaining('MR-6107')])
  })
})

describe('millrace state', () => {
  it('tells query, batch, parts and watermarks', async () => {
    const { code, stdout } = await start(['state', 'ls', at('first'), '--json']).ended
    expect(code).toBe(0)
    const shown = JSON.parse(stdout) as {
      batch: number
      parts: { step: string | null; keeps: string; entries: number }[]
    }
    const store = await openSqliteStore(at('first'), systemEnv())
    const batch = (await store.committed())?.batch ?? 0
    const parts = new Map<string, number>()
    for await (const { part } of store.partition(0).read(batch)) parts.set(part, (parts.get(part) ?? 0) + 1)
    await store.close()
    expect(shown.batch).toBe(batch)
    expect(
      new Map(shown.parts.map(({ step, keeps, entries }) => [`${step === null ? '' : `${step} `}${keeps}`, entries])),
    ).toEqual(parts)
    expect(shown).toMatchObject({ pendingDeliveries: false, live: false })
    const text = await start(['state', 'ls', at('first')]).ended
    expect(text.stdout).toContain(`batch ${batch}, of `)
    expect(text.stdout).toMatch(/orders\/\$read +the end of time/)
  })

  it('shows the entries of a step as bytes, and names the steps there are', async () => {
    const { code, stdout } = await start(['state', 'get', at('first'), '--step', 'orders/$read', '--json']).ended
    expect(code).toBe(0)
    for (const line of stdout.trim().split('\n'))
      expect(JSON.parse(line)).toMatchObject({ keeps: 'work', slot: expect.any(Number) as number })
    const wrong = await start(['state', 'get', at('first'), '--step', 'orders/$raed']).ended
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('Did you mean "orders/$read"?')])
  })
})

describe('a folder for temporary files that is not there', () => {
  it.each([
    ['fsck', ['fsck', at('first')]],
    ['state', ['state', 'ls', at('first')]],
  ])('is named by millrace %s, with what to do, and without a stack', async (_, args) => {
    const { code, stderr } = await start(args, { env: { TMPDIR: at('nowhere') } }).ended
    expect(code).toBe(1)
    expect(stderr).toContain(`the checkpoint ${at('first')} cannot be copied into ${at('nowhere')}`)
    expect(stderr).toMatch(/takes about \d+ kB.*TMPDIR=[^]*MR-6105/)
    expect(stderr).not.toContain('    at ')
  })
})

describe('millrace fsck', () => {
  it('exits with 0 for what is whole, 1 for what is damaged, 2 for what is no checkpoint', async () => {
    const fine = await start(['fsck', at('first')]).ended
    expect([fine.code, fine.stdout]).toEqual([0, expect.stringContaining('All is well')])
    const log = join(at('copy'), 'log.sqlite')
    const bytes = readFileSync(log)
    const place = bytes.indexOf('orders/$read')
    bytes[place] = 0
    writeFileSync(log, bytes)
    const damaged = await start(['fsck', at('copy'), '--json']).ended
    expect(damaged.code).toBe(1)
    const { faults } = JSON.parse(damaged.stdout) as { faults: { where: string; message: string }[] }
    expect(faults[0]?.where).toBe('log.sqlite')
    expect(faults[0]?.message).toContain(log)
    expect(damaged.left.files).toEqual([])
    const asked = await start(['state', 'ls', at('copy')]).ended
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining(log)])
    expect(asked.stderr).not.toMatch(/millrace-checkpoint-(?!commands-)/)
    expect((await start(['fsck', folder]).ended).code).toBe(2)
  })
})
