import { expect, it } from 'vitest'
import { fixedWindows, pipeline, slidingWindows, typed } from 'millrace'
import { generateSequence, periodic, replay } from 'millrace/io/generate'
import { readLines, writeLines } from 'millrace/io/text'

const numbers = () => pipeline().create('numbers', [1])

it.each<[string, () => unknown, string]>([
  ['map', () => numbers().map('m', (n) => n, { onerror: 1 } as never), 'step "m". Did you mean "onError"?'],
  ['flatMap', () => numbers().flatMap('m', (n) => [n], { codecs: 1 } as never), 'step "m". Did you mean "codec"?'],
  ['filter', () => numbers().filter('f', () => true, { retries: 1 } as never), 'step "f". It has: onError, retry'],
  ['keyBy', () => numbers().keyBy('k', (n) => n, { ordred: true } as never), 'step "k". Did you mean "ordered"?'],
  ['partition', () => numbers().partition('p', 2, () => 0, { codec: 1 } as never), 'step "p". It has:'],
  ['withTimestamps', () => numbers().withTimestamps('t', (n) => n, { skew: 1 } as never), 'step "t". It has:'],
  [
    'parDo',
    () => numbers().parDo('d', { output: typed<number>(), process: () => undefined, ontimer: {} } as never),
    'the DoFn of step "d". Did you mean "onTimer"?',
  ],
  [
    'windowInto',
    () => numbers().windowInto('w', fixedWindows(1), { lateness: 1 } as never),
    'windowInto "w". It has: trigger,',
  ],
  ['fixedWindows', () => fixedWindows(1, { ofset: 1 } as never), 'fixedWindows. Did you mean "offset"?'],
  ['slidingWindows', () => slidingWindows(2, { period: 1 } as never), 'slidingWindows. It has: every, offset.'],
  [
    'generateSequence',
    () => generateSequence({ to: 1, every: 1 } as never),
    'generateSequence. It has: from, to, rate',
  ],
  ['periodic', () => periodic({ every: 1, end: 5 } as never), 'periodic. It has: every, start, stop.'],
  ['replay', () => replay([1], { timestamps: () => 1 } as never), 'replay. Did you mean "timestamp"?'],
  ['readLines', () => pipeline().apply('r', readLines('x', { gzip: true } as never)), 'readLines. It has: emptyMatch'],
  [
    'writeLines',
    () => numbers().apply('w', writeLines('x', { shard: 2 } as never)),
    'writeLines. Did you mean "shards"?',
  ],
])('an option that %s does not have is refused with the nearest name, at the author’s line', (_, build, message) => {
  expect(build).toThrow(`there is no option`)
  expect(build).toThrow(message)
  expect(build).toThrow('known-options.test.ts')
})

it('a DoFn that is an instance of a class may have fields of its own', () => {
  class Doubler {
    readonly factor = 2
    readonly output = typed<number>()
    process(n: number, { emit }: { readonly emit: (n: number) => void }): void {
      emit(n * this.factor)
    }
  }
  expect(() => numbers().parDo('double', new Doubler())).not.toThrow()
})
