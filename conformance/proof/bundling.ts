/**
 * Lane `bundling`: random pipelines give the reference's result at every bundle size, with both stage compilers, and in
 * strict mode under every seed.
 *
 * `npm run proof -- bundling [--seeds n] [--from seed]`; a failure prints its seed, and `--from seed --seeds 1` repeats it.
 */
import { type PipelineResult, run, type RunOptions, seededRandom } from 'millrace'
import { effectiveSteps, programOf, reference, textOf, toPipeline } from './random-pipelines.js'

/** The ways in which each program is run. */
export function modesOf(seed: number): readonly RunOptions[] {
  const random = seededRandom(seed ^ 0x7f4a7c15)
  const sizes = [1, 2, 7, 1000]
  return [
    { stageCompiler: 'generated' },
    { stageCompiler: 'closures', bundleSize: sizes[Math.floor(random() * sizes.length)] as number },
    { stageCompiler: 'generated', bundleSize: sizes[Math.floor(random() * sizes.length)] as number },
    { strict: true, seed, stageCompiler: random() < 0.5 ? 'generated' : 'closures' },
    { strict: true, seed: seed + 1, bundleSize: 1 + Math.floor(random() * 5) },
  ]
}

/** What is wrong with a seed, in words; `undefined` when nothing is. */
export async function faultOf(seed: number): Promise<string | undefined> {
  const program = programOf(seed)
  const expected = reference(program).map(textOf).sort()
  for (const mode of modesOf(seed)) {
    const describe = (what: string): string =>
      `seed ${seed}, ${JSON.stringify(mode)}, steps ${JSON.stringify(effectiveSteps(program))}, input ${JSON.stringify(program.input)}: ${what}`
    let actual: string[]
    try {
      actual = textsOf(await run(toPipeline(program), mode))
    } catch (error) {
      return describe(`failed with ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
    if (actual.join('\n') === expected.join('\n')) continue
    const missing = difference(expected, actual)
    const extra = difference(actual, expected)
    return describe(`missing ${missing.slice(0, 5).join('; ')} … extra ${extra.slice(0, 5).join('; ')} …`)
  }
  return undefined
}

/** What a program has collected, as sorted texts. */
export function textsOf(result: PipelineResult): string[] {
  return result
    .collectWindowed<number>('out')
    .map(({ value, timestamp, window }) => textOf({ value, timestamp, start: window.start, end: window.end }))
    .sort()
}

function difference(a: readonly string[], b: readonly string[]): readonly string[] {
  const rest = [...b]
  return a.filter((item) => {
    const at = rest.indexOf(item)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}
