import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Log, openLog } from 'millrace/io/log'

const built = pathToFileURL(join(import.meta.dirname, '../../dist/io/log/index.js')).href

let folder: string
let log: Log
const children: ChildProcess[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-log-'))
  log = await openLog(join(folder, 'log'), { sync: 'normal' })
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  log.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A program that has the log open as `log`, and tells us lines. */
interface Program {
  readonly child: ChildProcess
  readonly lines: string[]
  /** Resolves when it has said this. */
  says(line: RegExp): Promise<string>
  ended(): Promise<void>
}

let programs = 0
function program(text: string): Program {
  const path = join(folder, `program-${programs++}.mjs`)
  writeFileSync(
    path,
    `import { openLog } from ${JSON.stringify(built)}
const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis))
const say = (line) => process.stdout.write(line + '\\n')
const folder = ${JSON.stringify(join(folder, 'log'))}
${text}`,
  )
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const lines: string[] = []
  const listeners = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    for (const each of listeners) each()
  })
  return {
    child,
    lines,
    says: (wanted) =>
      new Promise((resolve) => {
        const look = (): void => {
          const line = lines.find((each) => wanted.test(each))
          if (line === undefined) return
          listeners.delete(look)
          resolve(line)
        }
        listeners.add(look)
        look()
      }),
    async ended() {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
    },
  }
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const until = performance.now() + 15_000
  while (!holds()) {
    if (performance.now() > until) expect.fail(`${what} did not happen`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const all = (topic: string): { id: string; key: string }[] =>
  log
    .partitions(topic)
    .flatMap(({ partition, begin }) => log.read(topic, partition, begin, { max: 1_000_000 }))
    .map(({ value }) => value as { id: string; key: string })

it('several append and read at once: no record is lost or twice, each key in order, and all get their turn', async () => {
  log.createTopic('t', { partitions: 4 })
  const COUNT = 3000
  const writers = ['a', 'b', 'c'].map((name) =>
    program(`const log = await openLog(folder, { sync: 'normal' })
    say('ready')
    let longest = 0
    for (let n = 0; n < ${COUNT}; ) {
      const size = [1, 10, 100][n % 3]
      const records = Array.from({ length: Math.min(size, ${COUNT} - n) }, () => ({ key: '${name}' + (n % 5), value: { id: '${name}' + n, key: '${name}' + (n++ % 5) } }))
      const begun = performance.now()
      log.append('t', records)
      longest = Math.max(longest, performance.now() - begun)
    }
    say('longest ' + longest)
    log.close()`),
  )
  const reader = program(`const log = await openLog(folder, { sync: 'normal' })
    const next = [0, 0, 0, 0]
    let count = 0, wrong = 0
    while (count < ${3 * COUNT}) {
      for (const partition of next.keys())
        for (const record of log.read('t', partition, next[partition])) {
          if (record.offset !== next[partition]) wrong++
          next[partition] = record.offset + 1
          count++
        }
      await pause(1)
    }
    say('read ' + count + ' wrong ' + wrong)
    log.close()`)
  await Promise.all([...writers, reader].map((each) => each.ended()))
  expect(reader.lines).toEqual([`read ${3 * COUNT} wrong 0`])
  const records = all('t')
  expect(new Set(records.map(({ id }) => id)).size).toBe(3 * COUNT)
  expect(records).toHaveLength(3 * COUNT)
  const last = new Map<string, number>()
  for (const { id, key } of records) {
    const n = Number(id.slice(1))
    expect(n).toBeGreaterThan(last.get(key) ?? -1)
    last.set(key, n)
  }
  // Left to itself, SQLite's lock is at times had by one of several for a second and longer.
  for (const writer of writers) expect(Number(writer.lines[1]?.split(' ')[1])).toBeLessThan(5000)
})

describe('a member of a group', () => {
  /** Reads as a member, tells what, and commits. */
  const member = (name: string): Program =>
    program(`const log = await openLog(folder, { sync: 'normal' })
    let member = log.join('g', 't', { session: '1 second' })
    const next = new Map()
    for (;;) {
      let assignment
      try {
        assignment = member.heartbeat()
      } catch (error) {
        say('out ' + error.code)
        process.exit()
      }
      member.release(assignment.revoked)
      for (const partition of assignment.revoked) next.delete(partition)
      for (const partition of next.keys()) if (!assignment.partitions.includes(partition)) next.delete(partition)
      for (const partition of assignment.partitions) {
        if (!next.has(partition)) {
          next.set(partition, log.committed('g', 't').get(partition) ?? 0)
          say('${name} has ' + partition)
          // Not from outside: it would perhaps stand still in the middle of a write, and hold up all others.
          if ('${name}' === 'zombie' && partition === 1) process.kill(process.pid, 'SIGSTOP')
        }
        const records = log.read('t', partition, next.get(partition), { max: 10 })
        if (records.length === 0) continue
        await pause(5)
        const offset = records.at(-1).offset + 1
        try {
          member.commit(new Map([[partition, offset]]))
        } catch (error) {
          say('refused ' + error.code)
          process.exit()
        }
        for (const { value } of records) say('read ' + value)
        next.set(partition, offset)
      }
      await pause(10)
    }`)
  const read = (programs: readonly Program[]): number[] =>
    programs.flatMap(({ lines }) => lines.filter((line) => line.startsWith('read ')).map((line) => Number(line.slice(5)))) // prettier-ignore
  const append = (from: number, count: number): unknown =>
    log.append(
      't',
      Array.from({ length: count }, (_, i) => ({ value: from + i })),
    )
  const lag = (): number => log.group('g', 't').partitions.reduce((sum, each) => sum + each.lag, 0)

  it('that is killed loses its partitions to the others, who go on where it had committed', async () => {
    log.createTopic('t', { partitions: 4 })
    append(0, 400)
    const [a, b] = [member('a'), member('b')]
    await Promise.all([a.says(/a has/), b.says(/b has/)])
    await eventually('sharing', () =>
      log.group('g', 't').members.length === 2 && log.group('g', 't').members.every(({ partitions }) => partitions.length === 2)) // prettier-ignore
    append(400, 2000)
    await new Promise((resolve) => setTimeout(resolve, 100))
    a.child.kill('SIGKILL')
    await a.ended()
    append(2400, 100)
    await eventually('reading all', () => lag() === 0)
    expect(log.group('g', 't').members).toHaveLength(1)
    const seen = read([a, b])
    // What a had committed and not yet told is the most that can be missing here: ten records.
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.length).toBeGreaterThanOrEqual(2490)
  })

  it('that stood still is out: its commit is refused, and what it had is read by another', async () => {
    log.createTopic('t', { partitions: 2 })
    const zombie = member('zombie')
    await zombie.says(/zombie has 1/)
    append(0, 200)
    const other = member('o')
    await Promise.all([other.says(/o has 0/), other.says(/o has 1/)])
    await eventually('reading all', () => lag() === 0)
    zombie.child.kill('SIGCONT')
    expect(await zombie.says(/^(out|refused)/)).toMatch(/ MR-5404$/)
    expect(read([other]).toSorted((x, y) => x - y)).toEqual(Array.from({ length: 200 }, (_, i) => i))
    expect(read([zombie])).toEqual([])
  })
})

it('a pipeline that is killed goes on where its group is: every record is written, some twice', async () => {
  log.createTopic('in', { partitions: 2 })
  log.createTopic('out')
  const COUNT = 2000
  log.append('in', Array.from({ length: COUNT }, (_, id) => ({ value: id }))) // prettier-ignore
  const copy = (): Program =>
    program(`import { pipeline, start } from ${JSON.stringify(built.replace('io/log', 'runners'))}
    import { readLog, writeLog } from ${JSON.stringify(built)}
    const p = pipeline()
    p.apply('read', readLog({ folder, topic: 'in', group: 'copy', session: '500 ms', pollEvery: 10 }))
      .map('slow', async (id) => (id % 50 === 0 ? (await pause(2), id) : id))
      .apply('write', writeLog({ folder, topic: 'out', sync: 'normal' }))
    const running = start(p, { guarantee: 'at-least-once' })
    process.on('SIGTERM', running.drain)
    say('started')
    await running.result
    say('drained')`)
  const written = (): number => log.partitions('out')[0]?.end ?? 0
  const first = copy()
  await eventually('writing', () => written() > 0)
  first.child.kill('SIGKILL')
  await first.ended()
  const second = copy()
  // Before that it does not know what the signal asks for.
  await eventually('starting', () => second.lines.includes('started'))
  await eventually('reading all', () => log.group('copy', 'in').partitions.every(({ lag }) => lag === 0))
  second.child.kill('SIGTERM')
  await second.ended()
  expect([first.child.signalCode, second.lines]).toEqual(['SIGKILL', ['started', 'drained']])
  const ids = log.read('out', 0, 0, { max: 1_000_000 }).map(({ value }) => value as number)
  expect([...new Set(ids)].toSorted((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, id) => id))
})

describe('an append over two topics', () => {
  it.each([
    ['log.append.begun', 0],
    ['log.append.written', 0],
    ['log.append.committed', 1],
  ])('that is killed at %s is there %i times in both, and once when it is done again', async (point, there) => {
    log.createTopic('a', { partitions: 2 })
    log.createTopic('b')
    const text = (
      crashAt: string,
    ): string => `import { processEnv } from ${JSON.stringify(built.replace('index.js', 'node.js'))}
    const crashpoint = (name) => { if (name === '${crashAt}') process.kill(process.pid, 'SIGKILL') }
    const log = await openLog(folder, { env: { ...processEnv, crashpoint } })
    log.transaction((tx) => {
      tx.append('a', [{ value: 1, partition: 0 }, { value: 2, partition: 1 }])
      tx.append('b', [{ value: 3 }])
    }, { id: { query: 'q', step: 's', batch: 4, shard: 0 } })
    log.close()
    say('done')`
    const killed = program(text(point))
    await killed.ended()
    expect([killed.child.signalCode, killed.lines]).toEqual(['SIGKILL', []])
    const counts = (): number[] => [...log.partitions('a'), ...log.partitions('b')].map(({ end }) => end)
    expect(counts()).toEqual([there, there, there])
    const again = program(text('nowhere'))
    await again.ended()
    expect([again.lines, counts()]).toEqual([['done'], [1, 1, 1]])
  })
})
