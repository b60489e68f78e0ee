import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, expectTypeOf, it } from 'vitest'
import { type Env, type PCollection, pipeline, run, type RunOptions } from 'millrace'
import { type LineAt, readLines, type ReadLinesOptions } from 'millrace/io/text'
import { nodeEnv, nodeFiles } from '../../runners/direct/node.js'

const root = mkdtempSync(join(tmpdir(), 'millrace-read-'))
afterAll(() => rmSync(root, { recursive: true }))

let folders = 0
function folder(files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = join(root, String(folders++))
  mkdirSync(path)
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  return path
}

async function read(
  patterns: string | readonly string[],
  options: ReadLinesOptions = {},
  way: RunOptions = {},
): Promise<readonly string[]> {
  const p = pipeline()
  p.apply('read', readLines(patterns, options)).collect('lines')
  return [...(await run(p, way)).collect<string>('lines')].sort()
}

const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 7, stageCompiler: 'closures' },
  { bundleSize: 1_000_000 },
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 3, stageCompiler: 'closures' },
]

it.each(ways)('reads every file that fits a pattern, plain or packed: %j', async (way) => {
  const at = folder({
    'a.txt': 'a1\na2\n',
    'sub/b.txt': 'b1\r\nb2',
    'sub/c.txt.gz': gzipSync('c1\nc2\n'),
    'd.log': 'd1\n',
    'empty.txt': '',
  })
  expect(await read(join(at, '**/*.{txt,gz}'), {}, way)).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2'])
  expect(await read([join(at, 'd.log'), join(at, '*.txt')], {}, way)).toEqual(['a1', 'a2', 'd1'])
})

it('takes a file whose name looks like a pattern by its name', async () => {
  const at = folder({ 'data[1].txt': 'right', 'data1.txt': 'wrong' })
  expect(await read(join(at, 'data[1].txt'))).toEqual(['right'])
})

it('the paths of an absolute pattern are absolute, those of a relative one relative', async () => {
  const at = folder({ 'a.txt': 'a' })
  const nearby = relative(process.cwd(), at)
  for (const pattern of [`${at}/*.txt`, `${nearby}/*.txt`]) {
    const p = pipeline()
    p.apply('read', readLines(pattern, { withPosition: true })).collect('lines')
    const [line] = (await run(p)).collect<LineAt>('lines')
    expect(line?.file.startsWith('/')).toBe(pattern.startsWith('/'))
    expect(line?.line).toBe('a')
  }
})

it('elements are lines, or lines with their places, as the options say', () => {
  const p = pipeline()
  expectTypeOf(p.apply('a', readLines('a'))).toEqualTypeOf<PCollection<string>>()
  expectTypeOf(p.apply('b', readLines('b', { maxLineBytes: 5 }))).toEqualTypeOf<PCollection<string>>()
  expectTypeOf(p.apply('c', readLines('c', { withPosition: true }))).toEqualTypeOf<PCollection<LineAt>>()
  const either = { withPosition: 1 > 0 }
  expectTypeOf(p.apply('d', readLines('d', either))).toEqualTypeOf<PCollection<string | LineAt>>()
})

it('gives the place of a line on request', async () => {
  const at = folder({ 'a.txt': 'one\r\ntwö\n\nfour' })
  const p = pipeline()
  const path = join(at, 'a.txt')
  p.apply('read', readLines(path, { withPosition: true })).collect('lines')
  expect((await run(p)).collect<LineAt>('lines')).toEqual([
    { line: 'one', file: path, offset: 0 },
    { line: 'twö', file: path, offset: 5 },
    { line: '', file: path, offset: 10 },
    { line: 'four', file: path, offset: 11 },
  ])
})

const many = Array.from({ length: 20_000 }, (_, i) => `line ${i} ${'x'.repeat(i % 50)}`)

it.each(ways)('a packed file is read on from bundle to bundle: %j', async (way) => {
  const lines = way.bundleSize === 1 ? many.slice(0, 500) : many
  const at = folder({ 'a.gz': gzipSync(lines.join('\n')) })
  expect(await read(join(at, 'a.gz'), {}, way)).toEqual([...lines].sort())
})

it('a packed file is opened once, also when its last line fills a bundle', async () => {
  const at = folder({ 'a.gz': gzipSync('1\n2\n3\n4\n') })
  let opened = 0
  const env: Env = {
    ...nodeEnv(),
    files: {
      ...nodeFiles,
      openForReading: (path) => {
        opened++
        return nodeFiles.openForReading(path)
      },
    },
  }
  expect(await read(join(at, 'a.gz'), { compression: 'gzip' }, { env, bundleSize: 2 })).toHaveLength(4)
  expect(opened).toBe(1)
})

it('knows packed files by their first bytes, and joins their members', async () => {
  const at = folder({ 'a.log': Buffer.concat([gzipSync('one\ntw'), gzipSync('o\n')]) })
  expect(await read(join(at, 'a.log'))).toEqual(['one', 'two'])
})

it('compression: none takes the bytes as they are', async () => {
  const at = folder({ 'a.gz': 'no gzip\n' })
  expect(await read(join(at, 'a.gz'), { compression: 'none' })).toEqual(['no gzip'])
})

it('bytes that are not UTF-8 are replaced, or refused by file and offset', async () => {
  const at = folder({ 'a.txt': Buffer.from([...Buffer.from('fine \uFFFD\nbad '), 0xff, 10]) })
  const path = join(at, 'a.txt')
  expect(await read(path)).toEqual(['bad \uFFFD', 'fine \uFFFD'])
  await expect(read(path, { invalidUtf8: 'error' })).rejects.toThrow(
    /step "read\/lines" failed in process: line at .*a\.txt:\d+ \(byte 9\) is not valid UTF-8/,
  )
})

it('says which file or pattern is not there, and how to allow it', async () => {
  const at = folder({})
  await expect(read(join(at, 'a.txt'))).rejects.toThrow(
    /step "read\/files" failed in process: there is no file ".*a\.txt".*emptyMatch: 'allow'[^]*written at: .*read-lines\.test\.ts/,
  )
  await expect(read(join(at, '*.txt'))).rejects.toThrow(/no file matches ".*\*\.txt"/)
  expect(await read([join(at, 'a.txt'), join(at, '*.txt')], { emptyMatch: 'allow' })).toEqual([])
})

it('says that a folder is no file', async () => {
  const at = folder({ 'a.txt': 'a' })
  await expect(read(at)).rejects.toThrow(/" is a folder\. Give a pattern for the files in it, such as ".*\/\*"/)
})

it.each(['auto', 'none'] as const)(
  'a file that hides its size is not taken for an empty one: %s',
  async (compression) => {
    const at = folder({ 'a.txt': 'a\n', 'empty.txt': '' })
    const status: typeof nodeFiles.status = (path) =>
      path.endsWith('a.txt') ? { kind: 'file', size: 0, id: '0', modified: 0 } : nodeFiles.status(path)
    const env: Env = { ...nodeEnv(), files: { ...nodeFiles, status } }
    await expect(read(join(at, 'a.txt'), { compression }, { env })).rejects.toThrow(
      /step "read\/files" failed in process: file ".*a\.txt" says that it is empty, but there is something in it\. Copy it/,
    )
    expect(await read(join(at, 'empty.txt'), { compression }, { env })).toEqual([])
  },
)

it('says which path the system refuses', async () => {
  const at = folder({ 'a.txt': 'a' })
  await expect(read(join(at, 'a.txt/b'))).rejects.toThrow(/cannot look for ".*a\.txt\/b": ENOTDIR/)
})

it('a pattern that only folders fit is one that nothing fits', async () => {
  const at = folder({ 'sub/a.txt': 'a' })
  await expect(read(join(at, 's*'))).rejects.toThrow(/no file matches ".*s\*"/)
})

it('says which file cannot be read', async () => {
  const at = folder({ 'a.txt': 'a' })
  const openForReading = (path: string): never => {
    throw Object.assign(new Error(`EACCES: permission denied, open '${path}'`), { code: 'EACCES' })
  }
  const env: Env = { ...nodeEnv(), files: { ...nodeFiles, openForReading } }
  const reading = read(join(at, 'a.txt'), { compression: 'none' }, { env })
  await expect(reading).rejects.toThrow(/step "read\/lines".*cannot open ".*a\.txt": EACCES: permission denied/)
})

it('says at which byte reading failed', async () => {
  const at = folder({ 'a.txt': 'a\n'.repeat(2_000_000) })
  let reads = 0
  const env: Env = {
    ...nodeEnv(),
    files: {
      ...nodeFiles,
      openForReading: (path) => ({
        ...nodeFiles.openForReading(path),
        read(target, offset, length, position) {
          if (++reads > 2) throw new Error('EIO: i/o error')
          return Buffer.from('a\n'.repeat(length / 2)).copy(target, offset) + 0 * position
        },
      }),
    },
  }
  await expect(read(join(at, 'a.txt'), { compression: 'none' }, { env })).rejects.toThrow(
    /cannot read ".*a\.txt" at byte 2097152: EIO/,
  )
})

it.each([
  ['no gzip at all', Buffer.from('plain text, wrongly named'), /after 0 bytes of text: incorrect header check/],
  ['nothing', Buffer.alloc(0), /after 0 bytes of text: unexpected end of file/],
  ['half a file', gzipSync(many.join('\n')).subarray(0, 30_000), /after \d{4,} bytes of text: unexpected end of file/],
  ['more than that', Buffer.concat([gzipSync('a\n'), Buffer.from('more')]), /bytes of text: incorrect header check/],
  ['wrong bytes', gzipSync(many.join('\n')).fill(0x55, 30_000, 31_000), /after \d{4,} bytes of text: /],
])('a .gz file that holds %s is broken', async (_, content, message) => {
  const at = folder({ 'a.gz': content })
  const failure = await read(join(at, 'a.gz'), {}, { bundleSize: 100 }).catch((error: unknown) => error)
  expect(String(failure)).toMatch(/step "read\/lines" failed in process: cannot unpack ".*a\.gz"/)
  expect(String(failure)).toMatch(message)
  expect(String(failure)).toMatch(/broken or incomplete; if it is no gzip file, say compression: 'none'/)
})

it('a file that shrinks while it is read is an error, not a loss', async () => {
  const at = folder({ 'a.txt': 'a\n'.repeat(2_000_000) })
  const p = pipeline()
  let isCut = false
  p.apply('read', readLines(join(at, 'a.txt'))).map('cut', (line) => {
    if (isCut) return line
    isCut = true
    const file = openSync(join(at, 'a.txt'), 'r+')
    ftruncateSync(file, 10)
    closeSync(file)
    return line
  })
  await expect(run(p, { bundleSize: 1000 })).rejects.toThrow(
    /had 4000000 bytes and now ends at 1048576: it was changed/,
  )
})

it('a line of 100 MiB is refused soon, by file, byte and option, without holding it', async () => {
  const at = folder({
    'a.txt': 'short\n',
    'a.gz': gzipSync(Buffer.concat([Buffer.from('1\n'), Buffer.alloc(20 << 20, 'x')])),
  })
  const file = openSync(join(at, 'a.txt'), 'r+')
  ftruncateSync(file, 100 * 1024 * 1024)
  closeSync(file)
  const before = process.memoryUsage().arrayBuffers
  await expect(read(join(at, 'a.txt'))).rejects.toThrow(
    /line at .*a\.txt:2 \(byte 6\) is longer than maxLineBytes \(16777216 bytes\).*raise maxLineBytes/,
  )
  await expect(read(join(at, 'a.gz'))).rejects.toThrow(/line at .*a\.gz:2 \(byte 2\) is longer than maxLineBytes/)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(150e6)
}, 5_000)

it('maxLineBytes counts the bytes of a line without its end', async () => {
  const at = folder({ 'a.txt': 'ok\näöü\n12345\n123456' })
  const path = join(at, 'a.txt')
  expect(await read(path, { maxLineBytes: 6 })).toHaveLength(4)
  await expect(read(path, { maxLineBytes: 5 })).rejects.toThrow(/line at .*:2 \(byte 3\)/)
})

it.each([
  [undefined, {}, /needs a path, a pattern or a list of them, but got undefined/],
  [['a', ''], {}, /a list of them/],
  ['a', { maxLineBytes: 0 }, /maxLineBytes of readLines must be a whole number from 1, but is 0/],
  ['a', { compression: 'zip' }, /compression of readLines is "zip"; it must be one of auto, none, gzip/],
  ['a', { emptyMatch: true }, /emptyMatch of readLines is true/],
  ['a', { invalidUtf8: 'keep' }, /invalidUtf8 of readLines is "keep"/],
  ['a\0b', {}, /a list of them, but got "a\\u0000b"/],
  [['a\uDC00'], {}, /a list of them, but got \["a\\udc00"\]/],
])('refuses readLines(%j, %j) while the pipeline is built', (patterns, options, message) => {
  expect(() => readLines(patterns as never, options as never)).toThrow(message)
  expect(() => readLines(patterns as never, options as never)).toThrow(/\n {2}at .*read-lines\.test\.ts:\d+:\d+$/)
})

it('says so where there are no files', async () => {
  const env: Env = { ...nodeEnv(), files: undefined }
  await expect(read('a', {}, { env })).rejects.toThrow(/step "read\/files" needs files, and this platform has none/)
})
