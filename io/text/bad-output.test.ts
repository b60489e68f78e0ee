/**
 * What happens when writing fails, in each format, plain and packed: a pipeline that fails on its way, a full disk, values that
 * have no text. And names that every object inherits, where the platform has taken `__proto__` away.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { type DeadLetter, type ErrorHandler, type PCollection, pipeline, run } from 'millrace'
import { writeCsv } from 'millrace/io/csv'
import { writeJsonArray, writeNdjson } from 'millrace/io/json'
import { writeLines, type WrittenFile } from 'millrace/io/text'

const root = mkdtempSync(join(tmpdir(), 'millrace-bad-output-'))
afterAll(() => rmSync(root, { recursive: true }))
const repository = fileURLToPath(new URL('../../', import.meta.url))
let folders = 0
const fresh = (): string => {
  const path = join(root, String(folders++))
  mkdirSync(path)
  return path
}

interface Row {
  readonly a: unknown
}
type Write = (input: PCollection<Row>) => PCollection<WrittenFile>
const formats: Readonly<Record<string, (path: string, onError?: ErrorHandler) => Write>> = {
  lines: (path) => (input) => input.map('line', ({ a }) => a).apply('lines', writeLines(path)),
  ndjson: (path, onError) => writeNdjson(path, onError && { onError }),
  array: (path, onError) => writeJsonArray(path, onError && { onError }),
  csv: (path, onError) => writeCsv(path, { columns: ['a'], ...(onError && { onError }) }) as Write,
}
/** Those whose writers take a handler: a line is whatever text it is. */
const encoding = ['ndjson', 'array', 'csv'] as const

let cells = 0
for (const [format, write] of Object.entries(formats)) {
  for (const packing of ['plain', 'gzip'] as const) {
    for (const isHandled of [true, false]) {
      cells += 2
      describe(`${format}, ${packing}, ${isHandled ? 'with' : 'without'} a handler`, () => {
        const name = packing === 'gzip' ? 'data.gz' : 'data'

        it('a run that fails on its way leaves no file, and the one of before as it was', async () => {
          const at = fresh()
          writeFileSync(join(at, name), 'before')
          const p = pipeline()
          const onError = p.errors('bad', (letters) => letters.collect('letters'))
          const rows = Array.from({ length: 100 }, (_, i) => ({ a: `row ${i}` }))
          p.create('rows', rows)
            .map('fail', (row) => {
              if (row.a === 'row 60') throw new Error('sixty')
              return row
            })
            .apply('write', write(join(at, name), isHandled ? onError : undefined))
          await expect(run(p, { bundleSize: 7 })).rejects.toThrow(/sixty/)
          expect(readdirSync(at)).toEqual([name])
          expect(readFileSync(join(at, name), 'utf8')).toBe('before')
        })

        it('a full disk is an error that names the file, and nothing is left of it', () => {
          const at = fresh()
          const [read, how] = {
            lines: ['text', 'writeLines(path)'],
            ndjson: ['json', 'writeNdjson(path, handled)'],
            array: ['json', 'writeJsonArray(path, handled)'],
            csv: ['csv', "writeCsv(path, { columns: ['a'], ...handled })"],
          }[format] as [string, string]
          const program = `
            import { randomBytes } from 'node:crypto'
            import { pipeline, run } from 'millrace'
            import * as io from 'millrace/io/${read}'
            const path = ${JSON.stringify(join(at, name))}
            const p = pipeline()
            const handled = ${isHandled} ? { onError: p.errors('bad', (letters) => letters.collect('letters')) } : {}
            const rows = Array.from({ length: 200 }, () => ({ a: randomBytes(1500).toString('hex') }))
            p.create('rows', rows)${format === 'lines' ? ".map('line', (row) => row.a)" : ''}.apply('write', io.${how})
            await run(p).then(() => console.log('written'), (error) => console.log(error.message))
          `
          // A file may have 100 KiB here, and the system says EFBIG where a disk would say ENOSPC.
          const limited = `ulimit -f 100; trap '' XFSZ; exec "$0" --input-type=module -e "$1"`
          const { stdout } = spawnSync('bash', ['-c', limited, process.execPath, program], { cwd: repository })
          expect(stdout.toString()).toMatch(/cannot write ".*data(\.gz)?": EFBIG: file too large/)
          expect(readdirSync(at)).toEqual([])
        })
      })
    }
  }
}

for (const format of encoding) {
  for (const packing of ['plain', 'gzip'] as const) {
    for (const isHandled of [true, false]) {
      cells++
      it(`${format}, ${packing}, ${isHandled ? 'with' : 'without'} a handler: NaN has no text, -0 and Infinity`, async () => {
        const at = fresh()
        const path = join(at, packing === 'gzip' ? 'data.gz' : 'data')
        const write = formats[format] as (path: string, onError?: ErrorHandler) => Write
        const p = pipeline()
        const onError = p.errors('bad', (letters) => letters.collect('letters'))
        const rows: readonly Row[] = [{ a: Number.NaN }, { a: -0 }, { a: 0.1 }, { a: -Infinity }]
        p.create('rows', rows).apply('write', write(path, isHandled ? onError : undefined))
        const running = run(p)
        if (!isHandled) {
          await expect(running).rejects.toThrow(/step "write\/encode" failed in process: .*(NaN|Infinity)/)
          expect(existsSync(path)).toBe(false)
          return
        }
        const letters = (await running).collect<DeadLetter>('bad/letters')
        expect(letters.map(({ error }) => /NaN|Infinity/.exec(error.message)?.[0]).sort()).toEqual(['Infinity', 'NaN'])
        const text = packing === 'gzip' ? gunzipSync(readFileSync(path)).toString() : readFileSync(path, 'utf8')
        // JSON has no -0 that everyone reads: it is 0, as it is for keys. CSV has texts.
        expect(text.match(/-?\b0(\.1)?\b/g)?.sort()).toEqual(format === 'csv' ? ['-0', '0.1'] : ['0', '0.1'])
      })
    }
  }
}

describe('a disk that is full', () => {
  const mount = join(root, 'small')
  const isMounted = ((): boolean => {
    mkdirSync(mount)
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]).status === 0
    if (mounted) afterAll(() => void execFileSync('umount', [mount]))
    return mounted
  })()

  it.runIf(isMounted)('is an error in every format, and takes the file when there is room again', async () => {
    for (const [format, write] of Object.entries(formats)) {
      const path = join(mount, format)
      const writing = (count: number): ReturnType<typeof run> => {
        const p = pipeline()
        p.create('rows', Array.from({ length: count }, (_, i) => ({ a: `${i} ${'x'.repeat(5000)}` }))).apply('write', write(path)) // prettier-ignore
        return run(p)
      }
      await expect(writing(400)).rejects.toThrow(/cannot write ".*": ENOSPC: no space left on device/)
      expect(readdirSync(mount)).toEqual([])
      await writing(10)
      expect(readdirSync(mount)).toEqual([format])
      rmSync(path)
    }
  })
})

it.each(['delete', 'throw'])('with --disable-proto=%s inherited names are fields and keys like any other', (how) => {
  const at = fresh()
  const program = `
    import { writeFileSync } from 'node:fs'
    import { pipeline, run } from 'millrace'
    import { readCsv, writeCsv } from 'millrace/io/csv'
    import { readJsonArray, readNdjson, writeJsonArray, writeNdjson } from 'millrace/io/json'
    import { readLines } from 'millrace/io/text'
    const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', '__proto__']
    const at = ${JSON.stringify(`${at}/`)}
    writeFileSync(at + 'lines', names.join('\\n'))
    writeFileSync(at + 'ndjson', names.map((name) => '{"' + name + '":1,"key":"' + name + '"}\\n').join(''))
    writeFileSync(at + 'array', '[' + names.map((name) => '{"' + name + '":1,"key":"' + name + '"}').join() + ']')
    writeFileSync(at + 'csv', '__proto__,constructor,key\\n' + names.map((name) => '1,2,' + name + '\\n').join(''))
    const sources = {
      lines: readLines(at + 'lines'),
      ndjson: readNdjson(at + 'ndjson'),
      array: readJsonArray(at + 'array'),
      csv: readCsv(at + 'csv'),
    }
    for (const strict of [false, true]) {
      for (const [format, source] of Object.entries(sources)) {
        const p = pipeline()
        const records = p.apply('read', source)
        records.keyBy('key', (record) => record.key ?? record).countPerKey('count').collect('counts')
        if (format !== 'lines') {
          const to = at + 'out-' + format
          const write = { ndjson: writeNdjson(to), array: writeJsonArray(to), csv: writeCsv(to, { columns: ['__proto__', 'constructor', 'key'] }) }
          records.apply('write', write[format])
        }
        const counts = (await run(p, { strict })).collect('counts')
        console.log(format, counts.map(({ key, value }) => key + '=' + value).sort().join(' '))
      }
    }
    for (const [read, name] of [[readNdjson, 'ndjson'], [readJsonArray, 'array'], [readCsv, 'csv']]) {
      const p = pipeline()
      p.apply('read', read(at + 'out-' + name)).collect('records')
      const records = (await run(p)).collect('records')
      console.log(name, records.filter((record) => Object.hasOwn(record, '__proto__')).length, records.length)
    }
  `
  const { stdout, stderr } = spawnSync(process.execPath, [`--disable-proto=${how}`, '--input-type=module', '-e', program], { cwd: repository }) // prettier-ignore
  expect(stderr.toString()).toBe('')
  const counted = '__proto__=2 constructor=1 hasOwnProperty=1 toString=1'
  expect(stdout.toString().trim().split('\n')).toEqual([
    ...['lines', 'ndjson', 'array', 'csv', 'lines', 'ndjson', 'array', 'csv'].map((format) => `${format} ${counted}`),
    'ndjson 2 5',
    'array 2 5',
    'csv 5 5',
  ])
})

it('the table has as many cells as it says', () => {
  console.log(`bad output: ${cells} cells`)
  expect(cells).toBe(44)
})
