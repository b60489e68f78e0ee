import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import {
  afterCount,
  afterWatermark,
  calendarWindows,
  type DeadLetter,
  fixedWindows,
  type PCollection,
  pipeline,
  run,
  type RunOptions,
  sessionWindows,
  slidingWindows,
  watermarks,
  type WindowFn,
} from 'millrace'
import { replay } from 'millrace/io/generate'
import { writeLines, type WriteLinesOptions, type WrittenFile } from 'millrace/io/text'
import { testFolders } from '../../conformance/support/test-folders.js'

const folder = testFolders('names')

function tree(path: string): Readonly<Record<string, string>> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file.slice(path.length + 1), readFileSync(file, 'utf8')]),
  )
}

const HOUR = 3_600_000
interface Event {
  readonly at: number
  readonly user: string
}
const event = (hours: number, user = 'ann'): Event => ({ at: Date.UTC(2026, 2, 1) + hours * HOUR, user })

function stream(events: readonly Event[], windowFn: WindowFn): PCollection<Event> {
  return pipeline()
    .apply('events', replay(events, { timestamp: ({ at }) => at }))
    .windowInto('windows', windowFn)
}

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  {},
  { strict: true, seed: 4, stageCompiler: 'closures' },
]

it.each(ways)('windows of a stream go where the path says, in folders too: %j', async (way) => {
  const at = folder()
  const p = pipeline()
  p.apply('events', replay([event(0), event(0.5), event(25)], { timestamp: ({ at: time }) => time }))
    .windowInto('hours', fixedWindows('1 hour'))
    .map('user', ({ user }) => user)
    .apply(
      'write',
      writeLines(join(at, 'day={window.start|yyyy-MM-dd}/{window.start|HH}-{pane}-{shard}-of-{shards}.txt'), {
        shards: 1,
      }),
    )
    .collect('written')
  const result = await run(p, way)
  expect(tree(at)).toEqual({
    'day=2026-03-01/00-0-00000-of-00001.txt': 'ann\nann\n',
    'day=2026-03-02/01-0-00000-of-00001.txt': 'ann\n',
  })
  expect(readdirSync(at)).toEqual(['day=2026-03-01', 'day=2026-03-02'])
  expect(result.collect<WrittenFile>('written')).toHaveLength(2)
})

it('late panes have files of their own, by their index', async () => {
  const at = folder()
  const events = [event(0), event(3), event(0.1), event(0.2)]
  const p = pipeline()
  p.apply('events', replay(events, { timestamp: ({ at: time }) => time, watermark: watermarks.monotonic() }))
    .windowInto('hours', fixedWindows('1 hour'), {
      trigger: afterWatermark({ late: afterCount(1) }),
      allowedLateness: '1 day',
    })
    .map('hour', ({ at: time }) => (time - Date.UTC(2026, 2, 1)) / HOUR)
    .apply('write', writeLines(join(at, '{window.start|yyyyMMddHH}-{pane}.txt')))
  await run(p, { bundleSize: 1 })
  expect(tree(at)).toEqual({
    '2026030100-0.txt': '0\n',
    '2026030100-1.txt': '0.1\n',
    '2026030100-2.txt': '0.2\n',
    '2026030103-0.txt': '3\n',
  })
})

it('what the path does not say is put at the end of the name', async () => {
  const at = folder()
  const p = pipeline()
  p.apply('events', replay([event(0)], { timestamp: ({ at: time }) => time }))
    .windowInto('hours', fixedWindows('1 hour'))
    .apply('write', writeLines(join(at, 'shard{shard}/out.txt'), { shards: 2 }))
  await run(p)
  expect(Object.keys(tree(at))).toEqual([
    'shard00000/out-20260301T000000Z-20260301T010000Z.txt',
    'shard00001/out-20260301T000000Z-20260301T010000Z.txt',
  ])
})

it('calendar windows are named in their own zone', async () => {
  const at = folder()
  const p = pipeline()
  // London puts its clocks forward on this day: both midnights are on the same day of UTC.
  const days = [Date.UTC(2026, 2, 29, 0), Date.UTC(2026, 2, 29, 23)].map((time) => ({ at: time, user: 'ann' }))
  p.apply('events', replay(days, { timestamp: ({ at: time }) => time }))
    .windowInto('days', calendarWindows({ unit: 'day', zone: 'Europe/London' }))
    .apply('write', writeLines(join(at, '{window.start|yyyy-MM-dd}.txt')))
  await run(p)
  expect(Object.keys(tree(at))).toEqual(['2026-03-29.txt', '2026-03-30.txt'])
})

it.each(ways)('elements of a key share a shard, in every run: %j', async (way) => {
  const at = folder()
  const users = Array.from({ length: 40 }, (_, i) => `user${i % 8}`)
  const options: WriteLinesOptions = { shards: 4, shardBy: (user: string) => user }
  const p = pipeline()
  p.create('users', users).apply('write', writeLines(join(at, 'out.txt'), options))
  await run(p, way)
  const files = tree(at)
  expect(Object.keys(files)).toHaveLength(4)
  for (const user of new Set(users)) {
    const holding = Object.values(files).filter((text) => text.split('\n').includes(user))
    expect(holding.map((text) => text.split('\n').filter((line) => line === user).length)).toEqual([5])
  }
  expect(Object.values(files).map((text) => [...new Set(text.trim().split('\n'))].sort().join(' ')))
    .toMatchInlineSnapshot(`
    [
      "user2 user6",
      "user1 user5",
      "user0 user4",
      "user3 user7",
    ]
  `)
})

it('dead letters of a stream are written by window', async () => {
  const at = folder()
  const p = pipeline()
  const bad = p.errors('bad', (letters: PCollection<DeadLetter>) =>
    letters
      .map('line', ({ element }) => (element as Event).user)
      .windowInto('bad hours', fixedWindows('1 hour'))
      .apply('write', writeLines(join(at, 'bad-{window.start|yyyy-MM-dd-HH}.txt'))),
  )
  p.apply('events', replay([event(0), event(1, 'x'), event(2, 'y')], { timestamp: ({ at: time }) => time })).map(
    'check',
    ({ user }) => {
      if (user !== 'ann') throw new Error('unknown user')
      return user
    },
    { onError: bad },
  )
  await run(p)
  expect(tree(at)).toEqual({ 'bad-2026-03-01-01.txt': 'x\n', 'bad-2026-03-01-02.txt': 'y\n' })
})

it('braces are written twice', async () => {
  const at = folder()
  const p = pipeline()
  p.create('one', ['a']).apply('write', writeLines(join(at, '{{x}}.txt')))
  await run(p)
  expect(tree(at)).toEqual({ '{x}.txt': 'a\n' })
})

it.each<[string, WindowFn, RegExp]>([
  ['{window.start|yyyy-MM-dd}', fixedWindows('1 hour'), /its names tell only days apart, while one begins every 1 h/],
  ['{window.start|HH}', fixedWindows('1 hour'), /leave out a larger unit of time, and so come again/],
  ['{window.start|yyyy-MM}', fixedWindows('28 days'), /its names tell only months apart/],
  ['{window.start|yyyy-MM-dd-HH}', slidingWindows('2 hours', { every: '30 minutes' }), /every 30 min/],
  [
    '{window.start|yyyy-MM}',
    calendarWindows({ unit: 'day', zone: 'UTC' }),
    /its names tell only months apart, so that/,
  ],
])('refuses names that windows would share: %s', (name, windowFn, message) => {
  const events = stream([event(0)], windowFn)
  expect(() => events.apply('write', writeLines(`out/${name}.txt`))).toThrow(message)
})

it.each<[string, WindowFn]>([
  ['{window.start|yyyy}/{window.start|MM}/{window.start|dd}', fixedWindows('1 day')],
  ['{window.end|yyyyMMddHHmm}', slidingWindows('2 hours', { every: '30 minutes' })],
  ['{window.start|yyyy-MM}', calendarWindows({ unit: 'month', zone: 'UTC' })],
  ['{window.start}', fixedWindows(1)],
  ['{window.start|yyyyMMddHHmmssSSS}', fixedWindows(1)],
])('takes names that tell windows apart: %s', (name, windowFn) => {
  expect(() => stream([event(0)], windowFn).apply('write', writeLines(`out/${name}.txt`))).not.toThrow()
})

it('sessions are named by both ends', () => {
  const sessions = () =>
    stream([event(0)], sessionWindows('1 minute'))
      .keyBy('user', ({ user }) => user)
      .countPerKey('count')
  expect(() => sessions().apply('write', writeLines('out/{window.start}.txt'))).toThrow(
    /only by their whole start and end/,
  )
  expect(() => sessions().apply('write', writeLines('out/{window.start}-{window.end}.txt'))).not.toThrow()
})

it.each([
  ['out/{windows.start}', /has \{windows\.start\} in it, which stands for nothing\. There are \{window\.start\}/],
  ['out/{pane|yyyy}', /stands for nothing/],
  ['out/{window.start|YYYY}', /"YYYY" in \{window\.start\|YYYY\} is no unit of time\. There are yyyy, MM, dd/],
])('refuses the path %s', (path, message) => {
  expect(() => writeLines(path)).toThrow(message)
})

it('names by window need windows', () => {
  const p = pipeline()
  expect(() => p.create('n', [1]).apply('write', writeLines('out/{window.start}.txt'))).toThrow(
    /step "write\/parts" names its files by window, but its input is in the global window\. Put windowInto/,
  )
  expect(() => p.create('m', [1]).apply('write by', writeLines('out', { shardBy: 'user' as never }))).toThrow(
    /option shardBy of writeLines is a function of the element, but is "user"/,
  )
})
