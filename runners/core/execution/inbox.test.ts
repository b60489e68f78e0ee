import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../sdk/env.js'
import { TIMESTAMP_MAX } from '../../../sdk/time.js'
import { NO_FIRING } from '../../../sdk/windowing/pane-info.js'
import { globalWindow, IntervalWindow } from '../../../sdk/windowing/window.js'
import { Inbox, type Waiting } from './inbox.js'

/** Puts `abc` into an inbox letter by letter; `|` ends a bundle for the reader, `!` commits. */
function write(inbox: Inbox, script: string): Inbox {
  for (const letter of script) {
    if (letter === '|') inbox.mark()
    else if (letter === '!') inbox.commit()
    else inbox.add(letter, letter.charCodeAt(0), globalWindow, NO_FIRING)
  }
  return inbox
}

/** What was taken, with `|` between bundles; each element must have kept its timestamp. */
function read(waiting: Waiting | undefined): string | undefined {
  if (waiting === undefined) return undefined
  const bundles: string[] = []
  let from = 0
  for (const end of waiting.ends) {
    let bundle = ''
    waiting.elements.forEach(
      (value, timestamp) => {
        expect(timestamp).toBe((value as string).charCodeAt(0))
        bundle += value as string
      },
      from,
      end,
    )
    bundles.push(bundle)
    from = end
  }
  expect(from).toBe(waiting.elements.length)
  return bundles.join('|')
}

describe('elements', () => {
  it.each([
    ['', undefined],
    ['!', undefined],
    ['abc', undefined],
    ['abc!', 'abc'],
    ['ab!c!', 'ab|c'],
    ['a|b|c!', 'a|b|c'],
    // Bundles without elements are none.
    ['||a||b||!!', 'a|b'],
  ])('written as %j are read as %j', (script, expected) => {
    expect(read(write(new Inbox(undefined), script).take())).toBe(expected)
  })

  it('are taken once, and what comes later is a new beginning', () => {
    const inbox = write(new Inbox(undefined), 'a|b!')
    expect(read(inbox.take())).toBe('a|b')
    expect(inbox.take()).toBeUndefined()
    expect(read(write(inbox, 'cd!').take())).toBe('cd')
  })
})

describe('in strict mode', () => {
  const letters = 'abcdefghijklmnopqrstuvwxyz'

  it.each([1, 2, 3, 10])('all are there, in bundles of at most %d, in another order', (bundleSizeMax) => {
    const orders = new Set<string>()
    for (let seed = 0; seed < 10; seed++) {
      const text = read(write(new Inbox({ random: seededRandom(seed), bundleSizeMax }), `${letters}!`).take()) ?? ''
      const bundles = text.split('|')
      expect([...bundles.join('')].sort().join('')).toBe(letters)
      for (const { length } of bundles) expect(length >= 1 && length <= bundleSizeMax).toBe(true)
      orders.add(text)
    }
    expect(orders.size).toBe(10)
  })

  it('the seed decides', () => {
    const [a, b] = [7, 7].map((seed) =>
      read(write(new Inbox({ random: seededRandom(seed), bundleSizeMax: 4 }), `${letters}!`).take()),
    )
    expect(a).toBe(b)
  })

  it('only what was committed is read', () => {
    expect(write(new Inbox({ random: () => 0.5, bundleSizeMax: 2 }), 'abc').take()).toBeUndefined()
  })
})

it('what waits holds the watermark within its windows, also where its timestamp lies behind them', () => {
  const inbox = new Inbox(undefined)
  expect(inbox.hold).toBe(TIMESTAMP_MAX)
  inbox.add('late in its window', 110, new IntervalWindow(0, 100), NO_FIRING)
  inbox.commit()
  expect(inbox.hold).toBe(99)
  inbox.add('in two', 60, [new IntervalWindow(0, 80), new IntervalWindow(40, 120)], NO_FIRING)
  inbox.commit()
  expect(inbox.hold).toBe(60)
})
