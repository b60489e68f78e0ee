/** Calls of user code that do not return: named while they last, ended where a limit is set. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, fixture, leftOvers, millrace, start } from './fixtures/command.js'

beforeAll(compiled, 120_000)
afterAll(leftOvers)
const nothing = { processes: [], files: [] }
const hang = fixture('hang.ts')
const lineOf = (text: string): number =>
  readFileSync(hang, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(text)) + 1

describe.concurrent('a call over its time', { timeout: 30_000 }, () => {
  it.each<[string, string, string, string, string]>([
    ['map', 'generated', 'spin', '4', 'spin'],
    ['map', 'closures', 'spin', '4', 'spin'],
    ['doFn', 'generated', 'look up', '"bob"', 'process'],
    ['doFn', 'closures', 'look up', '"bob"', 'process'],
    ['filter', 'generated', 'never', '"bb"', 'spin'],
    ['combine', 'generated', 'reduce', '3', 'spin'],
    ['combine', 'closures', 'reduce', '3', 'spin'],
  ])('in a %s (%s) ends the run, naming step, element and line', async (where, compiler, step, element, name) => {
    const run = await millrace(['run', hang, '--where', where, '--call-timeout=400ms', '--stage-compiler', compiler])
    // What the fixture writes to the console stands before it: with its step, or with the pipeline's name.
    const [first, second, third] = run.stderr.split('\n').filter((line) => !/^(\[|[\w ]+ \| )/.test(line))
    expect(first).toMatch(
      new RegExp(
        `^error: step "${step}" has been in one call on ${element} for \\d\\.\\d s without returning, and was ended: the call timeout is 0\\.4 s\\.$`,
      ),
    )
    const line = where === 'doFn' ? lineOf("if (user === 'bob')") : lineOf('for (let round')
    expect(second).toMatch(new RegExp(`^ {2}at ${name} \\(${hang}:${line}:\\d+\\)$`))
    expect(third).toMatch(new RegExp(`^ {2}step written at: ${hang}:${lineOf(`('${step}'`)}:\\d+$`))
    expect([run.code, run.left]).toEqual([1, nothing])
  })

  it('that is asynchronous ends the run too', async () => {
    const run = await millrace(['run', hang, '--where', 'promise', '--call-timeout', '300ms'])
    expect(run.stderr).toMatch(
      /^error: step "wait" failed in process: the call has not ended after \d+ ms \(call timeout 300 ms\)\n {2}element: 2\n/,
    )
    expect(run.stderr).toContain(`step written at: ${hang}:${lineOf("('wait'")}:`)
    expect([run.code, run.left]).toEqual([1, nothing])
  })

  it('that is asynchronous and leaves no turn to anyone is found as well', async () => {
    const run = await millrace(['run', hang, '--where', 'turns', '--call-timeout', '300ms'])
    expect(run.stderr).toMatch(/^error: step "turn" has been in one call on 2 for /)
    expect(run.stderr).toContain(`(${hang}:${lineOf('n === 2 && round')}:`)
    expect(run.code).toBe(1)
  })

  it('inside a regular expression is found as well', async () => {
    const run = await millrace(['run', hang, '--where', 'expression', '--call-timeout', '300ms'])
    expect(run.stderr).toContain('error: step "match" has been in one call on "aaaa')
    expect(run.code).toBe(1)
  })

  it('inside the system is reported without a place', async () => {
    const run = await millrace(['run', fixture('trouble.ts'), '--how', 'native', '--call-timeout', '300ms'])
    expect(run.stderr).toContain("error: the pipeline's thread has not answered for")
  })
})

describe.concurrent('without a limit', { timeout: 30_000 }, () => {
  it('a call is named again and again, and the run goes on', async () => {
    const run = start(['run', hang, '--where', 'map'], { env: { MILLRACE_TEST_REPORT_MILLIS: '400' } })
    await run.said('has been in one call on 4 for', 2)
    run.signal('SIGINT')
    await run.said('draining')
    run.signal('SIGINT')
    const { stderr } = await run.ended
    expect(stderr).toMatch(/^step "spin" has been in one call on 4 for \d+\.\d s without returning\.$/m)
    expect(stderr).not.toContain('error:')
  })

  it('a module that does not finish loading is named, and no limit ends it', async () => {
    const file = fixture('exports/endless-module.ts')
    const env = { MILLRACE_TEST_REPORT_MILLIS: '400' }
    const run = start(['run', file, '--call-timeout', '300ms'], { env })
    await run.said(`outside of every step.\n  at (${file}:`, 2)
    run.signal('SIGINT')
    const { code, stderr } = await run.ended
    expect(stderr).toContain("the pipeline's thread has been busy for")
    expect(code).toBe(130)
  })

  it('an asynchronous call is named after ten seconds', async () => {
    const run = start(['run', hang, '--where', 'promise'])
    await run.said('step "wait" has waited 1')
    run.signal('SIGINT')
    await run.said('draining')
    run.signal('SIGINT')
    expect((await run.ended).code).toBe(130)
  })

  it('many short calls are no long one', async () => {
    const env = { MILLRACE_TEST_REPORT_MILLIS: '400' }
    const run = await millrace(['run', hang, '--where', 'busy', '--call-timeout', '400ms'], { env })
    expect(run.stderr).not.toContain('in one call')
    expect(run.code).toBe(0)
  })
})
