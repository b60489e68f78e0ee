import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Secret } from '../../sdk/secret.js'
import { excerptLines, excerptOf } from './excerpt.js'
import { redacting } from './redact.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-excerpt-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('an excerpt', () => {
  const file = join(folder, 'a.ts')
  writeFileSync(file, `first\n    throw new Error('x')\n\n${'y'.repeat(500)}throw${'z'.repeat(500)}\n\t\tparse(x)\r\n`)
  const shown = (line: number, column: number): readonly string[] => {
    const excerpt = excerptOf({ file, line, column })
    return excerpt === undefined ? [] : excerptLines(excerpt)
  }

  it('is the line without its indentation, and a mark below the place', () => {
    expect(shown(2, 11)).toEqual(["   2 | throw new Error('x')", '     |       ^'])
    expect(shown(5, 3)).toEqual(['   5 | parse(x)', '     | ^'])
  })

  it('keeps the place of a very long line in sight', () => {
    const [line = '', mark = ''] = shown(4, 501)
    expect(line.slice(mark.indexOf('^'))).toMatch(/^throwz/)
    expect(line.length).toBeLessThan(120)
  })

  it('is left out where there is nothing to show', () => {
    expect([shown(3, 1), shown(99, 1), excerptOf({ file: join(folder, 'gone.ts'), line: 1, column: 1 })]).toEqual([
      [],
      [],
      undefined,
    ])
    expect(excerptOf(undefined)).toBeUndefined()
  })
})

describe('redacting', () => {
  it('hides the texts of secrets wherever they stand, also inside of objects and of JSON', () => {
    const redact = redacting({
      token: new Secret('pass"word'),
      nested: { other: new Secret('pass"word-2') },
      user: 'ann',
    })
    expect(redact('it was pass"word-2, not pass"word')).toBe('it was ***, not ***')
    expect(redact({ error: { frames: ['at pass"word'] }, element: JSON.stringify(['pass"word']) })).toEqual({
      error: { frames: ['at ***'] },
      element: '["***"]',
    })
    expect(redact('ann')).toBe('ann')
  })

  it('hides secrets as they stand in URLs, in base64 and in base64url', () => {
    const text = 'p?ss/wörd>>~ ü'
    const redact = redacting({ token: new Secret(text) })
    const base64 = Buffer.from(text).toString('base64')
    expect(base64).toMatch(/[+/].*=$/)
    const forms = [
      encodeURIComponent(text),
      encodeURIComponent(text).replace(/%../g, (escape) => escape.toLowerCase()),
      new URLSearchParams({ k: text }).toString().slice(2),
      base64,
      base64.replace(/=+$/, ''),
      Buffer.from(text).toString('base64url'),
    ]
    for (const form of forms) expect(redact(`before ${form} behind`)).toBe('before *** behind')
  })

  it('leaves texts alone without secrets, and secrets too short to be told from other words', () => {
    expect(redacting({ a: 'b' })('a b')).toBe('a b')
    expect(redacting({ pin: new Secret('12') })('12 elements')).toBe('12 elements')
  })
})
