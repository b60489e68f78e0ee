import { describe, expect, it } from 'vitest'
import { dispatch } from './dispatch.js'
import type { Lane, LaneProgram } from './lane.js'
import { lanes } from './lanes.js'
import { seededLane, seededSample } from './seeded-lane.js'

const lane = (name: string, program: LaneProgram): Lane => ({
  name,
  meaning: `what ${name} claims`,
  sample: seededSample,
  load: async () => program,
})

async function outcome(args: readonly string[], table: readonly Lane[]): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = []
  return { code: await dispatch(args, table, (line) => lines.push(line)), lines }
}

describe('the dispatcher', () => {
  const table = [
    lane('bundling', async (args) => ({ passed: args.length, failed: 0 })),
    lane('keys', async () => ({ passed: 2, failed: 1 })),
    lane('panes', async () => ({ passed: 0, failed: 0 })),
    lane('kills', () => Promise.reject(new Error('no such server'))),
  ]

  it('lists the lanes when none is named', async () => {
    const { code, lines } = await outcome([], table)
    expect(code).toBe(0)
    expect(lines).toContain('  bundling  what bundling claims')
    expect(lines).toContain('  keys      what keys claims')
  })

  it('hands the rest of the line to the lane, and ends with its count', async () => {
    expect(await outcome(['bundling', '--seeds', '3'], table)).toEqual({ code: 0, lines: ['2 passed, 0 failed'] })
  })

  it('fails when a lane counts a failure, checks nothing or breaks off', async () => {
    expect(await outcome(['keys'], table)).toEqual({ code: 1, lines: ['2 passed, 1 failed'] })
    const nothing = await outcome(['panes'], table)
    expect(nothing.code).toBe(1)
    expect(nothing.lines).toEqual([expect.stringContaining('checked nothing'), '0 passed, 1 failed'])
    const broken = await outcome(['kills'], table)
    expect(broken.code).toBe(1)
    expect(broken.lines).toEqual([expect.stringContaining('no such server'), '0 passed, 1 failed'])
  })

  it('takes a sample of every lane, and counts them together', async () => {
    const seen: string[] = []
    const two = ['a', 'b'].map((name) =>
      lane(name, async (args) => {
        seen.push(args.join(' '))
        return { passed: 2, failed: name === 'b' ? 1 : 0 }
      }),
    )
    const { code, lines } = await outcome(['--sample', '7', '--minutes', '3'], two)
    expect(seen).toEqual(['--from 7 --minutes 1.5', '--from 7 --minutes 1.5'])
    expect([code, lines.at(-1)]).toEqual([1, '4 passed, 1 failed'])
    expect((await outcome(['--sample', 'some'], two)).code).toBe(2)
    expect((await outcome(['--sample', '1'], [])).code).toBe(1)
  })

  it('names the nearest lane for one that does not exist', async () => {
    expect((await outcome(['bundlin'], table)).lines[0]).toContain('Did you mean "bundling"?')
    const far = await outcome(['xylophone'], table)
    expect(far.code).toBe(2)
    expect(far.lines[0]).not.toContain('Did you mean')
  })
})

it('lists every lane once, each with a meaning and a program that loads', async () => {
  expect(new Set(lanes.map(({ name }) => name)).size).toBe(lanes.length)
  for (const { meaning, load } of lanes) {
    expect(meaning).not.toBe('')
    expect(await load()).toBeTypeOf('function')
  }
})

describe('a seeded lane', () => {
  const odd = (lines: string[]): LaneProgram =>
    seededLane(
      { lane: 'odd', seeds: 4, faultOf: async (seed) => (seed % 2 === 0 ? `seed ${seed} is even` : undefined) },
      (line) => lines.push(line),
    )

  it('tries its full set, and prints the command that repeats a failure', async () => {
    const lines: string[] = []
    expect(await odd(lines)([])).toEqual({ passed: 2, failed: 2 })
    expect(lines).toContain('  repeat: npm run proof -- odd --from 2 --seeds 1')
    expect(await odd([])(['--from', '2', '--seeds', '1'])).toEqual({ passed: 0, failed: 1 })
  })

  it('stops after ten failures and says how much was tried', async () => {
    const lines: string[] = []
    expect(await odd(lines)(['--seeds', '100'])).toEqual({ passed: 10, failed: 10 })
    expect(lines.at(-1)).toBe('tried 20 of 100 seeds')
  })

  it('refuses flags it does not know and numbers that are none', async () => {
    await expect(odd([])(['--seed', '1'])).rejects.toThrow("'--seed'")
    await expect(odd([])(['--seeds', 'many'])).rejects.toThrow('--seeds needs a whole number')
  })
})
