/** The screen of a run, on a real pseudo-terminal: what a person sees, what keys do, and how the terminal is left. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compiled, fixture } from './fixtures/command.js'
import { closeTerminals, noTerminal, onTerminal } from './fixtures/terminal.js'

const missing = noTerminal()
if (missing !== undefined) console.warn(`the live view is not tested: ${missing}`)

const endless = fixture('endless.ts')

beforeAll(compiled, 120_000)
afterAll(closeTerminals)

describe.skipIf(missing !== undefined)('a run on a terminal', () => {
  it('shows steps, pauses and reads on, shows details and help, and drains; the terminal is as it was', async () => {
    const terminal = onTerminal(['run', endless, '--every-millis', '5'])
    const first = await terminal.shows('q drain · p pause · d details · ? help')
    expect(first).toMatch(/ endless · direct · running · \d+\.\d s · [\d,]+ read, [\d,]+\/s/)
    expect(first).toMatch(/ step +in\/s +out\/s +watermark +lag +keys +timers +waiting +late +errors/)
    expect(first).toMatch(/ ticks +– +[1-9]\d* +1970-01-01 00:00:0/)
    expect(first).toMatch(/ count +[1-9]\d* +0 +1970-01-01 00:00:0\S+ +\d+ y +1 /)
    terminal.press('d')
    await terminal.shows(
      / why {2}"count" is waiting: window \[1970-01-01 00:00:00, 01:00:00\) with 1 key closes when its/,
    )
    terminal.press('p')
    const paused = await terminal.shows(/ endless · direct · paused · [\s\S]*p resume/)
    expect(paused).toContain('the run is')
    const read = (): string | undefined => / ([\d,]+) read, /.exec(terminal.screen.text())?.[1]
    // What was under way when the key was pressed has come by the next screen.
    await terminal.shows(/, 0\/s/)
    const before = read()
    expect(before).toBeDefined()
    terminal.press('?')
    await terminal.shows('q        drain: stop reading, finish what was read')
    await terminal.shows(/paused · (?:[89]|\d\d)/)
    expect(read()).toBe(before)
    terminal.press('?p')
    await terminal.shows(/running[\s\S]*p pause/)
    terminal.press('q')
    await terminal.shows('q: draining: endless sources stop')
    const { code, isSane } = await terminal.ended
    expect([code, isSane]).toEqual([0, true])
    const last = terminal.screen.text()
    expect(last).toContain('result: counted')
    expect(last).toMatch(/endless: drained in \d+\.\d\d s, \d+ elements read/)
    // The screen has gone, and nothing else has.
    expect(last).not.toContain('q drain')
    expect(last).toContain('tick: 0')
  })

  it('Ctrl-C drains and a second one stops; signals and a crash leave the terminal as it was', async () => {
    const twice = onTerminal(['run', endless, '--never-ends'])
    await twice.shows('q drain')
    twice.press('\u0003')
    await twice.shows('SIGINT: draining')
    twice.press('q')
    await twice.shows('q: the run is being drained already.')
    twice.press('p')
    await twice.shows('a run that is being drained, or is over, cannot be paused.')
    twice.press('\u0003')
    expect(await twice.ended).toEqual({ code: 130, isSane: true })

    for (const [signal, code] of [
      ['SIGTERM', 0],
      ['SIGHUP', -1],
    ] as const) {
      const one = onTerminal(['run', endless])
      await one.shows('q drain')
      one.signal(signal)
      expect(await one.ended).toEqual({ code, isSane: true })
    }

    const crashed = onTerminal(['run', fixture('trouble.ts'), '--kind', 'throws'])
    expect((await crashed.ended).isSane).toBe(true)
  })

  it('fits a narrow terminal, also one that becomes narrow, and has no colours under NO_COLOR', async () => {
    const terminal = onTerminal(['run', endless], { columns: 100, env: { NO_COLOR: '1' } })
    await terminal.shows('q drain')
    terminal.resize(10, 40)
    await terminal.shows('…')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const lines = terminal.screen.lines.slice(-10)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40)
    expect(lines.join('\n')).toMatch(/ step +out\/s +watermark\n/)
    expect(lines.join('\n')).toMatch(/ ticks +\d+ +1970-01-01 00:00:\d\d\n/)
    expect(lines.filter((line) => line.includes('endless · direct')).length).toBe(1)
    expect(
      terminal
        .written()
        .split('\u001b')
        .filter((part) => /^\[[\d;]+m/.test(part)),
    ).toEqual([])
    terminal.press('q')
    expect((await terminal.ended).isSane).toBe(true)
  })

  it('in CI nobody sits at the terminal: lines, and no keys', async () => {
    const terminal = onTerminal(['run', endless], { env: { CI: 'true' } })
    await terminal.shows(/elapsed=\d\.\ds read=\d+/)
    terminal.signal('SIGINT')
    expect(await terminal.ended).toEqual({ code: 0, isSane: true })
    expect(terminal.written()).not.toContain('q drain')
  })
})
