/** Runs with workers, from outside: what they write, how they end, and that nothing of them is left. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, leftOvers, millrace, type Running, start } from './fixtures/command.js'
import { type Project, project } from './fixtures/project.js'

beforeAll(compiled, 120_000)
const made = project({
  'words.ts': `import { definePipeline } from 'millrace'
export default definePipeline({
  name: 'words',
  build: (p) => void p.create('words', ['to', 'be', 'to'])
    .map('look', (word) => { if (word === 'be') console.log('looked at be'); return word })
    .countPerElement('count')
    .map('text', ({ key, value }) => key + ' ' + value)
    .print('counts'),
})`,
  'fails.ts': `import { definePipeline } from 'millrace'
export default definePipeline({
  name: 'fails',
  build(p) {
    p.create('numbers', [1, 2]).keyBy('key', (n) => n).groupByKey('group').map('break', ({ key }) => {
      if (key === 2) throw new RangeError('two is too many')
      return key
    }).print('numbers')
  },
})`,
  'stray.ts': `import { definePipeline } from 'millrace'
export default definePipeline({
  name: 'stray',
  build: (p) => void p.create('numbers', [1]).map('stray', async (n) => {
    void Promise.reject(new Error('nobody waits'))
    return new Promise<number>((resolve) => setTimeout(() => resolve(n), 2000))
  }).print('numbers'),
})`,
  'late.ts': `import { definePipeline } from 'millrace'
import { periodic } from 'millrace/io/generate'
export default definePipeline({
  name: 'late',
  build: (p) => void p.apply('ticks', periodic({ every: '1 hour' })).map('stray', (n) => {
    setTimeout(() => { throw new Error('much later') }, 500)
    return n
  }).print('ticks'),
})`,
  'endless.ts': `import { definePipeline } from 'millrace'
import { periodic } from 'millrace/io/generate'
let told = false
export default definePipeline({
  name: 'endless',
  build: (p) => void p.apply('ticks', periodic({ every: '5 ms' })).reshuffle('spread')
    .map('tell', (n) => { if (!told) console.log('worker at work'); told = true; return n }).print('none'),
})`,
  'busy.ts': `import { definePipeline } from 'millrace'
import { periodic } from 'millrace/io/generate'
export default definePipeline({
  name: 'busy',
  build: (p) => void p.apply('ticks', periodic({ every: '5 ms' })).map('loop', (n) => {
    console.log('loops for ever')
    for (;;) if (n < 0) return n
  }).print('none'),
})`,
  'once.ts': `import { existsSync, writeFileSync } from 'node:fs'
import { definePipeline } from 'millrace'
export default definePipeline({
  name: 'once',
  build: (p) => void p.create('numbers', [1, 2, 3, 4]).keyBy('key', (n) => n).groupByKey('group').map('loop', ({ key }) => {
    const looped = process.env['LOOPED'] ?? ''
    if (key === 3 && !existsSync(looped)) {
      writeFileSync(looped, '')
      for (;;) if (key < 0) break
    }
    return key
  }).print('keys'),
})`,
} satisfies Record<string, string>)
const projects: Project[] = [made]
afterAll(() => {
  leftOvers()
  for (const each of projects) each.remove()
})

const KINDS = ['thread', 'process'] as const
const nothing = { processes: [], files: [] }

function args(file: string, isolation: string, ...more: readonly string[]): readonly string[] {
  return ['run', '--runner', 'micro-batch', '--workers', '2', '--isolation', isolation, '--batch-interval', '50ms', ...more, file] // prettier-ignore
}

/** Worker processes of a command, by the folder of its temporary files, which they have too. */
function workersIn(folder: string): readonly number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const isWorker = readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('worker-process')
      return isWorker && readFileSync(`/proc/${name}/environ`, 'utf8').includes(`MARK=${folder}\0`)
        ? [Number(name)]
        : []
    } catch {
      return []
    }
  })
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 30_000; !holds() && performance.now() < end;)
    await new Promise((resolve) => setTimeout(resolve, 20))
  expect(holds()).toBe(true)
}

describe.each(KINDS)('workers in a %s', (isolation) => {
  it('count, and what they write to the console is shown with its step', async () => {
    const { code, stdout, stderr, left } = await millrace(args('words.ts', isolation), { cwd: made.folder })
    expect(stdout.split('\n').sort()).toEqual(['', 'counts: be 1', 'counts: to 2'])
    expect(stderr).toMatch(/look.*looked at be/)
    expect([code, left]).toEqual([0, nothing])
  })

  it('fail as the one thread does: with the step, the element and the line of the author', async () => {
    const { code, stderr, left } = await millrace(args('fails.ts', isolation), { cwd: made.folder })
    expect(stderr).toContain('two is too many')
    expect(stderr).toMatch(/break/)
    expect(stderr).toMatch(/fails\.ts:6/)
    expect([code, left]).toEqual([1, nothing])
  })

  it('end the run when a promise was rejected and nobody waits for it', async () => {
    const { code, stderr, left } = await millrace(args('stray.ts', isolation), { cwd: made.folder })
    expect(stderr).toContain('nobody waits')
    expect(stderr).toContain('a promise of step "stray" was rejected and nobody waited for it')
    expect(stderr).toMatch(/stray\.ts:5/)
    expect([code, left]).toEqual([1, nothing])
  })

  it('end a run that waits for its source, when an error is thrown outside of every call', async () => {
    const { code, stderr, left } = await millrace(args('late.ts', isolation), { cwd: made.folder })
    expect(stderr).toContain('an error of step "stray" was thrown outside of every call')
    expect(stderr).toContain('much later')
    expect([code, left]).toEqual([1, nothing])
  })

  it('are ended when they do not answer, and what they did is done again elsewhere', async () => {
    const { code, stdout, stderr, left } = await millrace(
      ['run', '--runner', 'micro-batch', '--workers', '1', '--isolation', isolation, '--call-timeout', '2s', 'once.ts'],
      {
        cwd: made.folder,
        env: { LOOPED: `${made.folder}/looped-${isolation}` },
      },
    )
    expect(stderr).toMatch(/worker \d \(.*\) has not answered for 2 s, and is ended/)
    expect(stdout.split('\n').sort()).toEqual(['', 'keys: 1', 'keys: 2', 'keys: 3', 'keys: 4'])
    expect([code, left]).toEqual([0, nothing])
  })

  it('fail the run when a call never ends wherever it is made, and name its step', async () => {
    const { code, stderr, left } = await millrace(args('busy.ts', isolation, '--call-timeout', '1s'), {
      cwd: made.folder,
    })
    expect(stderr).toMatch(/has not answered for 1 s, and nor had the one before it/)
    expect(stderr).toMatch(/A call of one of the steps "ticks\/ticks", "loop" takes as long/)
    expect([code, left]).toEqual([1, nothing])
  })

  it.each([
    ['SIGINT', 'endless.ts', 0],
    ['SIGTERM', 'endless.ts', 143],
    ['SIGKILL', 'endless.ts', null],
    ['SIGKILL', 'busy.ts', null],
  ] as const)('are gone after %s to %s', async (signal, file, code) => {
    const mark = `${isolation}-${signal}-${file}`
    const checkpoint = signal === 'SIGTERM' ? ['--checkpoint', `kept-${isolation}`] : []
    const run: Running = start(args(file, isolation, ...checkpoint), { cwd: made.folder, env: { MARK: mark } })
    await run.said(file === 'busy.ts' ? 'loops for ever' : 'worker at work')
    expect(workersIn(mark).length).toBe(isolation === 'process' ? 2 : 0)
    // A terminal sends to all of the group what whoever kills sends to one.
    run.signal(signal, signal === 'SIGKILL' ? 'command' : 'group')
    const ended = await run.ended
    expect(ended.code).toBe(code)
    await until(() => workersIn(mark).length === 0)
  })
})

it('workers come and go by signals to the command', async () => {
  const run = start(args('endless.ts', 'process'), { cwd: made.folder, env: { MARK: 'signals' } })
  await run.said('worker at work')
  run.signal('SIGUSR2', 'command')
  await run.said('3 workers from the next batch on')
  await until(() => workersIn('signals').length === 3)
  run.signal('SIGUSR1', 'command')
  run.signal('SIGUSR1', 'command')
  await until(() => workersIn('signals').length <= 2)
  run.signal('SIGINT')
  const { code, left } = await run.ended
  expect([code, left.processes]).toEqual([0, []])
})
