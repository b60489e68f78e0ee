/** `millrace run` between pipes, as any other filter of a shell. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { type Env, pipeline, run, start } from 'millrace'
import { readStdin, writeStdout } from 'millrace/io/text'
import { nodeEnv } from '../direct/node.js'
import { compiled, fixture, root } from './fixtures/command.js'

beforeAll(compiled, 120_000)
const folder = mkdtempSync(join(tmpdir(), 'millrace-pipes-'))
afterAll(() => rmSync(folder, { recursive: true }))

const millrace = `'${process.execPath}' '${join(root, 'dist/runners/cli/main.js')}' run --quiet '${fixture('pipes.ts')}'`

interface Shell {
  readonly child: ChildProcess
  readonly text: { out: string; err: string }
  readonly ended: Promise<number | null>
}

/** Runs a line in a shell. */
function shell(line: string): Shell {
  const child = spawn('bash', ['-c', line], { cwd: root, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  const text = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => void (text.out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (text.err += chunk))
  // What ends before it has read all is meant to.
  child.stdin.on('error', () => undefined)
  onTestFinished(() => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL')
    } catch {
      // It has ended by now.
    }
  })
  return { child, text, ended: once(child, 'close').then(([code]) => code as number | null) }
}

it('every line that is piped in comes out, whole and in order', async () => {
  const { text, ended } = shell(
    `seq 1 200000 | sed 's/^/a/' | ${millrace} > '${folder}/out'; md5sum < '${folder}/out'; seq 1 200000 | sed 's/^/A/' | grep -v '0$' | md5sum`,
  )
  expect(await ended).toBe(0)
  const [got, wanted] = text.out.trim().split('\n')
  expect(got).toBe(wanted)
  expect(text.err).toBe('')
})

it.each(['< /dev/null', "< 'FILE'"])('ends with its input: %s', async (from) => {
  const file = join(folder, 'in')
  writeFileSync(file, 'b\nlast without an end')
  const { text, ended } = shell(`${millrace} ${from.replace('FILE', file)}`)
  expect([await ended, text.out, text.err]).toEqual([0, from.includes('null') ? '' : 'B\nLAST WITHOUT AN END\n', ''])
})

it('lines come out while the input goes on', async () => {
  const { child, text, ended } = shell(millrace)
  child.stdin?.write('one\ntw')
  await expect.poll(() => text.out, { timeout: 10_000 }).toBe('ONE\n')
  child.stdin?.write('o\n')
  await expect.poll(() => text.out).toBe('ONE\nTWO\n')
  child.stdin?.end('three')
  expect(await ended).toBe(0)
  expect(text.out).toBe('ONE\nTWO\nTHREE\n')
})

it('ends with 141 and without a word when nobody reads its output any more', async () => {
  const { text, ended } = shell(`yes | ${millrace} | head -n 2; echo "\${PIPESTATUS[1]}"`)
  expect([await ended, text.out, text.err]).toEqual([0, 'Y\nY\n141\n', ''])
})

it('a drain ends it although the input goes on', async () => {
  const { child, text, ended } = shell(`exec ${millrace}`)
  child.stdin?.write('one\n')
  await expect.poll(() => text.out, { timeout: 10_000 }).toBe('ONE\n')
  process.kill(child.pid as number, 'SIGINT')
  expect(await ended).toBe(0)
})

it('who writes waits while nobody reads the result', async () => {
  const { child, text } = shell(millrace)
  child.stdout?.pause()
  let written = 0
  const block = `${'x'.repeat(1023)}\n`.repeat(64)
  // As much as pipes and one block ahead hold is taken; the rest is not.
  for (let isTaken = true; isTaken;) {
    written += block.length
    isTaken = await new Promise<boolean>((resolve) => {
      const wait = setTimeout(() => resolve(false), 3000)
      child.stdin?.write(block, () => {
        clearTimeout(wait)
        resolve(true)
      })
    })
    expect(written).toBeLessThan(8_000_000)
  }
  child.stdout?.resume()
  child.stdin?.end()
  await expect.poll(() => text.out.length, { timeout: 10_000 }).toBe(written)
})

/** A world whose input is given, and whose output is kept. */
function world(blocks: readonly Uint8Array[], written: string[]): Env {
  const left = [...blocks]
  return {
    ...nodeEnv(),
    stdin: { read: () => Promise.resolve(left.shift()), release: () => undefined },
    stdout: { write: (bytes) => Promise.resolve(void written.push(new TextDecoder().decode(bytes))) },
  }
}

it('lines are cut from blocks of any size, and other values are written as JSON', async () => {
  const text = 'grün\r\n\nende'
  const bytes = new TextEncoder().encode(text)
  for (const size of [1, 2, 3, 100]) {
    const blocks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    )
    const written: string[] = []
    const p = pipeline()
    p.apply('in', readStdin())
      .map('describe', (line) => ({ line }))
      .apply('out', writeStdout())
    await run(p, { env: world(blocks, written), bundleSize: 2 })
    expect(written.join('')).toBe('{"line":"grün"}\n{"line":""}\n{"line":"ende"}\n')
  }
})

it('input that fails, or is no text, fails the run', async () => {
  const failing: Env = {
    ...nodeEnv(),
    stdin: { read: () => Promise.reject(new Error('gone')), release: () => undefined },
  }
  const p = pipeline()
  p.apply('in', readStdin())
  await expect(run(p, { env: failing })).rejects.toThrow(
    /step "in.*" failed in process: cannot read standard input: gone/,
  )
  const q = pipeline()
  q.apply('in', readStdin({ invalidUtf8: 'error' }))
  await expect(run(q, { env: world([Uint8Array.of(97, 10, 0xff, 10)], []) })).rejects.toThrow(
    /line at byte 2 of standard input is not valid UTF-8/,
  )
})

it('a platform without standard streams says so, as a page is one', async () => {
  const page: Env = { ...nodeEnv(), stdin: undefined, stdout: undefined }
  const p = pipeline()
  p.apply('in', readStdin())
  await expect(start(p, { env: page }).result).rejects.toThrow(
    /reads standard input, which belongs to the process that starts a run.* Run the pipeline in Node without workers/,
  )
  const q = pipeline()
  q.create('n', [1]).apply('out', writeStdout())
  await expect(run(q, { env: page })).rejects.toThrow(/writes to standard output, and this platform has none/)
})

it('standard input has one reader', () => {
  const p = pipeline()
  p.apply('in', readStdin())
  expect(() => p.apply('again', readStdin())).toThrow(/reads standard input already[^]*Read it once/)
  expect(() => readStdin({ delimiter: ',' } as never)).toThrow(/option "delimiter".*readStdin/)
})
