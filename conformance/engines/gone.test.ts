/**
 * Who goes, or stands still, while a job runs on Prism: the client, the run, a part of a bundle.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as t from 'io-ts'
import { OffsetRangeTracker, pipeline, run, start } from 'millrace'
import { afterEach, describe, expect, it } from 'vitest'
import { findPrism } from '../../runners/distributed/node/prism.js'
import { testFolders } from '../support/test-folders.js'
import { slowSource } from './pipelines.js'

const isThere = findPrism() !== undefined
if (!isThere) console.log('skipped: Prism is not installed. npm run engines -- install prism')

const COMMAND = join(import.meta.dirname, '..', '..', 'dist', 'runners', 'cli', 'main.js')
const TICKS = join(import.meta.dirname, 'fixtures', 'ticks.ts')
const MILLIS = 60_000

/** Processes of Prism. */
function prisms(): readonly number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const [program = ''] = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      return program.endsWith('/prism') ? [Number(name)] : []
    } catch {
      return []
    }
  })
}

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

describe.skipIf(!isThere)('on Prism', () => {
  const newFolder = testFolders('gone')
  let client: ChildProcess | undefined
  // What is stopped does not hear of anything else.
  afterEach(() => void client?.kill('SIGKILL'))

  it(
    'a client that is stopped holds the job up for some seconds, and has all that it was told when it goes on',
    async () => {
      const file = join(newFolder(), 'numbers')
      const args = ['--file', file, '--to', '400', '--per-second', '20']
      const child = spawn(process.execPath, [COMMAND, 'run', '--runner', 'prism', '--environment', 'process', TICKS, ...args], { stdio: ['ignore', 'ignore', 'pipe'] }) // prettier-ignore
      client = child
      let said = ''
      child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
      const count = (): number => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0)
      await expect.poll(count, { timeout: 30_000 }).toBeGreaterThan(5)
      child.kill('SIGSTOP')
      const before = count()
      // Longer than a worker waits for a client.
      await expect.poll(count, { timeout: 12_000 }).toBeGreaterThan(before + 60)
      child.kill('SIGCONT')
      const code = await new Promise((resolve) => child.once('close', resolve))
      expect(said).toContain('ticks: done in')
      expect(code).toBe(0)
    },
    MILLIS,
  )

  it(
    'an engine that stands still when a job is cancelled is waited for half a minute, and ended',
    async () => {
      const before = new Set(prisms())
      let began = (): void => undefined
      const reading = new Promise<void>((resolve) => (began = resolve))
      const running = start(slowSource(began), { runner: 'prism' })
      await reading
      const [pid = 0, ...others] = prisms().filter((each) => !before.has(each))
      expect(others).toEqual([])
      process.kill(pid, 'SIGSTOP')
      running.cancel()
      expect((await running.result).state).toBe('CANCELLED')
      await expect.poll(prisms).not.toContain(pid)
    },
    MILLIS,
  )

  it(
    'a call that goes on after its run has failed reads no side input, and blocks nobody',
    async () => {
      const p = pipeline()
      const limit = p.create('limits', [1]).asSingleton('limit')
      const read = new Promise<unknown>((resolve) => {
        p.create('numbers', [1, 2]).parDo('look up', {
          output: t.number,
          sides: { limit },
          async process(n, { sides, emit }) {
            await pause(n === 1 ? 100 : 2000)
            if (n === 1) throw new Error('one is unlucky')
            try {
              emit(n + sides.limit)
            } catch (error) {
              resolve(error)
            }
          },
        })
      })
      await expect(run(p, { runner: 'prism' })).rejects.toThrow('one is unlucky')
      expect(await read).toMatchObject({ code: 'MR-6203' })
    },
    MILLIS,
  )

  it(
    'a tracker that throws when the engine wants a part of its work back fails the run with that',
    async () => {
      class Stubborn extends OffsetRangeTracker {
        override trySplit(): never {
          throw new RangeError('this tracker cannot be split')
        }
      }
      const p = slowSource(
        () => undefined,
        (range) => new Stubborn(range),
      )
      await expect(run(p, { runner: 'prism' })).rejects.toThrow('this tracker cannot be split')
    },
    MILLIS,
  )
})
