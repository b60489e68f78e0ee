import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import type { Secret } from 'millrace'
import { definePipeline, secret } from 'millrace'
import { z } from 'zod'
import { optionRows } from './option-info.js'
import { pipelineOptions, sourcedOptions } from './pipeline-options.js'

/** Options of a pipeline with this codec, for these arguments. */
function read(codec: t.Mixed | z.ZodType, args: readonly string[], environment: Record<string, string> = {}): unknown {
  const sources = { args, environment, configured: undefined }
  return pipelineOptions(definePipeline({ name: 'p', options: codec, build: () => undefined }), sources)
}

/** Accepts text only, as codecs of dates and numbers in JSON do. */
const NumberFromText = new t.Type<number, string>(
  'NumberFromText',
  t.number.is,
  (value, context) =>
    typeof value === 'string' && value.trim() !== '' ? t.success(Number(value)) : t.failure(value, context),
  String,
)

describe('an option of a pipeline', () => {
  it.each<[string, t.Mixed, string[], unknown]>([
    ['text stays text', t.string, ['--x', '5'], '5'],
    ['number', t.number, ['--x', '5'], 5],
    ['negative number', t.number, ['--x', '-5.5'], -5.5],
    ['a codec that takes text gets text', NumberFromText, ['--x', '5'], '5'],
    ['a union takes the text first', t.union([t.number, t.string]), ['--x', '5'], '5'],
    ['literal', t.union([t.literal('a'), t.literal(1)]), ['--x', '1'], 1],
    ['flag', t.boolean, ['--x'], true],
    ['negated flag', t.boolean, ['--no-x'], false],
    ['flag with a value', t.boolean, ['--x', 'false'], false],
    ['flag with a value of its own', t.boolean, ['--x=true'], true],
    ['JSON', t.type({ a: t.array(t.number) }), ['--x', '{"a":[1]}'], { a: [1] }],
    ['several times', t.array(t.string), ['--x', 'a', '--x', 'b'], ['a', 'b']],
    ['several numbers', t.array(t.number), ['--x=1', '--x=2'], [1, 2]],
    ['a list of one', t.array(t.string), ['--x', 'a'], ['a']],
    ['the last one counts', t.number, ['--x', '1', '--x', '2'], 2],
    ['empty text', t.string, ['--x='], ''],
    ['null', t.union([t.null, t.number]), ['--x', 'null'], null],
  ])('%s', (_, codec, args, expected) => expect(read(t.type({ x: codec }), args)).toEqual({ x: expected }))

  it('is named in kebab case or as it is declared; the environment comes second', () => {
    const codec = t.type({ minCents: t.number, input: t.string })
    const expected = { minCents: 5, input: 'a' }
    const environment = { MILLRACE_MIN_CENTS: '5', MILLRACE_INPUT: 'b' }
    expect(read(codec, ['--min-cents=5', '--input', 'a'])).toEqual(expected)
    expect(read(codec, ['--minCents', '5', '--input', 'a'])).toEqual(expected)
    expect(read(codec, ['--input', 'a'], environment)).toEqual(expected)
  })

  it.each<[string[], string]>([
    [
      [],
      'pipeline "p" needs --min-cents (number), --token (secret). A secret is best given as MILLRACE_TOKEN in the environment.',
    ],
    [['--min-cnts', '5'], 'pipeline "p" has no option --min-cnts. Did you mean --min-cents?'],
    [['--strct'], 'pipeline "p" has no option --strct. Did you mean --strict?'],
    [['--something-else'], 'pipeline "p" has no option --something-else. It has: --min-cents, --token.'],
    [['--min-cents', 'five', '--token', 's'], 'option --min-cents of pipeline "p" must be number, but is "five".'],
    [['--min-cents', '--token', 's'], 'option --min-cents of pipeline "p" needs a value (number).'],
    [['--no-min-cents'], 'pipeline "p" has no option --no-min-cents.'],
    [['more'], 'there is an argument "more" that belongs to no option.'],
  ])('%j is refused', (args, message) => {
    expect(() => read(t.type({ minCents: t.number, token: secret }), args)).toThrow(message)
  })

  it('is refused where there are none', () => {
    const plain = definePipeline({ name: 'plain', build: () => undefined })
    expect(pipelineOptions(plain, { args: [], environment: { MILLRACE_X: '1' }, configured: undefined })).toEqual({})
    expect(() =>
      pipelineOptions(plain, { args: ['--wild-card', '1'], environment: {}, configured: undefined }),
    ).toThrow('pipeline "plain" has no option --wild-card. It takes no options.')
  })

  it('shows no secret', () => {
    const codec = t.type({ token: new t.Type<Secret, string>('secret', secret.is, () => t.failure('***', []), String) })
    Object.assign(codec.props.token, { [Symbol.for('millrace.secret')]: true })
    expect(() => read(codec, ['--token', 'sesame'])).toThrow('must be secret, but is ***.')
  })

  it('is listed for help', () => {
    const codec = t.intersection([t.type({ input: t.string }), t.partial({ loud: t.boolean })])
    const definition = definePipeline({ name: 'p', options: codec, build: () => undefined })
    expect(optionRows(definition)).toEqual([
      ['--input <string>', 'required, or MILLRACE_INPUT'],
      ['--loud', 'optional, or MILLRACE_LOUD'],
    ])
  })
})

describe('options of a schema that does not list them', () => {
  const schema = z.object({ input: z.string(), minCents: z.number(), tags: z.array(z.string()).default([]) })

  it('are offered as text first, then as the schema wants them', () => {
    expect(read(schema, ['--input', '5', '--min-cents', '5', '--tags', 'a', '--tags', 'b'])).toEqual({
      input: '5',
      minCents: 5,
      tags: ['a', 'b'],
    })
  })

  it('are refused when the schema would ignore them', () => {
    expect(() => read(schema, ['--input', '5', '--min-cents', '5', '--tgas', 'a'])).toThrow(
      'pipeline "p" has no option --tgas. Did you mean --tags?',
    )
  })
})

describe('options know where they come from', () => {
  const configured = (options: Record<string, unknown>) => ({
    path: '/p/millrace.config.ts',
    pipelines: new Map([
      ['p', options],
      ['other', { a: 'wrong' }],
    ]),
  })
  const definitions = [
    ['io-ts', t.partial({ a: t.number, b: t.number, c: t.number, d: t.number })],
    ['zod', z.object({ a: z.number(), b: z.number(), c: z.number(), d: z.number().optional() })],
  ] as const

  it.each(definitions)('flags come first, then the environment, then the file: %s', (_, codec) => {
    const found = sourcedOptions(definePipeline({ name: 'p', options: codec, build: () => undefined }), {
      args: ['--a', '1'],
      environment: { MILLRACE_A: '2', MILLRACE_B: '2' },
      configured: configured({ a: 3, b: 3, c: 3 }),
    })
    expect(Object.fromEntries(found)).toEqual({
      a: { value: 1, origin: { kind: 'flag', name: '--a' } },
      b: { value: 2, origin: { kind: 'environment', name: 'MILLRACE_B' } },
      c: { value: 3, origin: { kind: 'file', name: 'c', path: '/p/millrace.config.ts' } },
    })
  })
})

describe('the help of a file', () => {
  it('tells types, defaults, what is required, and descriptions, as far as the codec does', () => {
    const level = Object.assign(
      new t.Type<number, number>(
        'Level',
        t.number.is,
        (value, context) => (value === undefined ? t.success(3) : t.number.validate(value, context)),
        Number,
      ),
      { description: 'how deep' },
    )
    const ioTs = definePipeline({
      name: 'p',
      options: t.type({ level, input: t.string, verbose: t.union([t.boolean, t.undefined]) }),
      build: () => undefined,
    })
    expect(optionRows(ioTs)).toEqual([
      ['--level <Level>', 'how deep, default 3, or MILLRACE_LEVEL'],
      ['--input <string>', 'required, or MILLRACE_INPUT'],
      ['--verbose', 'optional, or MILLRACE_VERBOSE'],
    ])
    const options = z.object({
      top: z.number().default(10).describe('how many are shown'),
      mode: z.enum(['fast', 'slow']).optional(),
      tags: z.array(z.string()),
      dry: z.boolean().optional(),
    })
    expect(optionRows(definePipeline({ name: 'p', options, build: () => undefined }))).toEqual([
      ['--top <number>', 'how many are shown, default 10, or MILLRACE_TOP'],
      ['--mode <"fast" | "slow">', 'optional, or MILLRACE_MODE'],
      ['--tags <Array<string>>', 'required, or MILLRACE_TAGS'],
      ['--dry', 'optional, or MILLRACE_DRY'],
    ])
  })
})
