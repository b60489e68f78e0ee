import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { bundle } from '../../author-module/bundle.js'
import { Secret } from '../../../sdk/secret.js'
import { packageRoot } from '../../author-module/package-root.js'
import type { FromWorker, ToWorker, WorkerLink } from '../tasks/worker-link.js'
import { openProcess, workerFlags } from './process-link.js'
import { type BootAndEnvironment, bootOfModule } from './program.js'
import { openThread } from './thread-link.js'
import type { ConsoleSink } from './worker-boot.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-links-'))
symlinkSync(join(packageRoot(), 'node_modules'), join(folder, 'node_modules'))
const dist = join(packageRoot(), 'dist')
const links: WorkerLink[] = []
/** Processes that a test has started, as a last resort. */
const processes = new Set<number>()

afterAll(() => {
  for (const link of links) link.kill()
  for (const pid of processes) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** Serves with an echo: what is said comes back, or is done. */
const echo = written(
  'echo.mjs',
  `export function serveWorker(port, built) {
  port.onMessage((message) => {
    if (message.do === 'loop') for (;;);
    if (message.do === 'exit') process.exit(3)
    if (message.do === 'reject') return void Promise.reject(new Error('nobody waits'))
    if (message.do === 'options') return port.send({ kind: 'settled', metrics: String(built.options.from), secret: built.options.token?.reveal(), left: Object.keys(process.env).filter((name) => name.startsWith('MILLRACE_')) })
    port.send({ kind: 'done', done: { blocks: message.blocks ?? [] }, order: message.order })
  })
}`,
)

const pipelineFile = written(
  'pipeline.ts',
  `import * as t from 'io-ts'
import { definePipeline, secret } from 'millrace'
console.log('loaded')
export default definePipeline({
  name: 'numbers',
  options: t.intersection([t.type({ from: t.number }), t.partial({ token: secret, at: t.unknown })]),
  build: (p, { from }) => void p.create('numbers', [from]).map('twice', (n: number) => n * 2).collect('out'),
})`,
)

function written(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

let bundled: ReturnType<typeof bundle> | undefined

async function echoing(options: object = { from: 1 }, checked: object = options): Promise<BootAndEnvironment> {
  const { boot, environment } = bootOfModule(await (bundled ??= bundle(pipelineFile)), options, checked)
  return { boot: { ...boot, server: pathToFileURL(echo).href }, environment }
}

type Open = (index: number, told: BootAndEnvironment, console?: ConsoleSink) => Promise<WorkerLink>

const silent: ConsoleSink = () => undefined
const thread: Open = async (index, { boot, environment }, console = silent) =>
  kept(await openThread(index, boot, environment, console))
const child: Open = async (index, { boot, environment }, console = silent) =>
  kept(await openProcess(index, boot, environment, console, 1500))

function kept(link: WorkerLink): WorkerLink {
  links.push(link)
  const pid = pidOf(link)
  if (pid !== undefined) processes.add(pid)
  return link
}

const pidOf = ({ name }: WorkerLink): number | undefined => {
  const pid = /process (\d+)/.exec(name)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** What comes from a worker, one message after the other. */
function listen(link: WorkerLink): { next(): Promise<FromWorker & Record<string, unknown>>; end: Promise<string> } {
  const waiting: ((message: never) => void)[] = []
  const come: unknown[] = []
  link.onMessage((message) => {
    const taker = waiting.shift()
    if (taker === undefined) come.push(message)
    else taker(message as never)
  })
  return {
    next: () => new Promise((resolve) => (come.length > 0 ? resolve(come.shift() as never) : waiting.push(resolve))),
    end: new Promise((resolve) => link.onEnd(resolve)),
  }
}

const say = (link: WorkerLink, message: Record<string, unknown>): void => link.send(message as unknown as ToWorker)

async function until(holds: () => boolean, millis = 10_000): Promise<void> {
  for (const end = performance.now() + millis; !holds() && performance.now() < end;)
    await new Promise((resolve) => setTimeout(resolve, 20))
}

describe.each<readonly [string, Open]>([
  ['a thread', thread],
  ['a process', child],
])('a worker in %s', (kind, open) => {
  it('answers in the order it was asked in, with blocks of any size unchanged', async () => {
    const link = await open(0, await echoing())
    expect(link.name).toMatch(kind === 'a thread' ? /^worker 1 \(thread \d+\)$/ : /^worker 1 \(process \d+\)$/)
    const { next } = listen(link)
    const sizes = [0, 1, 100, 65_536, 1_000_003, 24_000_000]
    sizes.forEach((size, order) => {
      const bytes = new Uint8Array(size)
      for (let i = 0; i < size; i += 97) bytes[i] = (i * 31 + order) & 255
      say(link, { order, blocks: [{ bytes }, { bytes: bytes.subarray(size >> 1) }] })
    })
    for (const [order, size] of sizes.entries()) {
      const { done, ...rest } = await next()
      const blocks = (done as { blocks: readonly { bytes: Uint8Array }[] }).blocks
      expect(rest).toMatchObject({ kind: 'done', order })
      expect(blocks.map(({ bytes }) => bytes.length)).toEqual([size, size - (size >> 1)])
      const [{ bytes } = { bytes: new Uint8Array() }] = blocks
      let wrong = 0
      for (let i = 0; i < size; i += 97) if (bytes[i] !== ((i * 31 + order) & 255)) wrong++
      expect(wrong).toBe(0)
    }
    await link.close()
  })

  it('builds with the options of the driver; a secret comes by its environment and does not stay there', async () => {
    const given = { from: 4, token: 'open sesame', at: { deep: [1n] } }
    const told = await echoing(given, { ...given, token: new Secret(given.token) })
    expect(JSON.stringify(told.boot, (_, value: unknown) => (typeof value === 'bigint' ? 'big' : value))).not.toContain(
      'sesame',
    )
    const link = await open(1, told)
    const { next } = listen(link)
    say(link, { do: 'options' })
    expect(await next()).toMatchObject({
      metrics: '4',
      secret: 'open sesame',
      // Nothing but what the driver itself was started with.
      left: Object.keys(process.env).filter((name) => name.startsWith('MILLRACE_')),
    })
    await link.close()
  })

  it('sends what its code writes to the console', async () => {
    const lines: string[] = []
    const link = await open(0, await echoing(), (text, stream) => lines.push(`${stream} ${text}`))
    expect(lines).toEqual(['out loaded\n'])
    await link.close()
  })

  it('is gone when it was killed, and says so once', async () => {
    const link = await open(0, await echoing())
    const { end } = listen(link)
    say(link, { do: 'loop' })
    link.kill()
    link.kill()
    expect(await end).toBe(kind === 'a thread' ? 'was terminated' : 'was ended by SIGKILL')
    const pid = pidOf(link)
    if (pid !== undefined) expect(isAlive(pid)).toBe(false)
    say(link, { order: 1 })
    await link.close()
  })

  it('is gone when it was closed, also in the middle of a call that never ends, and says nothing', async () => {
    const link = await open(0, await echoing())
    let ends = 0
    link.onEnd(() => ends++)
    say(link, { do: 'loop' })
    await link.close()
    expect(ends).toBe(0)
    const pid = pidOf(link)
    if (pid !== undefined) expect(isAlive(pid)).toBe(false)
  })

  it('tells that it ended by itself', async () => {
    const link = await open(0, await echoing())
    const { end } = listen(link)
    say(link, { do: 'exit' })
    expect(await end).toBe('ended by itself, with code 3')
  })

  it('refuses to go on after a rejection that nobody waits for', async () => {
    const link = await open(0, await echoing())
    const { next } = listen(link)
    say(link, { do: 'reject' })
    expect(await next()).toMatchObject({
      kind: 'refused',
      error: { code: 'MR-3027', cause: { message: 'nobody waits' } },
    })
    await link.close()
  })

  it('is refused when it has another program than its driver', async () => {
    const { boot, environment } = await echoing()
    await expect(open(0, { boot: { ...boot, hash: 'f'.repeat(64) }, environment })).rejects.toThrow(
      /^a worker has another program than its driver \([0-9a-f]{12} instead of f{12}\)/,
    )
  })

  it('does not start where its module throws, and says what the module threw, at the line of the author', async () => {
    const file = written('throws.ts', `const list: number[] = []\nexport default list[0]!.toFixed()`)
    const told = bootOfModule(await bundle(file), {}, {})
    const error = await open(0, told).catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({
      name: 'TypeError',
      message: "Cannot read properties of undefined (reading 'toFixed')",
    })
    expect((error as Error).stack).toContain(`${file}:2:`)
  })

  it('starts no run while its module loads: the module is told how to be written', async () => {
    const file = written(
      'runs.ts',
      `import { pipeline, run } from 'millrace'
const p = pipeline()
p.create('numbers', [1]).collect('out')
await run(p)
export default p`,
    )
    await expect(open(0, bootOfModule(await bundle(file), {}, {}))).rejects.toThrow(
      /run\(\) was called while a millrace worker loads this module.*isMain\(import\.meta\)/,
    )
  })
})

describe('a worker process', () => {
  it('that was stopped is killed when it has shown no life, and its driver hears why', async () => {
    const link = await child(0, await echoing())
    const { end } = listen(link)
    const pid = pidOf(link) ?? 0
    process.kill(pid, 'SIGSTOP')
    expect(await end).toBe('has shown no life for 1.5 s, and was killed')
    await until(() => !isAlive(pid))
    expect(isAlive(pid)).toBe(false)
  })

  it('is not taken for dead while its code computes without a pause', async () => {
    const link = await child(0, await echoing())
    const { end } = listen(link)
    say(link, { do: 'loop' })
    const first = await Promise.race([end, new Promise((resolve) => setTimeout(() => resolve('lives'), 2500))])
    expect(first).toBe('lives')
    await link.close()
  })

  it('lets the signals pass that end a group of processes: its driver decides', async () => {
    const link = await child(0, await echoing())
    const { next } = listen(link)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pidOf(link) ?? 0, signal)
    await new Promise((resolve) => setTimeout(resolve, 100))
    say(link, { order: 7 })
    expect(await next()).toMatchObject({ order: 7 })
    await link.close()
  })

  it.each([
    ['SIGKILL', 'idle'],
    ['SIGKILL', 'loop'],
    ['SIGTERM', 'loop'],
  ] as const)('ends by itself when its driver was ended by %s, while it was %s', async (signal, state) => {
    const told = await echoing()
    const script = written(
      'driver.mjs',
      `import { openProcess } from ${JSON.stringify(pathToFileURL(join(dist, 'runners/micro-batch/links/process-link.js')).href)}
import { readFileSync } from 'node:fs'
const { boot, environment } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const links = await Promise.all([0, 1, 2].map((index) => openProcess(index, boot, environment, () => undefined)))
for (const link of links) { link.onMessage(() => undefined); link.onEnd(() => undefined); if (process.argv[3] === 'loop') link.send({ do: 'loop' }) }
console.log(links.map(({ name }) => /process (\\d+)/.exec(name)[1]).join(' '))
setInterval(() => undefined, 1000)`,
    )
    const toldFile = written('told.json', JSON.stringify(told))
    const driver = spawn(process.execPath, [script, toldFile, state], { stdio: ['ignore', 'pipe', 'inherit'] })
    processes.add(driver.pid ?? 0)
    const pids = await new Promise<number[]>((resolve) =>
      driver.stdout.once('data', (text: Buffer) => resolve(text.toString().trim().split(' ').map(Number))),
    )
    for (const pid of pids) processes.add(pid)
    expect(pids.map(isAlive)).toEqual([true, true, true])
    driver.kill(signal)
    await until(() => !pids.some(isAlive))
    expect(pids.map(isAlive)).toEqual([false, false, false])
  })
})

it.each([
  [['-e', 'start()'], []],
  [['--input-type=module', '--eval=start()'], []],
  [
    ['-pe', 'start()', '--import', 'tsx'],
    ['--import', 'tsx'],
  ],
  [
    ['--inspect=9229', '-r', './hook.cjs', '--test'],
    ['-r', './hook.cjs'],
  ],
])('of the flags %j a worker process has %j: those that say how to run, and not what', (flags, kept) => {
  expect(workerFlags(flags)).toEqual(kept)
})
