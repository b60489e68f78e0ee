/** Transforms of other SDKs in a graph: how elements cross, and what is refused when the pipeline is written. */
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { graphFingerprint } from '../graph/fingerprint.js'
import type { ExternalPayload } from '../graph/model.js'
import * as urns from '../graph/urns.js'
import {
  external,
  type ExternalTransform,
  fixedWindows,
  type PCollection,
  pipeline,
  pythonCallable,
  pythonTransform,
  type PythonValue,
  wireType,
} from '../index.js'
import { decodeFromBytes } from '../coders/index.js'
import { rowCoder } from '../schema/schema-coder.js'

const service = 'localhost:8097'
const map = pythonTransform('apache_beam.Map', [pythonCallable('lambda x: x')])
const { string, int64, kv, row, iterable, bytes } = wireType

function built(apply: (words: PCollection<string>) => PCollection<unknown>) {
  const p = pipeline()
  p.create('words', ['a'])
    .windowInto('in', fixedWindows('1 minute'))
    .apply('there', (words) => apply(words))
    .collect('out')
  return p.build()
}

function externalIn({ graph }: ReturnType<typeof built>) {
  const found = [...graph.components.transforms.values()].find(({ spec }) => spec?.urn === urns.EXTERNAL)
  return { node: found, payload: (found?.spec as { readonly payload: ExternalPayload }).payload }
}

describe('a transform of another SDK', () => {
  it('reads and writes by coders that both sides have, in the windows of its input', () => {
    const p = built(external({ service, transform: map, input: string, output: kv(string, iterable(int64)) }))
    const { components } = p.graph
    const { node, payload } = externalIn(p)
    const [input, output] = [node?.inputs.get('in'), node?.outputs.get('out')].map((id = '') => components.collections.get(id)) // prettier-ignore
    const urnOf = (id = ''): unknown => {
      const { urn, componentCoderIds = [] } = components.coders.get(id) ?? {}
      return componentCoderIds.length === 0 ? urn : [urn, ...componentCoderIds.map(urnOf)]
    }
    expect(urnOf(input?.coderId)).toBe('beam:coder:string_utf8:v1')
    expect(urnOf(output?.coderId)).toEqual([
      'beam:coder:kv:v1',
      'beam:coder:string_utf8:v1',
      ['beam:coder:iterable:v1', 'beam:coder:varint:v1'],
    ])
    expect(output?.windowingStrategyId).toBe(input?.windowingStrategyId)
    expect([payload.service, payload.urn]).toEqual([service, 'beam:transforms:python:fully_qualified_named'])
  })

  it('is another one for a fingerprint when it is made with something else, and the same at another address', () => {
    const hashOf = (transform: ExternalTransform, at: string): string =>
      graphFingerprint(built(external({ service: at, transform, input: string, output: string })).graph).hash
    const other = pythonTransform('apache_beam.Map', [pythonCallable('lambda x: x + x')])
    expect(hashOf(map, 'elsewhere:1')).toBe(hashOf(map, service))
    expect(hashOf(other, service)).not.toBe(hashOf(map, service))
  })

  const given = { service, transform: map, input: string, output: string }
  it.each([
    ['an address without a port', { ...given, service: 'localhost' }, 'MR-1004', 'host:port, but got "localhost"'],
    ['no transform', { ...given, transform: {} as never }, 'MR-1003', 'needs the transform'],
    ['an option that there is not', { ...given, outputs: string } as never, 'MR-1001', 'Did you mean "output"?'],
    ['rows of what is none', { ...given, input: row(t.string) }, 'MR-1004', 'its codec describes none'],
    ['a collection that it says nothing of', { ...given, input: undefined as never }, 'MR-1003', 'say with input'],
  ])('is refused with %s', (_, declaration, code, text) => {
    expect(() => built(external(declaration))).toThrow(expect.objectContaining({ code, message: expect.stringContaining(text) as string })) // prettier-ignore
  })

  it('that reads no collection has no input', () => {
    const p = pipeline()
    const read = external({ service, transform: map, output: bytes, bounded: false })
    const made = p.apply('read', read)
    expect(p.builder.collection(made.id).isBounded).toBe(false)
    expect(() => pipeline().apply('read', external(given) as never)).toThrow(/input says how one is written/)
  })
})

describe('a transform of Python', () => {
  const configurationOf = (transform: ExternalTransform): unknown => {
    const { configuration } = transform
    if (configuration === undefined || configuration instanceof Uint8Array) return undefined
    const { schema, row: encoded } = configuration
    return decodeFromBytes(rowCoder(schema), encoded)
  }

  it('is made with arguments by place and by name, each of the type that its value has', () => {
    const args: PythonValue[] = ['a', 7, 0.5, true, Uint8Array.of(1), pythonCallable('lambda x: x')]
    expect(configurationOf(pythonTransform('m.T', args, { label: 'x' }))).toEqual({
      constructor: 'm.T',
      args: { arg0: 'a', arg1: 7, arg2: 0.5, arg3: true, arg4: Uint8Array.of(1), arg5: 'lambda x: x' },
      kwargs: { label: 'x' },
    })
    expect(configurationOf(pythonTransform('m.T'))).toEqual({ constructor: 'm.T' })
  })

  it('has a schema of its own for each kind of arguments, as Python makes one class of each', () => {
    const idOf = (...args: PythonValue[]): unknown =>
      (pythonTransform('m.T', args).configuration as { readonly schema: { readonly id: string } }).schema.id
    expect(new Set([idOf(), idOf(1), idOf('a'), idOf(1, 1), idOf(pythonCallable('f'))]).size).toBe(5)
    expect(idOf(2)).toBe(idOf(1))
  })

  it('is refused with what Python cannot be given', () => {
    expect(() => pythonTransform('m.T', [new Date(0) as never])).toThrow(/argument "arg0" for Python is a string/)
    expect(() => pythonCallable(' ')).toThrow(/needs Python source/)
    expect(() => pythonTransform('')).toThrow(/needs the name/)
  })
})
