/** How a run is ended from outside, and what is left of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, fixture, leftOvers, start } from './fixtures/command.js'

beforeAll(compiled, 120_000)
afterAll(leftOvers)
const nothing = { processes: [], files: [] }
const endless = fixture('endless.ts')

describe.concurrent('a run that is told to stop', { timeout: 30_000 }, () => {
  it('is drained by SIGINT: what was read is finished', async () => {
    const run = start(['run', endless])
    await run.said('tick: 1')
    run.signal('SIGINT')
    const { code, stdout, stderr, left } = await run.ended
    expect(stderr).toContain('SIGINT: draining: endless sources stop, and what has been read is finished.')
    expect(stderr).toContain('Press Ctrl-C again to stop at once.')
    expect(stderr).toContain('endless: drained in')
    expect(stdout).toMatch(/^result: counted \d+$/m)
    expect([code, left]).toEqual([0, nothing])
  })

  it('stops at once at the second SIGINT', async () => {
    const run = start(['run', endless, '--never-ends'])
    await run.said('tick: 1')
    run.signal('SIGINT')
    await run.said('draining')
    run.signal('SIGINT')
    const { code, stderr, left } = await run.ended
    expect(stderr).toContain('SIGINT: stopped. What was under way is lost.')
    expect([code, left]).toEqual([130, nothing])
  })

  it('is drained by SIGTERM', async () => {
    const run = start(['run', endless])
    await run.said('tick: 1')
    run.signal('SIGTERM')
    const { code, stderr, left } = await run.ended
    expect(stderr).toContain('within 10 s.')
    expect([code, left]).toEqual([0, nothing])
  })

  it('is stopped when draining after SIGTERM takes too long', async () => {
    const run = start(['run', endless, '--neverEnds', '--grace', '300ms'])
    await run.said('tick: 1')
    run.signal('SIGTERM')
    const { code, stderr, left } = await run.ended
    expect(stderr).toContain('SIGTERM: the time for draining is over; stopped.')
    expect([code, left]).toEqual([143, nothing])
  })

  it('stops a thread in an endless loop', async () => {
    const run = start(['run', fixture('hang.ts'), '--where', 'map'])
    await run.said('spinning')
    run.signal('SIGINT')
    await run.said('draining')
    run.signal('SIGINT')
    const { code, left } = await run.ended
    expect([code, left]).toEqual([130, nothing])
  })

  it('stops while the module still loads', async () => {
    const run = start(['run', fixture('exports/endless-module.ts')])
    await run.said('loading for ever')
    run.signal('SIGINT')
    const { code, left } = await run.ended
    expect([code, left]).toEqual([130, nothing])
  })

  it('kills the process when the thread is inside a call of the system', async () => {
    const run = start(['run', fixture('trouble.ts'), '--how', 'native'])
    await run.said('asleep')
    run.signal('SIGTERM', 'command')
    await run.said('draining')
    run.signal('SIGTERM', 'command')
    const { stderr, signal, millis } = await run.ended
    expect(stderr).toContain('is inside native code and cannot be stopped; the process is killed.')
    expect(signal).toBe('SIGKILL')
    expect(millis).toBeLessThan(20_000)
  })

  it('shows progress, one line a second, when nobody looks', async () => {
    const run = start(['run', endless])
    await run.said('elapsed=2')
    run.signal('SIGINT')
    const { stderr } = await run.ended
    expect(stderr).toMatch(
      /^elapsed=1\.\ds read=\d+ rate=\d+\/s watermark=\S+ at=\S+( lag=\S+)? keys=\d+ late=0 errors=0$/m,
    )
  })

  it('says what it waits for when nothing comes', async () => {
    const run = start(['run', endless, '--every-millis', '1000000'])
    await run.said('no output for 5 s; 1 element read so far.')
    await run.said('its input "ticks" is at 1970-01-01 00:00:00 because it has given nothing for ')
    run.signal('SIGINT')
    const { code, stderr } = await run.ended
    expect(code).toBe(0)
    expect(stderr).toContain(', 1 element read')
    // Once for each silence.
    expect(stderr.split('no output for')).toHaveLength(2)
  })
})
