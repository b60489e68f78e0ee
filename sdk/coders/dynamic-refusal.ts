/**
 * Why the dynamic coder does not accept a value, and where in it: the slow second look that the encoder takes only after
 * it has failed. Law: it names the first offending part in the order in which the encoder meets the parts of objects.
 */
import type { ErrorCode } from '../error-codes.js'
import { DEPTH_MAX, isContainer, kindOf } from './dynamic-format.js'
import { fieldSegment, Refusal } from './refusal.js'
import { loneSurrogateAt } from './utf8.js'

const REMEDY = 'give the step a codec, or emit plain data'

/** The refusal of `value`, or `undefined` when nothing is wrong with it (user code threw, or the value has changed). */
export function explainRefusal(value: unknown): Refusal | undefined {
  return firstProblem(value, '', new Map())
}

function firstProblem(value: unknown, path: string, ancestors: Map<object, string>): Refusal | undefined {
  const problem = problemOf(value)
  if (problem !== undefined) return new Refusal(problem.code, path, problem.text)
  if (typeof value !== 'object' || value === null) return undefined
  const seenAt = ancestors.get(value)
  if (seenAt !== undefined)
    return new Refusal('MR-4005', path, `cyclic: this is $${seenAt} again. Refer to it by an id instead`)
  if (ancestors.size === DEPTH_MAX && isContainer(kindOf(value))) {
    return new Refusal(
      'MR-4005',
      `${path.slice(0, 30)}…`,
      `nested more than ${DEPTH_MAX} levels deep. Emit it as a flat list of parts`,
    )
  }
  ancestors.set(value, path)
  for (const [segment, part] of partsOf(value)) {
    const found =
      part === hole ? new Refusal('MR-4004', path + segment, HOLE) : firstProblem(part, path + segment, ancestors)
    if (found !== undefined) return found
  }
  ancestors.delete(value)
  return undefined
}

const hole: unique symbol = Symbol('hole')
const HOLE = 'a hole in the array: fill it, for example with null'

function* partsOf(value: object): Iterable<readonly [segment: string, part: unknown]> {
  switch (kindOf(value)) {
    case 'plain':
      for (const name of Object.keys(value)) yield [fieldSegment(name), (value as Record<string, unknown>)[name]]
      return
    case 'array':
      for (let i = 0; i < (value as unknown[]).length; i++) {
        yield [`[${i}]`, i in value ? (value as unknown[])[i] : hole]
      }
      return
    case 'map': {
      let i = 0
      for (const [key, item] of value as Map<unknown, unknown>) {
        yield [`(key ${i})`, key]
        yield [`(value ${i++})`, item]
      }
      return
    }
    case 'set': {
      let i = 0
      for (const member of value as Set<unknown>) yield [`(member ${i++})`, member]
      return
    }
    default:
      return
  }
}

interface Problem {
  readonly code: ErrorCode
  readonly text: string
}

const noData = (text: string): Problem => ({ code: 'MR-4004', text })

/** What is wrong with the value itself, whatever its parts are. */
function problemOf(value: unknown): Problem | undefined {
  switch (typeof value) {
    case 'string':
      return surrogateProblem(value)
    case 'function':
      return noData(`a function${value.name === '' ? '' : ` (${value.name})`} is not data: ${REMEDY}`)
    case 'symbol':
      return noData(`${String(value)} is not data: ${REMEDY}`)
    case 'object':
      return value === null ? undefined : objectProblem(value)
    default:
      return undefined
  }
}

function surrogateProblem(text: string): Problem | undefined {
  const index = loneSurrogateAt(text)
  return index < 0
    ? undefined
    : { code: 'MR-4007', text: `lone surrogate at index ${index}: the string has no UTF-8 form` }
}

function objectProblem(value: object): Problem | undefined {
  const kind = kindOf(value)
  if (kind === 'plain') {
    for (const name of Object.keys(value)) {
      const problem = surrogateProblem(name)
      if (problem !== undefined) return { ...problem, text: `field name ${JSON.stringify(name)}: ${problem.text}` }
    }
    return undefined
  }
  if (kind !== 'other') return undefined
  const name = constructorName(value)
  if (typeof (value as { readonly then?: unknown }).then === 'function')
    return noData(`a ${name} is not data: await it first`)
  return noData(`an instance of ${name} has no default encoding: ${REMEDY}`)
}

function constructorName(value: object): string {
  const constructor: unknown = (value as { readonly constructor?: unknown }).constructor
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'an unnamed class'
}
