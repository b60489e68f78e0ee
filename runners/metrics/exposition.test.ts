import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exposition, metricName } from './exposition.js'

describe('the text format', () => {
  it('writes help, type and samples of a family, with the suffixes of a summary', () => {
    const text = exposition([
      { name: 'a_total', type: 'counter', help: 'How many.', samples: [{ labels: {}, value: 3 }] },
      {
        name: 'b',
        type: 'summary',
        help: 'How long.',
        samples: [
          { suffix: '_sum', labels: { step: 'x' }, value: 1.5 },
          { suffix: '_count', labels: { step: 'x' }, value: 2n ** 70n },
        ],
      },
    ])
    expect(text).toBe(
      '# HELP a_total How many.\n# TYPE a_total counter\na_total 3\n' +
        '# HELP b How long.\n# TYPE b summary\nb_sum{step="x"} 1.5\nb_count{step="x"} 1180591620717411303424\n',
    )
  })

  it('leaves out families without samples', () => {
    expect(exposition([{ name: 'a', type: 'gauge', help: '', samples: [] }])).toBe('')
  })

  it.each([
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
    [NaN, 'NaN'],
    [-0, '0'],
    [1e21, '1e+21'],
    [1.5e-7, '1.5e-7'],
  ])('writes %d as Go reads it: %s', (value, text) => {
    expect(sampleOf({}, value)).toBe(`m ${text}`)
  })

  it('escapes what would end a label or a line', () => {
    expect(sampleOf({ step: 'a"b\\c\nd' })).toBe('m{step="a\\"b\\\\c\\nd"} 1')
    const help = exposition([{ name: 'm', type: 'gauge', help: 'a"b\\c\nd', samples: [{ labels: {}, value: 1 }] }])
    expect(help.split('\n')[0]).toBe('# HELP m a"b\\\\c\\nd')
  })

  it('writes any label so that it can be read again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (label) => {
        const line = sampleOf({ step: label })
        const quoted = /^m\{step="((?:[^"\\\n]|\\[\\"n])*)"\} 1$/s.exec(line)?.[1]
        const read = quoted?.replaceAll(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
        expect(read).toBe(Buffer.from(label).toString())
      }),
    )
  })
})

describe('names', () => {
  it.each([
    ['parsedLines', 'parsed_lines'],
    ['HTTPRequests', 'http_requests'],
    ['bytes2Read', 'bytes2_read'],
    ['with-dash and space', 'with_dash_and_space'],
    ['größe', 'gr_e'],
    ['', '_'],
    ['_x', '_x'],
  ])('%j becomes %s', (given, name) => expect(metricName(given)).toBe(name))

  it('have only what names of Prometheus may have', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        expect(`millrace_user_${metricName(name)}`).toMatch(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/)
      }),
    )
  })
})

function sampleOf(labels: Readonly<Record<string, string>>, value = 1): string {
  const text = exposition([{ name: 'm', type: 'gauge', help: 'Help.', samples: [{ labels, value }] }])
  return text.split('\n').slice(2, -1).join('\n')
}
