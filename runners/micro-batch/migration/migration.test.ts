/**
 * Pipelines that change between two runs on one checkpoint: what is explained, what goes on, what has to be named.
 */
import * as t from 'io-ts'
import { fixedWindows, pipeline, type Pipeline, run, type RunnerOptions, sessions, start, state, timer } from 'millrace'
import { afterEach, describe, expect, it } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { periodic } from 'millrace/io/generate'

const folders: string[] = []
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'millrace-migration-'))
  folders.push(made)
  return join(made, 'kept')
}
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true })
})

it('smoke', async () => {
  const checkpoint = folder()
  const v1 = (p: Pipeline) => {
    p.apply('tick', periodic({ every: '1 ms' }))
      .keyBy('by', () => 'k')
      .parDo('count', {
        output: t.number,
        state: { n: state.value(t.number) },
        process(_, { state, emit }) {
          state.n.write((state.n.read() ?? 0) + 1)
          emit(state.n.read() as number)
        },
      })
      .collect('all')
  }
  const go = async (build: (p: Pipeline) => void, options: RunnerOptions = {}) => {
    const p = pipeline()
    build(p)
    const running = start(p, { runner: 'micro-batch', checkpoint, batchInterval: '20 ms', ...options })
    setTimeout(() => running.stop(), 300)
    return running.result
  }
  const a = await go(v1)
  console.log(a.state, a.collect('all').length)
  const v2 = (p: Pipeline) => {
    p.apply('tick', periodic({ every: '1 ms' }))
      .keyBy('by', () => 'k')
      .parDo('count', {
        output: t.number,
        state: { m: state.bag(t.string), n: state.value(t.number) },
        process(_, { state, emit }) {
          state.n.write((state.n.read() ?? 0) + 1)
          emit(state.n.read() as number)
        },
      })
      .collect('all')
  }
  const err = await go(v2).catch((e: unknown) => e as Error)
  console.log(String(err))
  const b = await go(v2, { onChange: 'migrate' })
  console.log(b.state, b.collect<number>('all').length, b.collect<number>('all').at(-1))
  expect(b.collect<number>('all')).toEqual(b.collect<number>('all').map((_, i) => i + 1))
})
