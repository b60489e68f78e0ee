import { describe, expect, it } from 'vitest'
import { type Frame, StepOfCall } from './step-of-call.js'

const code = [
  'function help(x) { return x }',
  'const steps = { parse: (x) => help(x), clean: { process(x) { help(x) } } }',
  'class Fn { process(x) { return help(x) + 1 } }',
  'const twice = (x) => x; const again = (x) => x',
].join('\n')

const given = new Function(`${code}; return { ...steps, fn: new Fn(), twice, help }`)() as Record<string, object>

/** A frame where `text` begins in the code. */
const at = (text: string): Frame => {
  const before = code.slice(0, code.indexOf(text)).split('\n')
  return { isAuthors: true, isEngines: false, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}
const engine: Frame = { isAuthors: false, isEngines: true, line: 1, column: 1 }
const other: Frame = { isAuthors: false, isEngines: false, line: 1, column: 1 }

const finder = new StepOfCall(
  [
    ['parse', { kind: 'map', fn: given['parse'] }],
    ['clean', { doFn: given['clean'] }],
    ['class', { doFn: given['fn'] }],
    ['left', { fn: given['help'] }],
    ['right', { fn: given['help'] }],
    ['twice', { fn: given['twice'] }],
  ],
  code,
)

describe('the step of a call', () => {
  it('is the one whose function is on the stack, wherever a step keeps it', () => {
    expect(finder.step([other, at('help(x),'), engine])).toBe('parse')
    expect(finder.step([at('help(x) } }'), engine])).toBe('clean')
    expect(finder.step([at('help(x) + 1'), engine])).toBe('class')
  })

  it('is the innermost when a step has called the next through the engine, the outermost when it has called it itself', () => {
    expect(finder.step([at('help(x),'), engine, at('help(x) } }'), engine])).toBe('parse')
    expect(finder.step([at('help(x),'), other, at('help(x) } }'), engine])).toBe('clean')
  })

  it('is nobody’s where two steps share the function, or its text stands twice', () => {
    expect(finder.step([at('return x }'), engine])).toBeUndefined()
    expect(finder.step([at('x; const again'), engine])).toBeUndefined()
    expect(finder.step([engine])).toBeUndefined()
  })
})
