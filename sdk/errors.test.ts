import { describe, expect, it } from 'vitest'
import { messageOf } from './errors.js'

class Unnamed extends Error {
  override name = 'Unnamed'
}

describe('the message of what was thrown', () => {
  const thrown: readonly (readonly [string, unknown, string | RegExp])[] = [
    ['an error', new Error('too late'), 'too late'],
    ['an error without a message', new Unnamed(), 'Unnamed'],
    ['an object with a message', { message: 'from afar' }, 'from afar'],
    ['text', 'just text', 'thrown value is not an Error: just text'],
    ['nothing', undefined, 'thrown value is not an Error: undefined'],
    ['an object of nothing', Object.create(null), /^thrown value is not an Error: /],
    [
      'an error whose message cannot be read',
      Object.defineProperty(new Error(), 'message', {
        get: () => {
          throw new Error('no')
        },
      }),
      /^thrown value is not an Error: /,
    ],
    ['a symbol', Symbol('odd'), /^thrown value is not an Error: .*odd/],
  ]
  it.each(thrown)('%s', (_what, value, message) => {
    if (typeof message === 'string') expect(messageOf(value)).toBe(message)
    else expect(messageOf(value)).toMatch(message)
  })
})
