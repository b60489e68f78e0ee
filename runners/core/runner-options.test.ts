import { describe, expect, it } from 'vitest'
import { pipeline, PipelineError, run, type RunOptions } from 'millrace'
import { directRunner, systemEnv } from 'millrace/direct'
import { checkRunnerOptions } from './runner-options.js'

/** A pipeline that says whether it ran. */
function observed(): { readonly p: ReturnType<typeof pipeline>; readonly calls: () => number } {
  let calls = 0
  const p = pipeline()
  p.create('n', [1]).map('count', () => ++calls)
  return { p, calls: () => calls }
}

describe('an option of a run', () => {
  it.each<[RunOptions]>([
    [{}],
    [{ strict: false, requireCodecs: false }],
    [{ strict: true, seed: 0 }],
    [{ strict: true, seed: -7 }],
    [{ bundleSize: 1, callTimeoutMillis: 0.5, stageCompiler: 'closures', guarantee: 'gap', workers: 0 }],
    [{ callTimeoutMillis: Number.POSITIVE_INFINITY }],
    [{ signal: new AbortController().signal, env: systemEnv() }],
    [{ seed: undefined, strict: undefined, signal: undefined } as object],
  ])('is taken: %j', async (options) => {
    const { p, calls } = observed()
    await run(p, options)
    expect(calls()).toBe(1)
  })

  it.each<[object | string | null, string]>([
    [{ wat: 1 }, 'there is no option "wat" of a run. It has: strict, seed, reexecute, bundleSize,'],
    [{ wat: undefined }, 'there is no option "wat" of a run.'],
    [{ bundelSize: 1 }, 'there is no option "bundelSize" of a run. Did you mean "bundleSize"?'],
    [{ callTimeout: '30s' }, 'there is no option "callTimeout" of a run.'],
    [{ option: {} }, 'there is no option "option" of a run. Did you mean "options"?'],
    [{ toString: 1 }, 'there is no option "toString" of a run.'],
    [{ strict: 'yes' }, 'strict must be true or false, but is "yes".'],
    [{ strict: null }, 'strict must be true or false, but is null.'],
    [{ requireCodecs: 1 }, 'requireCodecs must be true or false, but is 1.'],
    [{ strict: true, seed: Number.NaN }, 'seed must be a whole number, but is NaN.'],
    [{ strict: true, seed: 1.5 }, 'seed must be a whole number, but is 1.5.'],
    [{ strict: true, seed: '7' }, 'seed must be a whole number, but is "7".'],
    [{ seed: 7 }, 'seed is the seed of strict mode, which is off, so it would change nothing. Add strict: true'],
    [{ strict: false, seed: 7 }, 'seed is the seed of strict mode'],
    [{ bundleSize: 0 }, 'bundleSize must be a whole number from 1, but is 0.'],
    [{ bundleSize: 2.5 }, 'bundleSize must be a whole number from 1, but is 2.5.'],
    [{ workers: -1 }, 'workers must be a whole number from 0, but is -1.'],
    [{ workers: 'all' }, 'workers must be a whole number from 0, but is "all".'],
    [{ callTimeoutMillis: -1 }, 'callTimeoutMillis must be a number of milliseconds above 0, but is -1.'],
    [{ callTimeoutMillis: 0 }, 'callTimeoutMillis must be a number of milliseconds above 0, but is 0.'],
    [{ callTimeoutMillis: Number.NaN }, 'callTimeoutMillis must be a number of milliseconds above 0, but is NaN.'],
    [{ callTimeoutMillis: '30s' }, 'callTimeoutMillis must be a number of milliseconds above 0, but is "30s".'],
    [{ stageCompiler: 'x' }, `stageCompiler must be one of 'auto', 'generated', 'closures', but is "x".`],
    [{ guarantee: 'best' }, `guarantee must be one of 'gap', 'at-most-once', 'at-least-once', 'exactly-once', but is`],
    [{ signal: new AbortController() }, 'signal must be the signal of an AbortController, but is AbortController'],
    [{ env: {} }, 'env must be an Env, such as systemEnv() gives, but is {}.'],
    ['direct', 'options of run must be an object such as { strict: true }, but are "direct".'],
    [null, 'options of run must be an object such as { strict: true }, but are null.'],
  ])('is refused before anything runs: %j', async (options, message) => {
    const { p, calls } = observed()
    const refused = run(p, options as RunOptions)
    await expect(refused).rejects.toThrow(PipelineError)
    await expect(refused).rejects.toThrow(message)
    expect(calls()).toBe(0)
  })

  it('is checked also where it is a default of the runner, or given to it directly', () => {
    const built = observed().p.build()
    expect(() => directRunner({ seed: 7 }).start(built)).toThrow(/seed is the seed of strict mode/)
    expect(() => directRunner({ seed: 7 }).start(built, { strict: true })).not.toThrow()
    expect(() => directRunner().start(built, { runner: 'direct' } as object)).toThrow(/there is no option "runner"/)
    expect(() => checkRunnerOptions(7 as never)).toThrow(/options of a run must be an object/)
  })
})
