import { describe, expect, it } from 'vitest'
import type { Sight } from './probe.js'
import { Watchdog } from './watchdog.js'

const sight = (identity: string): Sight => ({
  step: 'parse',
  element: '"x"',
  position: { file: 'a.ts', line: 3, column: 5 },
  functionName: 'spin',
  source: 'a.ts:9:1',
  identity,
})

/** A watchdog whose thread has spoken at 0. */
function alive(timeoutMillis: number | undefined): Watchdog {
  const watchdog = new Watchdog(timeoutMillis)
  watchdog.sign(0)
  return watchdog
}

/** Looks every second from second 3 on, without a sign of life, and gives the verdicts by second. */
function verdicts(watchdog: Watchdog, seen: (second: number) => Sight | undefined, to: number, isLoading = false) {
  const all: [second: number, kind: string, text: string][] = []
  for (let second = 3; second <= to; second++) {
    const verdict = watchdog.seen(seen(second), second * 1000, isLoading)
    if (verdict !== undefined) all.push([second, verdict.kind, verdict.text])
  }
  return all
}

describe('the watchdog', () => {
  it('looks only after silence, and not all the time', () => {
    const watchdog = alive(undefined)
    expect(watchdog.isLookDue(2900)).toBe(false)
    expect(watchdog.isLookDue(3000)).toBe(true)
    watchdog.seen(sight('a'), 3000, false)
    expect(watchdog.isLookDue(4900)).toBe(false)
    expect(watchdog.isLookDue(5000)).toBe(true)
    watchdog.sign(5000)
    expect(watchdog.isLookDue(7900)).toBe(false)
  })

  it('waits for the first sign: the thread may take its time to load millrace', () => {
    expect(new Watchdog(1000).isLookDue(60_000)).toBe(false)
  })

  it('names a call after ten seconds, and again after ten more', () => {
    const reports = verdicts(alive(undefined), () => sight('a'), 30)
    expect(reports.map(([second, kind]) => [second, kind])).toEqual([
      [13, 'report'],
      [23, 'report'],
    ])
    expect(reports[0]?.[2]).toBe(
      'step "parse" has been in one call on "x" for 10 s without returning.\n  at spin (a.ts:3:5)\n  step written at: a.ts:9:1',
    )
  })

  it('does not take many calls for one', () => {
    const watchdog = alive(5000)
    expect(verdicts(watchdog, (second) => sight(`call ${Math.floor(second / 4)}`), 60)).toEqual([])
  })

  it('ends a call that has lasted as long as it may, and no earlier', () => {
    expect(verdicts(alive(5000), () => sight('a'), 8)).toEqual([
      [8, 'end', expect.stringContaining('for 5.0 s without returning, and was ended: the call timeout is 5.0 s.')],
    ])
    expect(verdicts(alive(5000), () => sight('a'), 7)).toEqual([])
  })

  it('begins again at a sign of life, also at one that came during a look', () => {
    const watchdog = alive(5000)
    watchdog.seen(sight('a'), 3000, false)
    watchdog.sign(7000)
    expect(watchdog.seen(sight('a'), 6000, false)).toBeUndefined()
    expect(watchdog.seen(sight('a'), 10_000, false)).toBeUndefined()
    expect(watchdog.seen(sight('a'), 14_000, false)).toBeUndefined()
    expect(watchdog.seen(sight('a'), 15_000, false)?.kind).toBe('end')
  })

  it('reports what it cannot see, and ends no module that is being loaded', () => {
    expect(verdicts(alive(5000), () => undefined, 8)[0]?.[2]).toContain('It cannot be looked into')
    const loading = verdicts(alive(5000), () => ({ ...sight('a'), step: undefined }), 14, true)
    expect(loading).toEqual([
      [13, 'report', expect.stringContaining("the pipeline's thread has been busy for 10 s, outside of every step.")],
    ])
  })
})
