import { describe, expect, it } from 'vitest'
import type { PCollection } from '../pcollection.js'
import { pipeline } from '../pipeline.js'
import { testStream } from '../testing/test-stream.js'
import { afterCount, repeatedly } from '../windowing/trigger.js'
import { fixedWindows, sessionWindows } from '../windowing/window-fn.js'
import { kv, type KV } from '../kv.js'

type Pairs = PCollection<KV<string, number>>

const unbounded = (): Pairs => pipeline().apply('script', testStream<KV<string, number>>().end())

describe.each<[string, (input: Pairs) => unknown]>([
  ['asSingleton', (input) => input.asSingleton('view')],
  ['asIterable', (input) => input.asIterable('view')],
  ['asList', (input) => input.asList('view')],
  ['asMap', (input) => input.asMap('view')],
  ['asMultimap', (input) => input.asMultimap('view')],
])('%s', (_, view) => {
  it('refuses an unbounded global window, which no step could ever read, at the author’s line', () => {
    expect(() => view(unbounded())).toThrow(
      /view "view" shows an unbounded collection in the global window.*fixedWindows.*viewable\.test/s,
    )
  })

  it('takes windows that end, a trigger, and what is bounded', () => {
    expect(() => view(unbounded().windowInto('tens', fixedWindows(10)))).not.toThrow()
    expect(() => view(unbounded().windowInto('often', { trigger: repeatedly(afterCount(1)) }))).not.toThrow()
    expect(() => view(pipeline().create('few', [kv('a', 1)]))).not.toThrow()
  })

  it('refuses sessions', () => {
    expect(() => view(unbounded().windowInto('sessions', sessionWindows(10)))).toThrow(
      /view "view" has session windows, and no session belongs to a main element's window.*viewable\.test/s,
    )
  })
})
