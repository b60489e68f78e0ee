import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import {
  fixedWindows,
  type PCollection,
  type Pipeline,
  pipeline,
  run,
  type RunningPipeline,
  type RunOptions,
  start,
  TIMESTAMP_MIN,
  watermarks,
} from 'millrace'
import { nodeEnv, nodeFiles } from '../../runners/direct/node.js'
import { readFiles, readLines, spool, type SpoolOptions, watchFiles, writeLines } from 'millrace/io/text'

const root = mkdtempSync(join(tmpdir(), 'millrace-spool-'))
afterAll(() => rmSync(root, { recursive: true }))

let folders = 0
const folder = (): string => {
  const path = join(root, String(folders++))
  mkdirSync(path)
  return path
}

interface Watched {
  readonly lines: string[]
  readonly running: RunningPipeline
  come(count: number): Promise<readonly string[]>
  drain(): Promise<readonly string[]>
}

function watched(read: (p: Pipeline) => PCollection<string>, way: RunOptions = {}): Watched {
  const lines: string[] = []
  const p = pipeline()
  p.apply('read', read).map('seen', (line) => {
    if (line === 'bad') throw new Error('cannot be written')
    lines.push(line)
  })
  const running = start(p, way)
  // Who looks at the result sees the failure too.
  running.result.catch(() => undefined)
  onTestFinished(async () => {
    running.cancel()
    await running.result.catch(() => undefined)
  })
  return {
    lines,
    running,
    come: async (count) => {
      await expect.poll(() => lines.length, { interval: 2, timeout: 5000 }).toBeGreaterThanOrEqual(count)
      return lines
    },
    drain: async () => {
      running.drain()
      await running.result
      return lines
    },
  }
}

const fast: SpoolOptions = { interval: 5, settle: 0 }
const aWhile = (millis = 60): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const ways: readonly RunOptions[] = [
  {},
  { bundleSize: 1 },
  { strict: true, seed: 3, stageCompiler: 'closures' },
  { guarantee: 'at-least-once', bundleSize: 2 },
]

it.each(ways)('reads each file that is there or comes, once, packed ones too: %j', async (way) => {
  const at = folder()
  writeFileSync(join(at, 'a.txt'), '1\n2\n3\n')
  writeFileSync(join(at, '.hidden'), 'no\n')
  mkdirSync(join(at, 'folder'))
  const { come, drain } = watched(readLines(spool(at, fast)), way)
  await come(3)
  writeFileSync(join(at, 'b.gz.tmp'), '')
  unlinkSync(join(at, 'b.gz.tmp'))
  writeFileSync(join(root, 'elsewhere'), gzipSync('4\n5\n'))
  renameSync(join(root, 'elsewhere'), join(at, 'b.gz'))
  writeFileSync(join(at, 'empty.txt'), '')
  await come(5)
  await aWhile()
  expect([...(await drain())].sort()).toEqual(['1', '2', '3', '4', '5'])
})

it('a file that is still written to is waited for', async () => {
  const at = folder()
  const { lines, come } = watched(readLines(spool(at, { interval: 5, settle: 100 })))
  const path = join(at, 'slow.txt')
  for (let i = 0; i < 6; i++) {
    appendFileSync(path, `${i}\n`)
    await aWhile(30)
    expect(lines).toEqual([])
  }
  expect(await come(6)).toEqual(['0', '1', '2', '3', '4', '5'])
})

it('a file with a marker is read when the marker is there; both go together', async () => {
  const at = folder()
  const done = join(folder(), 'done')
  const { lines, come, drain } = watched(
    readLines(spool(at, { interval: 5, marker: '.done', after: { moveTo: done } })),
    { guarantee: 'at-least-once' },
  )
  writeFileSync(join(at, 'a.txt'), 'a\n')
  await aWhile()
  expect(lines).toEqual([])
  writeFileSync(join(at, 'a.txt.done'), '')
  await come(1)
  await expect.poll(() => readdirSync(at)).toEqual([])
  expect(readdirSync(done)).toEqual(['a.txt'])
  // The same name again is another file, and does not replace the first.
  writeFileSync(join(at, 'a.txt'), 'again\n')
  writeFileSync(join(at, 'a.txt.done'), '')
  await come(2)
  await expect.poll(() => readdirSync(done)).toEqual(['a-1.txt', 'a.txt'])
  expect(await drain()).toEqual(['a', 'again'])
  expect(readFileSync(join(done, 'a.txt'), 'utf8')).toBe('a\n')
})

it('deletes a file once everything that became of it is written, and leaves one whose lines failed', async () => {
  const at = folder()
  writeFileSync(join(at, '1.txt'), 'a\nb\n')
  writeFileSync(join(at, '2.txt'), 'c\nbad\nd\n')
  const read = readLines(spool(at, { ...fast, after: 'delete' }))
  const first = watched(read, { guarantee: 'at-least-once', bundleSize: 1 })
  await expect(first.running.result).rejects.toThrow(/cannot be written/)
  expect(readdirSync(at)).toEqual(['2.txt'])
  writeFileSync(join(at, '2.txt'), 'c\ngood\nd\n')
  const second = watched(read, { guarantee: 'at-least-once', bundleSize: 1 })
  expect(await second.come(3)).toEqual(['c', 'good', 'd'])
  await expect.poll(() => readdirSync(at)).toEqual([])
})

it('with the default guarantee a file goes when all of it has been read', async () => {
  const at = folder()
  writeFileSync(join(at, '1.txt'), Array.from({ length: 50 }, (_, i) => `${i}\n`).join(''))
  const atEnd: number[] = []
  const p = pipeline()
  let seen = 0
  p.apply('read', readLines(spool(at, { ...fast, after: 'delete' }))).map('seen', () => {
    seen++
    if (!existsSync(join(at, '1.txt'))) atEnd.push(seen)
  })
  const running = start(p, { bundleSize: 7 })
  await expect.poll(() => readdirSync(at)).toEqual([])
  running.drain()
  await running.result
  expect({ seen, atEnd }).toEqual({ seen: 50, atEnd: [] })
})

it('a file that was written to while it was read is not deleted, and read again', async () => {
  const at = folder()
  const path = join(at, 'a.txt')
  writeFileSync(path, 'a\n')
  const lines: string[] = []
  const p = pipeline()
  p.apply('read', readLines(spool(at, { ...fast, after: 'delete' }))).map('seen', (line) => {
    lines.push(line)
    if (lines.length === 1) appendFileSync(path, 'b\n')
  })
  const running = start(p, { guarantee: 'at-least-once' })
  await expect.poll(() => lines, { timeout: 5000 }).toEqual(['a', 'a', 'b'])
  await expect.poll(() => readdirSync(at)).toEqual([])
  running.drain()
  await running.result
})

it('a move that fails is told, and the file stays with its marker', async () => {
  const at = folder()
  const moveTo = join(at, '.taken')
  const { come, drain } = watched(readLines(spool(at, { interval: 5, marker: '.done', after: { moveTo } })))
  await expect.poll(() => existsSync(moveTo)).toBe(true)
  await aWhile()
  rmSync(moveTo, { recursive: true })
  writeFileSync(moveTo, '')
  writeFileSync(join(at, 'a.txt'), 'a\n')
  writeFileSync(join(at, 'a.txt.done'), '')
  await come(1)
  await aWhile()
  expect(await drain()).toEqual(['a'])
  expect(readdirSync(at)).toEqual(['.taken', 'a.txt', 'a.txt.done'])
})

it('a folder that files cannot be moved to fails the run before anything is read', async () => {
  const at = folder()
  writeFileSync(join(at, 'a.txt'), 'a\n')
  writeFileSync(join(at, '.taken'), '')
  const taken = watched(readLines(spool(at, { ...fast, after: { moveTo: join(at, '.taken') } })))
  await expect(taken.running.result).rejects.toThrow(/spool cannot move files from ".*" to ".*\.taken": EEXIST/)
  const elsewhere: typeof nodeFiles = {
    ...nodeFiles,
    rename: () => {
      throw new Error('EXDEV: cross-device link not permitted')
    },
  }
  const read = readLines(spool(at, { ...fast, after: { moveTo: join(at, 'done') } }))
  const far = watched(read, { env: { ...nodeEnv(), files: elsewhere } })
  await expect(far.running.result).rejects.toThrow(/EXDEV.*Give after\.moveTo a folder of the same file system/)
  expect([...taken.lines, ...far.lines]).toEqual([])
  expect(readdirSync(at)).toEqual(['.taken', 'a.txt', 'done'])
})

it.each(['**/*.txt', '**', '*/*.txt'])('files that were moved to where %s fits are not read again', async (pattern) => {
  const at = folder()
  const moveTo = join(at, '.', 'processed')
  mkdirSync(join(at, 'in'))
  writeFileSync(join(at, 'in', 'a.txt'), 'a\n')
  const { come, drain } = watched(readLines(spool(at, { ...fast, pattern, after: { moveTo } })))
  await come(1)
  await expect.poll(() => existsSync(join(moveTo, 'a.txt'))).toBe(true)
  await aWhile()
  writeFileSync(join(at, 'in', 'b.txt'), 'b\n')
  await come(2)
  await expect.poll(() => existsSync(join(moveTo, 'b.txt'))).toBe(true)
  await aWhile()
  expect(await drain()).toEqual(['a', 'b'])
  expect(readdirSync(moveTo)).toEqual(['a.txt', 'b.txt'])
})

it('records that are older than their file go into their own windows', async () => {
  const at = folder()
  const out = folder()
  const day = (n: number): number => Date.UTC(2026, 0, n)
  writeFileSync(join(at, 'a.txt'), `${day(3)}\n${day(1)}\n`)
  const p = pipeline()
  p.apply(
    'read',
    readLines(
      spool(at, {
        ...fast,
        timestamp: () => TIMESTAMP_MIN,
        watermark: watermarks.wallClock({ delay: 86_400_000_000 }),
      }),
    ),
  )
    .withTimestamps('times', (line) => Number(line))
    .windowInto('days', fixedWindows('1 day'))
    .apply('write', writeLines(join(out, '{window.start|yyyy-MM-dd}.txt')))
    .collect('written')
  const running = start(p)
  await expect.poll(() => running.progress().elements).toBeGreaterThan(3)
  running.drain()
  await running.result
  expect(readdirSync(out)).toEqual(['2026-01-01.txt', '2026-01-03.txt'])
})

it.each([
  [{ settle: 5, marker: '.done' }, /both marker and settle/],
  [{ marker: 'a/b' }, /option marker of spool is the end of a file's name/],
  [{ after: 'move' as never }, /option after of spool is 'keep', 'delete' or \{ moveTo: folder \}/],
  [{ after: { moveTo: '' } }, /option after of spool/],
  [{ after: { moveTo: 'x' } }, /moves files to "x", which is the folder that they are found in/],
  [{ after: { moveTo: './x/' }, pattern: '**/*.txt' }, /they would be read again and again/],
  [{ after: { moveTo: 'x/a' }, pattern: 'a/*.txt' }, /Give moveTo another folder/],
  [{ pattern: '/etc/*' }, /pattern below the folder/],
  [{ every: 5 } as never, /option "every".*spool/],
  [{ timestamp: () => 1 }, /it must be said how disordered they are/],
])('refuses %j', (options, message) => {
  expect(() => spool('x', options)).toThrow(message)
})

it('watched files are emitted once, and again when their name was gone', async () => {
  const at = folder()
  writeFileSync(join(at, 'a.log'), 'a\n')
  const { come, drain } = watched((p) =>
    p.apply('watch', watchFiles(join(at, '*.log'), { interval: 5, settle: 0 })).apply('lines', readFiles()),
  )
  await come(1)
  appendFileSync(join(at, 'a.log'), 'not seen\n')
  writeFileSync(join(at, 'a.txt'), 'no\n')
  await aWhile()
  writeFileSync(join(at, 'b.log'), 'b\n')
  await come(2)
  unlinkSync(join(at, 'a.log'))
  await aWhile()
  writeFileSync(join(at, 'a.log'), 'c\n')
  await come(3)
  expect(await drain()).toEqual(['a', 'b', 'c'])
})

it('watched files count two seconds after their last change, when nothing is said', async () => {
  const at = folder()
  const path = join(at, 'a.log')
  writeFileSync(path, 'a\n')
  const begun = Date.now()
  const { lines, come } = watched((p) =>
    p.apply('watch', watchFiles(path, { interval: 5 })).apply('lines', readFiles()),
  )
  await aWhile(500)
  appendFileSync(path, 'b\n')
  await aWhile(500)
  expect(lines).toEqual([])
  expect(await come(2)).toEqual(['a', 'b'])
  expect(Date.now() - begun).toBeGreaterThan(2400)
})

it('watched files that change are emitted again when asked for', async () => {
  const at = folder()
  writeFileSync(join(at, 'a.log'), '1\n')
  const { come } = watched((p) =>
    p
      .apply('watch', watchFiles(join(at, '*'), { interval: 5, settle: 0, changed: 'again' }))
      .map('describe', ({ path, size }) => `${path.slice(at.length + 1)} ${size}`),
  )
  await come(1)
  appendFileSync(join(at, 'a.log'), '2\n')
  expect(await come(2)).toEqual(['a.log 2', 'a.log 4'])
})

it.each(ways.slice(0, 3))('lines of named files are read in ranges: %j', async (way) => {
  const at = folder()
  const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`)
  writeFileSync(join(at, 'a.txt'), lines.join('\n'))
  writeFileSync(join(at, 'b.txt.gz'), gzipSync('x\n'))
  const p = pipeline()
  p.create('names', [join(at, 'a.txt'), join(at, 'b.txt.gz')])
    .apply('read', readFiles())
    .collect('lines')
  const result = await run(p, way)
  expect([...result.collect<string>('lines')].sort()).toEqual([...lines, 'x'].sort())
})

it('what names no file is an error', async () => {
  const p = pipeline()
  p.create('names', [5 as unknown as string]).apply('read', readFiles())
  await expect(run(p)).rejects.toThrow(/step "read\/files" failed in process: 5 names no file\. readFiles takes paths/)
})
