import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { kv, pipeline, run, state, type StateSpec, typed } from 'millrace'
import { doFnTester } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'

const small = z.number().max(10, 'is too large')
const later = z.number().refine(async (n) => Promise.resolve(n < 10))

/** A step that writes its value to a cell. */
const writing = (spec: StateSpec, write: (cell: never, value: number) => void) => ({
  output: typed<number>(),
  state: { cell: spec },
  process(
    { value }: { readonly key: string; readonly value: number },
    context: { readonly state: object; readonly emit: (n: number) => void },
  ): void {
    // prettier-ignore
    write((context.state as { readonly cell: never }).cell, value)
    context.emit(value)
  },
})

const cells: readonly (readonly [string, (of: z.ZodType<number>) => StateSpec, (cell: never, n: number) => void])[] = [
  ['value', (of) => state.value(of), (cell: { write(n: number): void }, n) => cell.write(n)],
  ['bag', (of) => state.bag(of), (cell: { add(n: number): void }, n) => cell.add(n)],
  ['set', (of) => state.set(of), (cell: { add(n: number): void }, n) => cell.add(n)],
  ['map', (of) => state.map(of, of), (cell: { put(k: number, n: number): void }, n) => cell.put(n, n)],
  ['list', (of) => state.orderedList(of), (cell: { add(at: number, n: number): void }, n) => cell.add(n, n)],
]

describe.each(cells)('a cell (%s) of a Standard Schema', (_, spec, write) => {
  inEveryMode((options) => {
    it('takes what fits, and refuses what does not in the call that writes it', async () => {
      const good = pipeline()
      good
        .create('pairs', [kv('k', 10)])
        .parDo('write', writing(spec(small), write))
        .collect('out')
      expect((await run(good, options)).collect('out')).toEqual([10])
      const bad = pipeline()
      bad.create('pairs', [kv('k', 11)]).parDo('write', writing(spec(small), write))
      await expect(run(bad, options)).rejects.toThrow(/step "write" failed in process: [\s\S]*is too large/)
    })
  })

  it('says that it cannot wait for one that checks asynchronously', async () => {
    const p = pipeline()
    p.create('pairs', [kv('k', 1)]).parDo('write', writing(spec(later), write))
    await expect(run(p)).rejects.toThrow(/the zod schema of a state cell checks asynchronously/)
  })

  it('does the same in a tester', async () => {
    const tester = doFnTester(writing(spec(small), write))
    await tester.process(kv('k', 10))
    await expect(tester.process(kv('k', 11))).rejects.toThrow(/is too large/)
    await expect(doFnTester(writing(spec(later), write)).process(kv('k', 1))).rejects.toThrow(/asynchronously/)
  })
})

it('what combines with no combiner is refused at the line that wrote it', () => {
  const step = { state: { n: state.combining({} as never, { codec: typed<number>() }) }, process: () => undefined }
  const build = (): unknown =>
    pipeline()
      .create('pairs', [kv('a', 1)])
      .parDo('combined', step)
  expect(build).toThrow(
    /step "combined" combines with something that is no combiner[\s\S]*at .*state-codecs\.test\.ts:\d+/,
  )
})
