import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  type FileHandle,
  type FileStatus,
  type FileSystem,
  OffsetRangeTracker,
  pipeline,
  run,
  type RunOptions,
} from 'millrace'
import { readLines, type ReadLinesOptions } from 'millrace/io/text'
import { nodeEnv } from '../../runners/direct/node.js'
import { type LineAt, LineReader } from './line-reader.js'

/** Files in memory; reads are as short as `shortRead` says, so that block borders fall anywhere. */
function memoryFiles(contents: Readonly<Record<string, Uint8Array>>, shortRead = (): number => Infinity): FileSystem {
  const bytesOf = (path: string): Uint8Array => {
    const bytes = contents[path]
    if (bytes === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`)
    return bytes
  }
  const statusOf = (path: string): FileStatus => ({
    kind: 'file',
    size: bytesOf(path).length,
    id: path,
    modified: 0,
  })
  const refuse = (): never => {
    throw new Error('these files are only read')
  }
  return {
    status: (path) => (contents[path] === undefined ? undefined : statusOf(path)),
    glob: (pattern) => (contents[pattern] === undefined ? [] : [pattern]),
    list: refuse,
    openForReading: (path): FileHandle => ({
      read(target, offset, length, position) {
        const count = Math.max(0, Math.min(length, shortRead(), bytesOf(path).length - position))
        target.set(bytesOf(path).subarray(position, position + count), offset)
        return count
      },
      write: refuse,
      sync: refuse,
      status: () => statusOf(path),
      close: () => undefined,
    }),
    create: refuse,
    rename: refuse,
    remove: refuse,
    makeFolder: refuse,
    removeFolder: refuse,
    syncFolder: refuse,
  }
}

/** What reading must give: the law, written down by itself. */
function plainSplit(text: string): readonly string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

const encoder = new TextEncoder()
const options = { maxLineBytes: 1 << 20, invalidUtf8: 'replace', as: 'text', limitName: 'maxLineBytes' } as const

/** Texts in which everything that matters about lines is frequent. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom('\n', '\r\n', '\r', '', 'a', 'ab c', 'é', '€', '𝄞', '\uFEFF', 'a much longer piece of text'),
      fc.string({ unit: 'binary', maxLength: 5 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))

it('ranges of a file give each line once, wherever they are cut and whatever bundles they are read in', () => {
  const cases = fc.record({
    text,
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
    room: fc.integer({ min: 1, max: 12 }),
    short: fc.integer({ min: 1, max: 9 }),
    maxLineBytes: fc.constantFrom(1 << 20, 1000),
  })
  fc.assert(
    fc.property(cases, ({ text, cuts, room, short, maxLineBytes }) => {
      const bytes = encoder.encode(text)
      const files = memoryFiles({ f: bytes }, () => short)
      const borders = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b), bytes.length]
      const lines: string[] = []
      borders.slice(1).forEach((to, i) => {
        let range = { from: borders[i] as number, to }
        const file = { path: 'f', size: bytes.length, compression: 'none' } as const
        let reader = new LineReader(files, file, range.from, { ...options, maxLineBytes })
        // As a runner does: take the rest away once the bundle is full, and come back for it, now and then as another worker.
        for (let bundle = 0; ; bundle++) {
          const tracker = new OffsetRangeTracker(range)
          let left = room
          let rest: typeof range | undefined
          const emit = (line: string): void => {
            lines.push(line)
            if (--left === 0) rest = tracker.trySplit(0)
          }
          void reader.read(tracker, { room: () => Math.max(1, left), emit: emit })
          tracker.checkDone()
          if (rest === undefined) break
          range = rest
          if (bundle % 3 === 2 || !reader.isAt(range.from)) {
            reader = new LineReader(files, file, range.from, { ...options, maxLineBytes })
          }
        }
      })
      expect(lines).toEqual(plainSplit(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)))
    }),
    { numRuns: 1000 },
  )
})

it('offsets are those of the first byte of each line', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 5 }), (text, short) => {
      const bytes = encoder.encode(text)
      const file = { path: 'f', size: bytes.length, compression: 'none' } as const
      const files = memoryFiles({ f: bytes }, () => short)
      const found: LineAt[] = []
      const reader = new LineReader(files, file, 0, { ...options, as: 'place' })
      const emit = (line: LineAt): void => void found.push(line)
      void reader.read(new OffsetRangeTracker({ from: 0, to: bytes.length }), {
        room: () => 3,
        emit: emit,
      })
      for (const { line, offset } of found) {
        const before = bytes.subarray(0, offset)
        expect(before.length === 0 || before.at(-1) === 10).toBe(true)
        const rest = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(offset))
        expect((offset === 0 ? rest.replace(/^\uFEFF/, '') : rest).startsWith(line)).toBe(true)
      }
      expect(found.length).toBe(plainSplit(text).length)
    }),
    { numRuns: 500 },
  )
})

it('a packed file can be taken up anywhere, by unpacking it again', async () => {
  const text = Array.from({ length: 200 }, (_, i) => `${'ä'.repeat(i % 7)}${i}${i % 5 === 0 ? '\r\n' : '\n'}`).join('')
  const bytes = encoder.encode(text)
  const packed = gzipSync(bytes)
  const files = memoryFiles({ f: packed }, () => 50)
  const file = { path: 'f', size: packed.length, compression: 'gzip' } as const
  const linesFrom = async (from: number): Promise<readonly string[]> => {
    const lines: string[] = []
    const emit = (line: string): void => void lines.push(line)
    const reader = new LineReader(files, file, from, options)
    await reader.read(new OffsetRangeTracker({ from, to: Number.MAX_SAFE_INTEGER }), { room: () => 9, emit })
    reader.close()
    return lines
  }
  const starts = [0, ...[...bytes.keys()].filter((at) => bytes[at] === 10).map((at) => at + 1)]
  for (let from = 0; from < bytes.length + 2; from += 13) {
    expect(await linesFrom(from)).toEqual(plainSplit(text).filter((_, i) => (starts[i] as number) >= from))
  }
})

/** Every way to cut bundles, on both stage compilers. */
const ways: readonly RunOptions[] = [
  { bundleSize: 1, stageCompiler: 'generated' },
  { bundleSize: 7, stageCompiler: 'closures' },
  { bundleSize: 1_000_000 },
  { strict: true, seed: 1 },
  { strict: true, seed: 2, bundleSize: 3, stageCompiler: 'closures' },
]

async function linesOf(text: string, way: RunOptions, reading: ReadLinesOptions = {}): Promise<readonly string[]> {
  const p = pipeline()
  p.apply('read', readLines('f', reading)).collect('lines')
  const files = memoryFiles({ f: encoder.encode(text) }, () => 100_000)
  return (await run(p, { ...way, env: { ...nodeEnv(), files } })).collect('lines')
}

it.each(ways)('a text of several blocks with mixed line ends is read whole: %j', async (way) => {
  const size = way.bundleSize === 1 ? 3_000 : 40_000
  const text = Array.from(
    { length: size },
    (_, i) => `${'é€𝄞x'.repeat(i % 23)}${i}${i % 3 === 0 ? '\r\n' : '\n'}`,
  ).join('')
  const lines = await linesOf(text, way)
  // Strict mode reads the parts of a file in any order.
  const inOrder = (all: readonly string[]): readonly string[] => (way.strict === true ? [...all].sort() : all)
  // Compared as one text: a difference of many lines takes minutes to print.
  expect(inOrder(lines).join('\n') === inOrder(plainSplit(text)).join('\n')).toBe(true)
})

it.each(['', '\n', '\r\n', '\uFEFF', '\uFEFF\n', 'a', 'a\n', '\na', 'a\r', '\ra\r\nb', '\n\n\n', 'a\r\r\n'])(
  'the lines of %j are those of a plain split',
  async (text) => expect(await linesOf(text, {})).toEqual(plainSplit(text)),
)
