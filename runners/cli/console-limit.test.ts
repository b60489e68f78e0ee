import { describe, expect, it } from 'vitest'
import { ConsoleLimit, type ConsoleMode } from './console-limit.js'

function limited(mode: ConsoleMode = 'limited') {
  const shown: string[] = []
  const clock = { now: 0 }
  const limit = new ConsoleLimit(
    mode,
    {
      log: (text, stream, step) => shown.push(`${stream} ${step ?? '-'} ${text}`),
      note: (text) => shown.push(text),
    },
    () => clock.now,
  )
  return { limit, shown, clock }
}

describe('the limit of the console', () => {
  it('shows twenty lines at once, two more a second, and counts the rest', () => {
    const { limit, shown, clock } = limited()
    for (let i = 0; i < 25; i++) limit.write(`${i}\n`, 'out', 'parse')
    expect(shown).toHaveLength(20)
    clock.now = 1000
    for (let i = 25; i < 30; i++) limit.write(`${i}\n`, 'out', 'parse')
    expect(shown.slice(20)).toEqual(['out parse 25\n', 'out parse 26\n'])
    limit.remark()
    expect(shown).toHaveLength(22)
    limit.remark(true)
    expect(shown.at(-1)).toBe('… 8 more lines from "parse" (--console all shows every line)')
    limit.remark(true)
    expect(shown).toHaveLength(23)
  })

  it('keeps steps and streams apart', () => {
    const { limit, shown } = limited()
    for (let i = 0; i < 30; i++) limit.write('x\n', 'out', 'loud')
    limit.write('a\n', 'out', 'quiet')
    limit.write('b\n', 'err', 'loud')
    limit.write('c\n', 'out', undefined)
    expect(shown.slice(20)).toEqual(['out quiet a\n', 'err loud b\n', 'out - c\n'])
  })

  it('says every five seconds what it has left out, also when nothing else happens between two lines', () => {
    const { limit, shown, clock } = limited()
    for (let i = 0; i < 12_020; i++) limit.write('x\n', 'out', 'parse')
    clock.now = 5000
    limit.write('y\n', 'out', 'parse')
    expect(shown.slice(20)).toEqual([
      '… 12,000 more lines from "parse" (--console all shows every line)',
      'out parse y\n',
    ])
  })

  it('counts a line that is written in pieces once, and never cuts one that it has begun to show', () => {
    const { limit, shown } = limited()
    for (let i = 0; i < 19; i++) limit.write('x\n', 'out', 'parse')
    for (const piece of ['begun', ' and ', 'ended\nnever ', 'shown', '\n']) limit.write(piece, 'out', 'parse')
    expect(shown.slice(19).join('')).toBe('out parse begunout parse  and out parse ended\n')
    limit.remark(true)
    expect(shown.at(-1)).toContain('… 1 more line from')
  })

  it('shows all or nothing when it is told to', () => {
    const [all, off] = [limited('all'), limited('off')]
    for (const { limit } of [all, off]) for (let i = 0; i < 500; i++) limit.write('x\n', 'out', 'parse')
    off.limit.remark(true)
    expect([all.shown.length, off.shown.length, off.limit.isOff]).toEqual([500, 0, true])
  })
})
