/** What a checkpoint keeps, asked by those who wrote it: state by key and window, and pipelines over it. */
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, leftOvers, root, start } from './fixtures/command.js'
import { type Project, project } from './fixtures/project.js'

/** Orders are counted, and summed by the hour; the last hour stays open. */
const orders = `
import * as t from 'io-ts'
import { definePipeline, fixedWindows, state, timer, readFrom, watermarks } from 'millrace'

const all = [['ann', 5, 0], ['bob', 7, 600000], ['ann', 3, 3660000]] as const
const read = readFrom({
  output: t.type({ user: t.string, cents: t.number, at: t.number }),
  bounded: false,
  replayable: true,
  watermark: watermarks.monotonic(),
  open: (mark: number | undefined) => {
    let at = mark ?? 0
    return {
      read: () => {
        const order = all[at]
        if (order === undefined) return 'idle'
        at++
        return { value: { user: order[0], cents: order[1], at: order[2] }, timestamp: order[2] }
      },
      mark: () => at,
    }
  },
})

export default definePipeline({
  name: 'orders',
  build(p) {
    const byUser = p.apply('orders', read).keyBy('by user', ({ user }) => user)
    byUser.parDo('remember', {
      output: t.string,
      state: { count: state.value(t.number, { initial: 0 }), each: state.map(t.string, t.number) },
      timers: { forget: timer.eventTime() },
      process({ value }, { state, timers, timestamp }) {
        state.count.write(state.count.read() + 1)
        state.each.put(String(value.cents), value.cents)
        timers.forget.set(timestamp + 3600000)
      },
      onTimer: { forget: () => undefined },
    })
    byUser
      .windowInto('by the hour', fixedWindows('1 hour'))
      .combinePerKey('spend', { of: ({ cents }) => cents, monoid: { concat: (a, b) => a + b, empty: 0 } })
      .print('spent')
  },
})
`

const asking = `
import * as t from 'io-ts'
import { definePipeline, flatten } from 'millrace'
import { readLines } from 'millrace/io/text'
import { readState } from 'millrace/micro-batch'

export default definePipeline({
  name: 'asking',
  options: t.type({ checkpoint: t.string, past: t.string }),
  build(p, { checkpoint, past }) {
    const now = p.apply('now', readState(checkpoint, { step: 'spend', key: t.string, value: t.number }))
    const counts = p.apply('counts', readState(checkpoint, { step: 'remember', state: 'count', key: t.string, value: t.number }))
    const before = p.apply('past', readLines(past)).map('parse', (line) => JSON.parse(line) as { user: string; cents: number })
      .map('by user', ({ user, cents }) => ({ key: user, value: cents }))
    flatten('now and before', [now, before])
      .combinePerKey('in all', { of: (cents: number) => cents, monoid: { concat: (a: number, b: number) => a + b, empty: 0 } })
      .map('shown', ({ key, value }) => key + ' ' + value)
      .print('all')
    counts.map('counted', ({ key, value }) => key + ' came ' + value).print('counts')
  },
})
`

const endless = `
import * as t from 'io-ts'
import { definePipeline } from 'millrace'
import { periodic } from 'millrace/io/generate'
export default definePipeline({
  name: 'endless',
  options: t.type({ checkpoint: t.string }),
  build: (p) => p.apply('tick', periodic({ every: '1 second' })).print('tick'),
})
`

describe.each([
  ['in place', []],
  ['by three workers', ['--workers', '3']],
])('of a run whose work was done %s,', (_, more) => {
  let made: Project
  beforeAll(async () => {
    await compiled()
    made = project({ 'orders.ts': orders, 'asking.ts': asking, 'endless.ts': endless })
    for (const name of ['io-ts', 'fp-ts'])
      symlinkSync(join(root, 'node_modules', name), made.path(`node_modules/${name}`))
    writeFileSync(made.path('past.ndjson'), '{"user":"ann","cents":100}\n{"user":"cleo","cents":1}\n')
    const running = start(
      ['run', 'orders.ts', '--runner', 'micro-batch', '--checkpoint', 'kept', '--batch-interval', '30ms', ...more],
      { cwd: made.folder },
    )
    await running.said('bob')
    running.signal('SIGTERM', 'command')
    expect((await running.ended).code).toBe(143)
  }, 240_000)
  afterAll(() => {
    leftOvers()
    made.remove()
  })

  const rows = (stdout: string): readonly unknown[] =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)

  describe('millrace state with the pipeline', () => {
    it('shows cells and timers of a key, decoded', async () => {
      const { code, stdout } = await start(
        ['state', 'get', 'kept', '--pipeline', 'orders.ts', '--step', 'remember', '--key', 'ann'],
        { cwd: made.folder },
      ).ended
      expect(code).toBe(0)
      expect(rows(stdout)).toEqual([
        { step: 'remember', state: 'count', kind: 'value', key: 'ann', window: 'global', value: 2 },
        {
          step: 'remember',
          state: 'each',
          kind: 'map',
          key: 'ann',
          window: 'global',
          value: [
            ['5', 5],
            ['3', 3],
          ],
        },
        {
          step: 'remember',
          state: 'forget',
          kind: 'timer',
          key: 'ann',
          window: 'global',
          value: { fireTimestamp: 7260000, outputTimestamp: 7260000 },
        },
      ])
    })

    it('shows what is grouped in a window, and where a source is', async () => {
      const get = (...more: readonly string[]) =>
        start(['state', 'get', 'kept', '--pipeline', 'orders.ts', ...more], { cwd: made.folder }).ended
      const hour = await get('--step', 'spend', '--window', '1970-01-01T01:00:00Z')
      expect(rows(hour.stdout)).toContainEqual(expect.objectContaining({ state: 'values', key: 'ann', value: 3 }))
      const nowhere = await get('--step', 'spend', '--window', 'yesterday')
      expect(nowhere.stderr).toMatch(/--window is the time .* was given "yesterday"[^]*MR-7003/)
      expect(nowhere.code).not.toBe(0)
      const source = await get('--step', 'orders')
      expect(rows(source.stdout)).toContainEqual(expect.objectContaining({ state: 'work' }))
      const none = await get('--step', 'remmeber')
      expect([none.code, none.stderr]).toEqual([
        expect.any(Number),
        expect.stringContaining('Did you mean "remember"?'),
      ])
      expect(none.code).not.toBe(0)
    })

    it('shows what the run itself keeps, of which the pipeline knows nothing', async () => {
      const args = ['state', 'get', 'kept', '--step', '-', '--pipeline', 'orders.ts']
      const { code, stdout } = await start(args, { cwd: made.folder }).ended
      expect(code).toBe(0)
      expect(rows(stdout)).toContainEqual(expect.objectContaining({ keeps: 'metrics', kind: 'entry' }))
      const keyed = await start([...args, '--key', 'ann'], { cwd: made.folder }).ended
      expect([keyed.code, keyed.stderr]).toEqual([2, expect.stringContaining('--key belongs to a step')])
    })

    it('takes the options of the pipeline after its file', async () => {
      const text = orders.replace('build(p) {', 'options: t.type({ city: t.string }),\n  build(p, { city: _ }) {')
      writeFileSync(join(made.folder, 'orders-of.ts'), text)
      const get = (...more: readonly string[]) =>
        start(['state', 'get', 'kept', '--step', 'spend', ...more], { cwd: made.folder }).ended
      const { code, stdout } = await get('--pipeline', 'orders-of.ts', '--city', 'Bonn')
      expect(code).toBe(0)
      expect(rows(stdout)).toContainEqual(expect.objectContaining({ state: 'values', key: 'ann', value: 3 }))
      const early = await get('--city', 'Bonn', '--pipeline', 'orders-of.ts')
      expect([early.code, early.stderr]).toEqual([2, expect.stringContaining('come after --pipeline FILE')])
    })

    it('lists keys, and refuses what needs the pipeline without it', async () => {
      const { stdout } = await start(['state', 'ls', 'kept', '--pipeline', 'orders.ts', '--json'], { cwd: made.folder })
        .ended
      const first = expect.toSatisfy((keys: readonly string[]) => keys.toSorted().join(' ') === 'ann bob') as string[]
      expect(rows(stdout)).toContainEqual({ step: 'remember', keys: 2, first })
      const wrong = await start(['state', 'get', 'kept', '--step', 'remember', '--key', 'ann'], { cwd: made.folder })
        .ended
      expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('--key needs --pipeline')])
    })
  })

  describe('millrace query', () => {
    it('joins what is kept now with what was, and leaves the checkpoint as it is', async () => {
      const fsck = () => start(['fsck', 'kept', '--json'], { cwd: made.folder }).ended
      const before = (await fsck()).stdout
      const { code, stdout, stderr } = await start(
        ['query', 'asking.ts', '--checkpoint', 'kept', '--past', 'past.ndjson'],
        { cwd: made.folder },
      ).ended
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) as string })
      const text = stdout
        .split('\n')
        .map((line) => line.replace(/^.*?(\w+ (came )?\d+).*$/, '$1'))
        .filter((line) => line !== '')
        .sort()
      expect(text).toEqual(['ann 103', 'ann came 2', 'bob came 1', 'cleo 1'])
      expect((await fsck()).stdout).toBe(before)
    })

    it('names the checkpoint where something is not in it, and not the copy that was looked at', async () => {
      writeFileSync(made.path('wrong.ts'), asking.replace("step: 'spend'", "step: 'spned'"))
      const args = ['query', 'wrong.ts', '--checkpoint', 'kept', '--past', 'past.ndjson']
      const { code, stderr } = await start(args, { cwd: made.folder }).ended
      expect(code).not.toBe(0)
      expect(stderr).toContain('MR-6054')
      expect(stderr).toContain(made.path('kept'))
      expect(stderr).not.toContain('millrace-checkpoint-')
    })

    it('refuses a pipeline that does not end, and one without a checkpoint', async () => {
      const endless = await start(['query', 'endless.ts', '--checkpoint', 'kept'], { cwd: made.folder }).ended
      expect([endless.code, endless.stderr]).toEqual([2, expect.stringContaining('MR-6055')])
      const without = await start(['query', 'asking.ts'], { cwd: made.folder }).ended
      expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('needs --checkpoint')])
    })
  })
})
