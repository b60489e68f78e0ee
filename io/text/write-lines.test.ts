import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import {
  type Env,
  fixedWindows,
  kv,
  type PCollection,
  type Pipeline,
  pipeline,
  run,
  type RunOptions,
  sessionWindows,
  slidingWindows,
  start,
  typed,
  watermarks,
} from 'millrace'
import { generateSequence, replay } from 'millrace/io/generate'
import { readLines, writeLines, type WriteLinesOptions, type WrittenFile } from 'millrace/io/text'
import { nodeEnv, nodeFiles } from '../../runners/direct/node.js'
import { testFolders } from '../../conformance/support/test-folders.js'

const folder = testFolders('write')

/** Every file below a folder with its text, hidden ones too. */
function tree(path: string): Readonly<Record<string, string>> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file.slice(path.length + 1), readFileSync(file, 'utf8')]),
  )
}
const linesOf = (text: string): readonly string[] => text.split('\n').slice(0, -1).sort()
const sortedLines = (files: Readonly<Record<string, string>>): readonly string[] =>
  Object.values(files).flatMap(linesOf).sort()

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 7, stageCompiler: 'closures' },
  { bundleSize: 1_000_000 },
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 3, stageCompiler: 'closures' },
]

async function write(
  values: readonly unknown[],
  path: string,
  options: WriteLinesOptions = {},
  way: RunOptions = {},
): Promise<readonly WrittenFile[]> {
  const p = pipeline()
  p.create('values', values).apply('write', writeLines(path, options)).collect('written')
  return (await run(p, way)).collect('written')
}

const numbers = Array.from({ length: 100 }, (_, i) => `line ${i}`)

it.each(ways)('one file has every line once, and nothing else is left: %j', async (way) => {
  const at = folder()
  const written = await write(numbers, join(at, 'out.txt'), {}, way)
  expect(written).toEqual([{ path: join(at, 'out.txt'), lines: 100 }])
  const files = tree(at)
  expect(Object.keys(files)).toEqual(['out.txt'])
  expect(sortedLines(files)).toEqual([...numbers].sort())
  expect(readdirSync(at)).toEqual(['out.txt'])
})

it.each(ways)('shards share the lines: %j', async (way) => {
  const at = folder()
  const written = await write(numbers, join(at, 'out.txt'), { shards: 3 }, way)
  const files = tree(at)
  expect(Object.keys(files)).toEqual(['out-00000-of-00003.txt', 'out-00001-of-00003.txt', 'out-00002-of-00003.txt'])
  expect(sortedLines(files)).toEqual([...numbers].sort())
  expect([...written].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual(
    Object.entries(files).map(([name, text]) => ({ path: join(at, name), lines: linesOf(text).length })),
  )
  for (const text of Object.values(files)) expect(linesOf(text).length).toBeGreaterThan(5)
})

/** A world whose disk is not waited for. */
const hasty: Env = {
  ...nodeEnv(),
  files: {
    ...nodeFiles,
    create: (path) => ({ ...nodeFiles.create(path), sync: () => undefined }),
    syncFolder: () => undefined,
  },
}

it('what was written is read again as it was', async () => {
  const line = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, '·'))
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 30 }), fc.integer({ min: 1, max: 3 }), async (lines, shards) => {
      const at = folder()
      await write(lines, join(at, 'out.txt'), { shards }, { bundleSize: 4, env: hasty })
      const p = pipeline()
      p.apply('read', readLines(join(at, '*.txt'))).collect('lines')
      // A byte order mark at the beginning of a file is none of the text.
      const marked = (texts: readonly string[]): readonly string[] =>
        texts.map((text) => text.replace(/^\uFEFF/, '')).sort()
      expect(marked((await run(p)).collect('lines'))).toEqual(marked(lines))
    }),
    { numRuns: 25 },
  )
})

it('values other than strings are written as JSON', async () => {
  const at = folder()
  await write([kv('ann', 41), 5, null, [1, 'b'], 10n, undefined], join(at, 'out.ndjson'))
  expect(sortedLines(tree(at))).toEqual(['{"key":"ann","value":41}', '5', 'null', '[1,"b"]', '10n', 'undefined'].sort())
})

it.each(ways)('nothing to write makes empty files: %j', async (way) => {
  const at = folder()
  expect(await write([], join(at, 'one.txt'), {}, way)).toEqual([{ path: join(at, 'one.txt'), lines: 0 }])
  await write([], join(at, 'more.csv'), { shards: 2, header: 'a,b', footer: '# end' }, way)
  expect(tree(at)).toEqual({
    'more-00000-of-00002.csv': 'a,b\n# end\n',
    'more-00001-of-00002.csv': 'a,b\n# end\n',
    'one.txt': '',
  })
})

it('header and footer stand around the lines of each file', async () => {
  const at = folder()
  const written = await write(['1', '2'], join(at, 'out.csv'), { header: 'n', footer: '# end' }, { bundleSize: 1 })
  expect(readFileSync(join(at, 'out.csv'), 'utf8')).toMatch(/^n\n(1\n2|2\n1)\n# end\n$/)
  expect(written[0]?.lines).toBe(2)
})

it.each([
  ['out', {}, ['out']],
  ['.out', { shards: 1 }, ['.out']],
  ['a.b.txt', { shards: 2 }, ['a.b-00000-of-00002.txt', 'a.b-00001-of-00002.txt']],
  ['out', { suffix: '.csv' }, ['out.csv']],
  ['a.tar.x', { suffix: '.tar.x', shards: 2 }, ['a-00000-of-00002.tar.x', 'a-00001-of-00002.tar.x']],
])('names the files of %j with %j', async (name, options, expected) => {
  const at = folder()
  await write(['x'], join(at, name), options)
  expect(Object.keys(tree(at))).toEqual(expected)
})

it('makes the folders that are missing', async () => {
  const at = folder()
  await write(['x'], join(at, 'a/b/out.txt'))
  expect(tree(at)).toEqual({ 'a/b/out.txt': 'x\n' })
})

const day = 86_400_000
const events = [0, 5, day, day + 3, 3 * day + 1].map((time) => ({ time }))
const windowed = (options: { readonly allowedLateness?: number } = {}): PCollection<{ readonly time: number }> =>
  pipeline()
    .apply('events', replay(events, { timestamp: ({ time }) => time }))
    .windowInto('days', fixedWindows('1 day'), options)

it.each(ways)('every window has files of its own: %j', async (way) => {
  const at = folder()
  const p = pipeline()
  p.apply('events', replay(events, { timestamp: ({ time }) => time }))
    .windowInto('days', fixedWindows('1 day'))
    .apply('write', writeLines(join(at, 'out.ndjson')))
  await run(p, way)
  const files = tree(at)
  expect(Object.keys(files)).toEqual([
    'out-19700101T000000Z-19700102T000000Z.ndjson',
    'out-19700102T000000Z-19700103T000000Z.ndjson',
    'out-19700104T000000Z-19700105T000000Z.ndjson',
  ])
  expect(Object.values(files).map((text) => linesOf(text).length)).toEqual([2, 2, 1])
})

it('an element in several windows is written into each', async () => {
  const at = folder()
  const p = pipeline()
  p.create('times', [1500], { timestamp: (time) => time })
    .windowInto('sliding', slidingWindows(2000, { every: 1000 }))
    .apply('write', writeLines(join(at, 'out'), { shards: 2 }))
  await run(p)
  const files = tree(at)
  expect(Object.keys(files)).toEqual([
    'out-19700101T000000Z-19700101T000002Z-00000-of-00002',
    'out-19700101T000000Z-19700101T000002Z-00001-of-00002',
    'out-19700101T000001Z-19700101T000003Z-00000-of-00002',
    'out-19700101T000001Z-19700101T000003Z-00001-of-00002',
  ])
  expect(sortedLines(files)).toEqual(['1500', '1500'])
})

it('late lines come into files of their own, each line once, also where panes accumulate', async () => {
  const at = folder()
  const p = pipeline()
  const late = [...events, { time: 7 }, { time: 9 }]
  p.apply('events', replay(late, { timestamp: ({ time }) => time, watermark: watermarks.monotonic() }))
    .windowInto('days', fixedWindows('1 day'), { allowedLateness: '9 days', accumulation: 'accumulating' })
    .apply('write', writeLines(join(at, 'out')))
  await run(p, { bundleSize: 1 })
  expect(tree(at)).toMatchObject({
    'out-19700101T000000Z-19700102T000000Z-pane-1': '{"time":7}\n',
    'out-19700101T000000Z-19700102T000000Z-pane-2': '{"time":9}\n',
  })
  expect(sortedLines(tree(at))).toEqual(late.map((event) => JSON.stringify(event)).sort())
  expect(readdirSync(at).filter((name) => name.startsWith('.'))).toEqual([])
})

it('sessions can be written once a grouping has united them', async () => {
  const at = folder()
  const p = pipeline()
  const sessions = p
    .create('times', [1, 2, 500], { timestamp: (time) => time })
    .windowInto('sessions', sessionWindows(100))
    .keyBy('one', () => 'all')
  expect(() => sessions.apply('too early', writeLines(join(at, 'out')))).toThrow(
    /step "too early\/parts" writes sessions with a gap of 100 ms that no grouping has united[^]*write-lines\.test\.ts/,
  )
  sessions.countPerKey('count').apply('write', writeLines(join(at, 'out')))
  await run(p)
  expect(tree(at)).toEqual({
    'out-19700101T000000_001Z-19700101T000000_102Z': '{"key":"all","value":2}\n',
    'out-19700101T000000_500Z-19700101T000000_600Z': '{"key":"all","value":1}\n',
  })
})

it('an unbounded collection must be windowed first', () => {
  const p = pipeline()
  const stream = p.apply('events', replay(events, { timestamp: ({ time }) => time }))
  expect(() => stream.apply('write', writeLines('out'))).toThrow(
    /step "write\/by shard" groups an unbounded collection in the global window.*[^]*write-lines\.test\.ts/,
  )
  expect(() => windowed().apply('write', writeLines('out'))).not.toThrow()
})

it('a large bundle is written in several parts, and only descriptions of them are kept', async () => {
  const at = folder()
  const line = 'x'.repeat(1 << 20)
  const created: string[] = []
  const env = watching((call, path) => void (call === 'create' && created.push(path)))
  const p = pipeline()
  p.create('n', [...Array(30).keys()])
    .flatMap('long', (n) => [`${n} ${line}`])
    .apply('write', writeLines(join(at, 'out.txt')))
  await run(p, { env })
  expect(readFileSync(join(at, 'out.txt'), 'utf8').length).toBe(30 * (line.length + 2) + 50)
  expect(created.filter((path) => path.includes('/part-')).length).toBe(4)
})

/** The real world, watched: called before each change of a file, and at each crash point. */
function watching(watch: (call: string, path: string) => void): Env {
  const env = nodeEnv()
  const seen =
    <A extends readonly [string, ...unknown[]], R>(call: string, run: (...args: A) => R) =>
    (...args: A): R => {
      watch(call, args[0])
      return run(...args)
    }
  return {
    ...env,
    files: {
      ...nodeFiles,
      create: seen('create', nodeFiles.create),
      rename: seen('rename', nodeFiles.rename),
      remove: seen('remove', nodeFiles.remove),
    },
    crashpoint: (name) => watch('crashpoint', name),
  }
}

const crashpoints = [
  'text.write.part',
  'text.write.shard',
  'delivery.begin',
  'text.write.commit',
  'text.write.rename',
  'text.write.committed',
  'delivery.done',
]

it('passes every crash point', async () => {
  const seen = new Set<string>()
  const env = watching((call, name) => void (call === 'crashpoint' && seen.add(name)))
  await write(numbers, join(folder(), 'out.txt'), {}, { env })
  expect([...seen]).toEqual(crashpoints)
})

it.each(crashpoints)('a run that fails at %s leaves whole files or none, and nothing else', async (point) => {
  for (const shards of [1, 3]) {
    const at = folder()
    const before = Object.fromEntries(
      shards === 1 ? [['out.txt', 'old\n']] : [0, 1, 2].map((n) => [`out-0000${n}-of-00003.txt`, 'old\n']),
    )
    for (const [name, text] of Object.entries(before)) writeFileSync(join(at, name), text)
    const env = watching((call, name) => {
      if (call === 'crashpoint' && name === point) throw new Error('power is gone')
    })
    await expect(write(numbers, join(at, 'out.txt'), { shards }, { env, bundleSize: 40 })).rejects.toThrow(
      /power is gone/,
    )
    const after = tree(at)
    expect(Object.keys(after)).toEqual(Object.keys(before))
    for (const text of Object.values(after))
      expect(text === 'old\n' || text.endsWith('9\n') || linesOf(text).length > 20).toBe(true)
    // Renamed files are whole: with all of them in place every line is there.
    if (point === 'text.write.committed' || point === 'delivery.done')
      expect(sortedLines(after)).toEqual([...numbers].sort())
    expect(readdirSync(at)).toEqual(Object.keys(before))
  }
})

it('no file is seen before it is whole', async () => {
  const at = folder()
  const seen = new Set<string>()
  const env = watching(() => {
    const visible = readdirSync(at).filter((name) => !name.startsWith('.'))
    seen.add(visible.map((name) => `${name} ${linesOf(readFileSync(join(at, name), 'utf8')).length}`).join(', '))
  })
  await write(numbers, join(at, 'out.txt'), {}, { env, bundleSize: 9 })
  expect([...seen]).toEqual(['', 'out.txt 100'])
})

it('a run that fails before its end leaves nothing, not even the folder it made', async () => {
  const at = folder()
  const p = pipeline()
  p.create('n', numbers)
    .map('fail', (line) => {
      if (line === 'line 60') throw new Error('sixty')
      return line
    })
    .apply('write', writeLines(join(at, 'new/deep/out.txt'), { shards: 2 }))
  await expect(run(p, { bundleSize: 10 })).rejects.toThrow(/sixty/)
  expect(readdirSync(at)).toEqual([])
})

it('replaces existing files, unless told not to: then nothing is even begun', async () => {
  const at = folder()
  const path = join(at, 'out.txt')
  writeFileSync(path, 'old\n')
  const p = pipeline()
  const seen: number[] = []
  p.create('n', [1])
    .map('see', (n) => seen.push(n))
    .apply('write', writeLines(path, { overwrite: false }))
  await expect(run(p)).rejects.toThrow(
    /step "write\/commit" failed in setup: file ".*out\.txt" exists.*overwrite: true/,
  )
  expect(seen).toEqual([])
  await write(['new'], path)
  expect(tree(at)).toEqual({ 'out.txt': 'new\n' })
})

it('says that a folder is no file', async () => {
  const at = folder()
  await expect(write(['x'], at)).rejects.toThrow(/step "write\/commit" failed in setup: ".*" is a folder/)
  expect(readdirSync(at)).toEqual([])
})

it('a stream that is drained has written its windows', async () => {
  const at = folder()
  const p = pipeline()
  p.apply('numbers', generateSequence({ rate: { elements: 1, per: '1 hour' }, start: 0, timestamp: (n) => n }))
    .windowInto('tens', fixedWindows(10))
    .parDo('drain at 25', {
      output: typed<number>(),
      process(n, { emit }) {
        if (n === 25) running.drain()
        if (n < 25) emit(n)
      },
    })
    .apply('write', writeLines(join(at, 'out')))
  const running = start(p, { bundleSize: 5 })
  expect((await running.result).state).toBe('DRAINED')
  expect(Object.values(tree(at)).map((text) => linesOf(text).length)).toEqual([10, 10, 5])
})

it('a run that is cancelled leaves nothing', async () => {
  const at = folder()
  const abort = new AbortController()
  const p = pipeline()
  p.create('n', numbers)
    .map('stop', async (line) => {
      abort.abort()
      return line
    })
    .apply('write', writeLines(join(at, 'out.txt')))
  expect((await run(p, { signal: abort.signal })).state).toBe('CANCELLED')
  expect(existsSync(join(at, 'out.txt'))).toBe(false)
  expect(readdirSync(at)).toEqual([])
})

it.each([
  ['', {}, /needs the path of a file, but got ""/],
  ['out/', {}, /needs the path of a file/],
  [5, {}, /needs the path of a file, but got 5/],
  [
    'out.gz',
    { compression: 'none' },
    /"out\.gz" is the name of a gzip file, and writeLines writes it with compression: 'none'/,
  ],
  ['out', { suffix: '.txt.br', compression: 'gzip' }, /"out\.txt\.br" is the name of a brotli file/],
  ['out', { compression: 'zip' }, /compression of writeLines is "zip"; it must be one of auto, none, gzip, brotli/],
  ['out', { shards: 0 }, /shards of writeLines must be a whole number from 1, but is 0/],
  ['out', { header: 1 }, /header of writeLines must be text, but is 1/],
  ['out', { suffix: 'a/b' }, /suffix of writeLines is the end of a file's name/],
  ['out', { suffix: 'a\0b' }, /suffix of writeLines is the end of a file's name/],
  ['a\0b', {}, /needs the path of a file, but got "a\\u0000b"/],
  ['a\uD800b', {}, /needs the path of a file, but got "a\\ud800b"/],
  ['out', { header: '\uDC00' }, /header of writeLines has a lone surrogate, which UTF-8 cannot hold: "\\udc00"/],
])('refuses writeLines(%j, %j) while the pipeline is built', (path, options, message) => {
  expect(() => writeLines(path as never, options as never)).toThrow(message)
  expect(() => writeLines(path as never, options as never)).toThrow(/\n {2}at .*write-lines\.test\.ts:\d+:\d+$/)
})

describe('two writes of one pipeline', () => {
  const hourly = (p: Pipeline, name: string) =>
    p.create(name, ['x']).windowInto(`${name} hours`, fixedWindows('1 hour'))
  type Write = (p: Pipeline) => unknown
  const to = (name: string, path: string, options: WriteLinesOptions = {}): Write => {
    return (p) => p.create(`${name} values`, ['x']).apply(name, writeLines(path, options))
  }

  it.each<[string, Write, Write]>([
    ['to one path', to('a', 'out/x.csv'), to('b', 'out/x.csv')],
    ['to one path by its suffix', to('a', 'out/x.csv'), to('b', 'out/x', { suffix: '.csv' })],
    ['to one path in shards', to('a', 'out/x.csv', { shards: 3 }), to('b', 'out/x.csv', { shards: 3 })],
    ['to one path in windows', (p) => hourly(p, 'm').apply('a', writeLines('x')), (p) => hourly(p, 'n').apply('b', writeLines('x'))], // prettier-ignore
    ['in a scope', to('a', 'x'), (p) => p.apply('b', (q) => q.create('n', ['x']).apply('c', writeLines('x')))],
  ])('are refused: %s', (_, first, second) => {
    const p = pipeline()
    first(p)
    expect(() => second(p)).toThrow(
      /^step "b(\/c)?" writes to "(out\/)?x(\.csv)?", and so does step "a": one would replace the files of the other\. Give each a path of its own, or .*\n {2}at .*write-lines\.test\.ts/,
    )
    expect(() => second(pipeline())).not.toThrow()
  })

  it.each<[string, Write, Write]>([
    ['to different paths', to('a', 'x.csv'), to('b', 'y.csv')],
    ['with different ends', to('a', 'x', { suffix: '.csv' }), to('b', 'x', { suffix: '.txt' })],
    ['in different shards', to('a', 'x.csv', { shards: 3 }), to('b', 'x.csv', { shards: 4 })],
    ['for all time and for each hour', to('a', 'x'), (p) => hourly(p, 'n').apply('b', writeLines('x'))],
  ])('are fine %s', (_, first, second) => {
    const p = pipeline()
    first(p)
    expect(() => second(p)).not.toThrow()
  })
})

it('files of an earlier write with more shards stay', async () => {
  const at = folder()
  await write(numbers, join(at, 'out.txt'), { shards: 3 })
  await write(numbers, join(at, 'out.txt'), { shards: 2 })
  expect(Object.keys(tree(at))).toEqual([0, 1].map((i) => `out-0000${i}-of-00002.txt`).concat([0, 1, 2].map((i) => `out-0000${i}-of-00003.txt`)).sort()) // prettier-ignore
})

it.each(ways)('a lone surrogate is refused, not replaced, and nothing is left: %j', async (way) => {
  const at = folder()
  await expect(write(['fine \u{1F40B}', 'a\uD800b'], join(at, 'out.txt'), {}, way)).rejects.toThrow(
    /step "write\/parts" failed in .*lone surrogate at index 1/,
  )
  expect(readdirSync(at)).toEqual([])
  // Inside a value JSON has a way to write it.
  await write([{ text: 'a\uD800b' }], join(at, 'out.ndjson'))
  expect(tree(at)).toEqual({ 'out.ndjson': '{"text":"a\\ud800b"}\n' })
})

it('a device or a pipe is not replaced by a file', async () => {
  const at = folder()
  const status: typeof nodeFiles.status = (path) =>
    path.endsWith('null') ? { kind: 'other', size: 0, id: '0', modified: 0 } : nodeFiles.status(path)
  const env: Env = { ...nodeEnv(), files: { ...nodeFiles, status } }
  await expect(write(['x'], join(at, 'null'), {}, { env })).rejects.toThrow(
    /step "write\/commit" failed in setup: ".*null" is neither a file nor a folder, and is not replaced/,
  )
  expect(readdirSync(at)).toEqual([])
})

const failing = (code: string): never => {
  throw new Error(`${code}: from the system`)
}
it.each<[string, Partial<typeof nodeFiles>]>([
  ['ENOSPC', { create: (path) => ({ ...nodeFiles.create(path), write: () => failing('ENOSPC') }) }],
  ['EACCES', { create: () => failing('EACCES') }],
  ['ENOTDIR', { status: () => failing('ENOTDIR') }],
  ['EXDEV', { rename: () => failing('EXDEV') }],
])('says which file cannot be written, and leaves nothing: %s', async (code, calls) => {
  const at = folder()
  const env: Env = { ...nodeEnv(), files: { ...nodeFiles, ...calls } }
  await expect(write(['x'], join(at, 'out.txt'), {}, { env })).rejects.toThrow(
    new RegExp(
      `step "write/\\w+" failed in \\w+: cannot write ".*out\\.txt": ${code}: from the system\\. .*be written to`,
    ),
  )
  expect(readdirSync(at)).toEqual([])
})

it('says so where there are no files', async () => {
  const env: Env = { ...nodeEnv(), files: undefined }
  await expect(write(['x'], 'out', {}, { env })).rejects.toThrow(
    /step "write\/.*" needs files, and this platform has none/,
  )
})

it.each([false, true])(
  'reading, counting and writing name codecs wherever something is stored (strict: %s)',
  async (strict) => {
    const at = folder()
    writeFileSync(join(at, 'in.txt'), 'to\nbe\nto\n')
    const p = pipeline()
    p.apply('read', readLines(join(at, 'in.txt')))
      .countPerElement('count')
      .map('row', ({ key, value }) => `${key} ${value}`, { codec: t.string })
      .apply('write', writeLines(join(at, 'out.txt'), { shards: 2 }))
    await run(p, { requireCodecs: true, strict, ...(strict ? { seed: 1 } : {}) })
    const { 'in.txt': _, ...written } = tree(at)
    expect(Object.values(written).join('').split('\n').sort()).toEqual(['', 'be 1', 'to 2'])
  },
)
