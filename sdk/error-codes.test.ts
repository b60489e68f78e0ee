import { describe, expect, expectTypeOf, it } from 'vitest'
import type { errorFamilies } from './error-codes.js'
import { coded, type ErrorCode, errorCode, errorCodes } from './error-codes.js'
import { DecodeError, PipelineError, UserCodeError } from './errors.js'
import { refuse } from './refuse.js'

describe('the catalogue of error codes', () => {
  it('has four digits a code, each of a family, in order, with words that are no sentence', () => {
    const codes = Object.keys(errorCodes)
    expectTypeOf<ErrorCode>().toExtend<`MR-${keyof typeof errorFamilies}${number}`>()
    for (const code of codes) expect(code).toMatch(/^MR-[1-8]\d{3}$/)
    expect(codes).toEqual(codes.toSorted())
    for (const title of Object.values<string>(errorCodes)) expect(title).toMatch(/^(?!.*\.$).{10,80}$/)
    expect(new Set(Object.values(errorCodes)).size).toBe(codes.length)
  })
})

describe('the code of an error', () => {
  it('cannot be forgotten, and must be one of the catalogue', () => {
    // @ts-expect-error: the code comes first
    expect(() => refuse('no such option')).toThrow()
    // @ts-expect-error: nobody knows this code
    expect(new PipelineError('MR-0000', 'x').message).toBe('x')
    // @ts-expect-error: nobody knows this code
    expect(coded('MR-0000', new Error('x')).message).toBe('x')
  })

  it('stands beside the message', () => {
    const error = new DecodeError('MR-4001', 'no number', 'parse')
    expect([error.code, error.message, error.step, errorCode(error)]).toEqual([
      'MR-4001',
      'no number',
      'parse',
      'MR-4001',
    ])
    const range = coded('MR-2002', new RangeError('no instant'))
    expect([range instanceof RangeError, range.code, range.message]).toEqual([true, 'MR-2002', 'no instant'])
  })

  it('of a failed call is that of the rule it broke; user code that threw has one of its own', () => {
    const failed = (cause: unknown): string => new UserCodeError({ step: 's', call: 'process', cause }).code
    expect(failed(coded('MR-1009', new TypeError('no key')))).toBe('MR-1009')
    expect([failed(new Error('x')), failed('x'), failed(undefined)]).toEqual(['MR-3001', 'MR-3001', 'MR-3001'])
  })

  it('is none where the error is not millrace’s, however strange it is', () => {
    const system = Object.assign(new Error('x'), { code: 'ENOENT' })
    const evil = Object.defineProperty({}, 'code', {
      get() {
        throw new Error('no')
      },
    })
    for (const other of [system, evil, { code: 'MR-9999' }, { code: 'toString' }, { code: 1 }, null, 'MR-1001'])
      expect(errorCode(other)).toBeUndefined()
    expect(errorCode({ code: 'MR-1001' })).toBe('MR-1001')
  })
})
