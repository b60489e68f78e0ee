import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fixedWindows, pipeline, run, start, TIMESTAMP_MIN, watermarks } from 'millrace'
import { replay } from 'millrace/io/generate'
import { readLines, spool, writeLines, type WriteLinesOptions, type WrittenFile } from 'millrace/io/text'
import { testFolders } from '../../conformance/support/test-folders.js'

const folder = testFolders('again')
const tree = (at: string): Readonly<Record<string, string>> =>
  Object.fromEntries(readdirSync(at).map((name) => [name, readFileSync(join(at, name), 'utf8')]))

const HOUR = 3_600_000

/** A stream of texts of the first hour of 1970, written by window. */
async function write(texts: readonly string[], path: string, options: WriteLinesOptions = {}): Promise<string[]> {
  const p = pipeline()
  p.apply('texts', replay(texts, { timestamp: () => 0 }))
    .windowInto('hours', fixedWindows(HOUR))
    .apply('write', writeLines(path, options))
    .collect('written')
  return (await run(p)).collect<WrittenFile>('written').map((file) => file.path.slice(path.lastIndexOf('/') + 1))
}

it('a second run over a spool that deletes leaves the files of the first, and says where its own are', async () => {
  const [incoming, out] = [folder(), folder()]
  const once = async (line: string): Promise<readonly WrittenFile[]> => {
    writeFileSync(join(incoming, `${line}.txt`), `${line}\n`)
    const p = pipeline()
    const watermark = watermarks.wallClock({ delay: 200 * 365 * 24 * HOUR })
    p.apply(
      'read',
      readLines(
        spool(incoming, { interval: 5, settle: 0, after: 'delete', timestamp: () => TIMESTAMP_MIN, watermark }),
      ),
    )
      .withTimestamps('times', () => 0)
      .windowInto('hours', fixedWindows(HOUR))
      .apply('write', writeLines(join(out, '{window.start|yyyy-MM-dd-HH}.txt')))
      .collect('written')
    const running = start(p)
    await expect.poll(() => readdirSync(incoming)).toEqual([])
    running.drain()
    return (await running.result).collect('written')
  }
  await once('first')
  expect(await once('second')).toEqual([{ path: join(out, '1970-01-01-00-r2.txt'), lines: 1 }])
  await once('third')
  expect(tree(out)).toEqual({
    '1970-01-01-00.txt': 'first\n',
    '1970-01-01-00-r2.txt': 'second\n',
    '1970-01-01-00-r3.txt': 'third\n',
  })
})

it('all shards of a pane get out of the way together, and before a packed ending', async () => {
  const at = folder()
  const path = join(at, '{window.start|yyyyMMddHH}.csv.gz')
  writeFileSync(join(at, '1970010100-00001-of-00002.csv.gz'), 'other')
  expect(await write(['x', 'y', 'z'], path, { shards: 2 })).toEqual([
    '1970010100-00000-of-00002-r2.csv.gz',
    '1970010100-00001-of-00002-r2.csv.gz',
  ])
  expect(readFileSync(join(at, '1970010100-00001-of-00002.csv.gz'), 'utf8')).toBe('other')
})

it('a stream replaces files where it is told to, and cannot be told to fail', async () => {
  const path = join(folder(), '{window.start|yyyyMMddHH}.txt')
  await write(['first'], path)
  expect(await write(['second'], path, { overwrite: true })).toEqual(['1970010100.txt'])
  await expect(write(['third'], path, { overwrite: false })).rejects.toThrow(
    /step "write\/parts" writes an unbounded collection with overwrite: false, .*Leave overwrite out/,
  )
})
