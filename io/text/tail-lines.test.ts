import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { count, fixedWindows, pipeline, type RunningPipeline, type RunOptions, start, watermarks } from 'millrace'
import { tailLines, type TailLinesOptions, type TailPosition } from 'millrace/io/text'

const root = mkdtempSync(join(tmpdir(), 'millrace-tail-'))
afterAll(() => rmSync(root, { recursive: true }))

let files = 0
const freshPath = (): string => join(root, `log-${files++}.txt`)

/** A run that follows a file. */
interface Tail {
  readonly lines: string[]
  readonly running: RunningPipeline
  /** Waits until so many lines have come. */
  come(count: number): Promise<readonly string[]>
  drain(): Promise<readonly string[]>
}

function tail(path: string, options: TailLinesOptions = {}, way: RunOptions = {}): Tail {
  const lines: string[] = []
  const p = pipeline()
  p.apply('tail', tailLines(path, { pollEvery: 5, ...options })).map('seen', (line) => void lines.push(line))
  const running = start(p, way)
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
      expect((await running.result).state).toBe('DRAINED')
      return lines
    },
  }
}

/** Long enough for several polls. */
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60))

const ways: readonly RunOptions[] = [{}, { bundleSize: 1 }, { strict: true, seed: 3, stageCompiler: 'closures' }]

it.each(ways)('gives what is there and what comes: %j', async (way) => {
  const path = freshPath()
  writeFileSync(path, 'a\nb\r\n')
  const { come, drain } = tail(path, {}, way)
  expect(await come(2)).toEqual(['a', 'b'])
  appendFileSync(path, 'c\nd')
  expect(await come(3)).toEqual(['a', 'b', 'c'])
  appendFileSync(path, 'e\n')
  await come(4)
  expect(await drain()).toEqual(['a', 'b', 'c', 'de'])
})

it('waits for a file that does not exist yet', async () => {
  const path = freshPath()
  const { lines, come } = tail(path)
  await aWhile()
  expect(lines).toEqual([])
  writeFileSync(path, 'first\n')
  expect(await come(1)).toEqual(['first'])
})

it('a last line waits for its end, also when it comes in pieces within a character', async () => {
  const path = freshPath()
  const bytes = Buffer.from('grün\n')
  writeFileSync(path, bytes.subarray(0, 3))
  const { lines, come } = tail(path)
  await aWhile()
  expect(lines).toEqual([])
  appendFileSync(path, bytes.subarray(3))
  expect(await come(1)).toEqual(['grün'])
})

it.each(ways)('reads a renamed file to its end, then the one that has its name: %j', async (way) => {
  const path = freshPath()
  writeFileSync(path, '1\n2\n')
  const { come, drain } = tail(path, {}, way)
  await come(2)
  renameSync(path, `${path}.1`)
  // Who writes has the old file open still.
  appendFileSync(`${path}.1`, '3\n4 without an end')
  writeFileSync(path, '5\n')
  await come(5)
  expect(await drain()).toEqual(['1', '2', '3', '4 without an end', '5'])
})

it('reads on in a renamed file while there is no new one', async () => {
  const path = freshPath()
  writeFileSync(path, '1\n')
  const { come } = tail(path)
  await come(1)
  renameSync(path, `${path}.1`)
  await aWhile()
  appendFileSync(`${path}.1`, '2\n')
  expect(await come(2)).toEqual(['1', '2'])
  writeFileSync(path, '3\n')
  expect(await come(3)).toEqual(['1', '2', '3'])
})

it('notices that a file was copied and cut', async () => {
  const path = freshPath()
  writeFileSync(path, '1\n2\n3\n')
  const { come } = tail(path)
  await come(3)
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
  await aWhile()
  appendFileSync(path, '4\n')
  expect(await come(4)).toEqual(['1', '2', '3', '4'])
})

it('notices that a file was cut although it is longer already', async () => {
  const path = freshPath()
  writeFileSync(path, '1\n2\n')
  const { come } = tail(path, { pollEvery: 40 })
  await come(2)
  await aWhile()
  writeFileSync(path, 'x\ny\nz\n')
  expect(await come(5)).toEqual(['1', '2', 'x', 'y', 'z'])
})

/** Follows a file of three blocks that is cut and filled anew while the first block is under way. */
async function cutWhileBehind(fresh: string, way: RunOptions): Promise<{ lines: string[]; warnings: string[] }> {
  const path = freshPath()
  writeFileSync(path, Array.from({ length: 60_000 }, (_, i) => `old line ${i}\n`).join(''))
  const lines: string[] = []
  const warnings: string[] = []
  const ignore = (): void => undefined
  const warn = (_: object | string, message?: string): void => void warnings.push(message ?? '')
  const p = pipeline()
  p.apply('tail', tailLines(path, { pollEvery: 5 })).map('seen', (line) => {
    if (lines.push(line) === 1) writeFileSync(path, fresh)
  })
  const running = start(p, { ...way, logger: { trace: ignore, debug: ignore, info: ignore, warn, error: ignore } })
  const last = fresh.trimEnd().split('\n').at(-1)
  await expect.poll(() => lines.at(-1), { timeout: 10_000 }).toBe(last)
  running.drain()
  await running.result
  return { lines, warnings }
}

it.each([
  ['shorter', 3],
  ['longer', 90_000],
])(
  'a file that is cut while lines of it are unread, and is %s by then, loses none of the new lines',
  async (_, count) => {
    const fresh = Array.from({ length: count }, (__, i) => `new line ${i}`)
    const { lines, warnings } = await cutWhileBehind(`${fresh.join('\n')}\n`, { bundleSize: 1000 })
    expect(lines.filter((line) => line.startsWith('new'))).toEqual(fresh)
    // What was read of the old content is in order, and none of it is half a line.
    const old = lines.slice(0, -count)
    expect(old).toEqual(Array.from({ length: old.length }, (__, i) => `old line ${i}`))
    expect(old.length).toBeGreaterThan(10_000)
    expect(warnings.join()).toMatch(/was cut while at least \d+ bytes of it were not read: they are lost/)
  },
)

it('a file that is removed is waited for, or ends the source with its last line', async () => {
  const [waiting, ending] = [freshPath(), freshPath()]
  writeFileSync(waiting, 'a\n')
  writeFileSync(ending, 'a\nb without an end')
  const waits = tail(waiting)
  const ends = tail(ending, { whenDeleted: 'end' })
  await waits.come(1)
  await ends.come(1)
  unlinkSync(waiting)
  unlinkSync(ending)
  expect((await ends.running.result).state).toBe('DONE')
  expect(ends.lines).toEqual(['a', 'b without an end'])
  writeFileSync(waiting, 'again\n')
  expect(await waits.come(2)).toEqual(['a', 'again'])
})

it('begins at the end when told to, and then not within a line', async () => {
  const path = freshPath()
  writeFileSync(path, 'old\nhalf of ')
  const { come } = tail(path, { startAt: 'end' })
  await aWhile()
  appendFileSync(path, 'an old line\nnew\n')
  expect(await come(1)).toEqual(['new'])
  const whole = tail(path, { startAt: 'end' })
  await aWhile()
  appendFileSync(path, 'newer\n')
  expect(await whole.come(1)).toEqual(['newer'])
  expect(await come(2)).toEqual(['new', 'newer'])
})

it.each(ways)(
  'a file that comes after the first look is read from its beginning, also with startAt end: %j',
  async (way) => {
    const path = freshPath()
    const { lines, come } = tail(path, { startAt: 'end' }, way)
    await aWhile()
    expect(lines).toEqual([])
    writeFileSync(`${path}.new`, 'first\nsecond\n')
    renameSync(`${path}.new`, path)
    expect(await come(2)).toEqual(['first', 'second'])
  },
)

/** Follows a file until so many lines have come. @returns the position a later run may begin at. */
async function untilPosition(path: string, count: number, options: TailLinesOptions = {}): Promise<TailPosition> {
  const positions: TailPosition[] = []
  const run = tail(
    path,
    { ...options, onPosition: (position) => void positions.push(position) },
    { bundleSize: 1, guarantee: 'at-least-once' },
  )
  await run.come(count)
  await run.drain()
  // What is stored comes back as JSON.
  return JSON.parse(JSON.stringify(positions.at(-1))) as TailPosition
}

it('a run begins where another has ended', async () => {
  const path = freshPath()
  writeFileSync(path, 'a\nb\n')
  const startAt = await untilPosition(path, 2)
  expect(startAt).toMatchObject({ offset: 4 })
  appendFileSync(path, 'c\n')
  expect(await tail(path, { startAt }).come(1)).toEqual(['c'])
})

it('a run finds the file of its position under another name, and reads it to its end', async () => {
  const path = freshPath()
  writeFileSync(path, 'a\nb\n')
  const startAt = await untilPosition(path, 2)
  appendFileSync(path, 'c\n')
  renameSync(path, `${path}.1`)
  writeFileSync(path, 'd\n')
  expect(await tail(path, { startAt }).come(2)).toEqual(['c', 'd'])
})

/** The warnings of a run from a position. */
async function warningsFrom(path: string, startAt: TailPosition, count: number): Promise<string> {
  const warnings: string[] = []
  const ignore = (): void => undefined
  const warn = (_: object | string, message?: string): void => void warnings.push(message ?? '')
  const logger = { trace: ignore, debug: ignore, info: ignore, warn, error: ignore }
  const { come, drain } = tail(path, { startAt }, { logger })
  await come(count)
  await drain()
  return warnings.join('\n')
}

it('a run warns of files that came and went while nobody followed, and of nothing else', async () => {
  const path = freshPath()
  writeFileSync(path, 'a\n')
  const startAt = await untilPosition(path, 1)
  renameSync(path, `${path}.1`)
  writeFileSync(path, 'b\n')
  expect(await warningsFrom(path, startAt, 1)).toBe('')
  renameSync(`${path}.1`, `${path}.2`)
  renameSync(path, `${path}.1`)
  writeFileSync(path, 'c\n')
  expect(await warningsFrom(path, startAt, 1)).toMatch(/rotated more than once .*Read "log-\d+\.txt\.1" with readLines/)
  unlinkSync(`${path}.2`)
  expect(await warningsFrom(path, startAt, 1)).toMatch(/is gone, packed, or was cut: what was not read of it is lost/)
})

it('a position of a file that is gone, cut or another by now begins at the beginning', async () => {
  const path = freshPath()
  writeFileSync(path, 'a\nb\n')
  const startAt = await untilPosition(path, 2)
  writeFileSync(path, 'x\ny\nz\n')
  expect(await tail(path, { startAt }).come(3)).toEqual(['x', 'y', 'z'])
  writeFileSync(path, 's\n')
  expect(await tail(path, { startAt }).come(1)).toEqual(['s'])
  unlinkSync(path)
  writeFileSync(path, 'q\nb\nc\n')
  expect(await tail(path, { startAt }).come(3)).toEqual(['q', 'b', 'c'])
})

it('a position is told once what became of the lines is written, and not when that fails', async () => {
  const path = freshPath()
  writeFileSync(path, 'a\nb\nbad\nd\n')
  const positions: number[] = []
  const p = pipeline()
  p.apply('tail', tailLines(path, { pollEvery: 5, onPosition: ({ offset }) => void positions.push(offset) })).map(
    'write',
    (line) => {
      if (line === 'bad') throw new Error('no room')
      return line
    },
  )
  await expect(start(p, { bundleSize: 1, guarantee: 'at-least-once' }).result).rejects.toThrow(/no room/)
  expect(positions).toEqual([2, 4])
})

it('takes event times from lines; a quiet file lets the watermark go', async () => {
  const path = freshPath()
  writeFileSync(path, '1000 a\n1500 b\n')
  const counts: number[] = []
  const p = pipeline()
  p.apply(
    'tail',
    tailLines(path, {
      pollEvery: 5,
      timestamp: (line) => Number(line.split(' ')[0]),
      watermark: watermarks.outOfOrder(100, { idleAfter: 50 }),
    }),
  )
    .windowInto('seconds', fixedWindows(1000))
    .combineGlobally('count', count())
    .map('seen', (each) => void counts.push(each))
  const running = start(p)
  // Nothing later ever comes: only the clock can close the window.
  await expect.poll(() => counts, { timeout: 5000 }).toEqual([2])
  running.drain()
  await running.result
})

it('lines without event times have the time they were read at', async () => {
  const path = freshPath()
  const before = Date.now()
  writeFileSync(path, 'a\n')
  const times: number[] = []
  const p = pipeline()
  p.apply('tail', tailLines(path, { pollEvery: 5, withPosition: true })).parDo('seen', {
    process: ({ line, file, offset }, { timestamp }) => {
      expect({ line, file, offset }).toEqual({ line: 'a', file: path, offset: 0 })
      times.push(timestamp)
    },
  })
  const running = start(p)
  await expect.poll(() => times.length).toBe(1)
  running.drain()
  await running.result
  expect(times[0]).toBeGreaterThanOrEqual(before)
  expect(times[0]).toBeLessThanOrEqual(Date.now())
})

it('says how much is still to be read', async () => {
  const path = freshPath()
  writeFileSync(path, 'x\n')
  const { running, come } = tail(path)
  await come(1)
  await expect.poll(() => running.progress().sources.map(({ backlog }) => backlog)).toEqual([0])
  appendFileSync(path, 'half a line')
  await expect.poll(() => running.progress().sources.map(({ backlog }) => backlog)).toEqual([11])
})

it('fails with the path and the offset of a line that is too long', async () => {
  const path = freshPath()
  writeFileSync(path, `ok\n${'x'.repeat(300_000)}`)
  await expect(tail(path, { maxLineBytes: 1000 }).running.result).rejects.toThrow(
    /step "tail.*" failed in process: line at byte 3 of ".*log-\d+\.txt" is longer than maxLineBytes \(1000 bytes\)/,
  )
})

it('a folder is not followed', async () => {
  await expect(tail(root).running.result).rejects.toThrow(
    /is a folder, and cannot be followed\. Give tailLines the path/,
  )
})

it.each<[TailLinesOptions, RegExp]>([
  [{ startAt: 'middle' as never }, /option startAt of tailLines is "middle"; it must be one of beginning, end/],
  [{ startAt: { offset: 3 } as never }, /option startAt of tailLines is 'beginning', 'end' or a position, but is/],
  [{ timestamp: () => 1 }, /it must be said how disordered they are\. Give watermark: watermarks\.outOfOrder/],
  [{ watermark: watermarks.monotonic() }, /there is no timestamp/],
  [{ timestamp: () => 1, watermark: watermarks.manual() }, /no code that could set its watermark/],
  [{ whenDeleted: 'stop' as never }, /option whenDeleted of tailLines is "stop"/],
  [{ interval: 5 } as never, /option "interval".*tailLines/],
])('refuses %j', (options, message) => {
  expect(() => tailLines(freshPath(), options)).toThrow(message)
})

it('gives every line of a file once while it is rotated again and again', async () => {
  const path = freshPath()
  writeFileSync(path, '')
  const { lines, come } = tail(path, { pollEvery: 2 })
  let written = 0
  for (let rotation = 0; rotation < 6; rotation++) {
    for (let i = 0; i < 500; i++) {
      appendFileSync(path, `line ${written++}\n`)
      if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    renameSync(path, `${path}.${rotation}`)
    writeFileSync(path, '')
    await aWhile()
  }
  await come(written)
  expect(lines).toEqual(Array.from({ length: written }, (_, i) => `line ${i}`))
  expect(readFileSync(path, 'utf8')).toBe('')
})
