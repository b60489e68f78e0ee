import { describe, expect, it } from 'vitest'
import { type Env, OffsetRangeTracker, pipeline, resume, run, source, typed, watermarks } from 'millrace'
import { systemEnv } from 'millrace/direct'
import { inEveryMode } from '../../conformance/support/modes.js'

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const quiet = (lines: string[] = []): Env => ({ ...systemEnv(), print: (line) => void lines.push(line) })

inEveryMode((options) => {
  it('is called once for each element, after what its bundle emitted has been committed', async () => {
    const called: number[] = []
    const p = pipeline()
    p.create('numbers', upTo(20))
      .parDo('step', {
        output: typed<number>(),
        bundleFinalizer: true,
        process(n, { emit, afterCommit }) {
          emit(n)
          afterCommit(() => void called.push(n))
        },
        finishBundle: () => void called.push(-1),
      })
      .collect('out')
    await run(p, options)
    expect(called.filter((n) => n >= 0).sort((a, b) => a - b)).toEqual(upTo(20))
    // After the bundle: its end comes before the first of its callbacks.
    expect(called[0]).toBe(-1)
  })

  it('is seen by the next call of a splittable step', async () => {
    let finalized = -1
    const seen: number[] = []
    const p = pipeline()
    p.apply(
      'numbers',
      source({
        output: typed<number>(),
        bounded: false,
        replayable: true,
        watermark: watermarks.none(),
        bundleFinalizer: true,
        restriction: () => ({ from: 0, to: 5 }),
        restrictionCodec: typed<{ from: number; to: number }>(),
        tracker: (range) => new OffsetRangeTracker(range),
        process(_, tracker, { emit, afterCommit }) {
          const { from } = tracker.currentRestriction()
          if (!tracker.tryClaim(from)) return
          seen.push(finalized)
          emit(from)
          afterCommit(async () => {
            await Promise.resolve()
            finalized = from
          })
          return resume()
        },
      }),
    ).collect('out')
    await run(p, options)
    expect(seen).toEqual([-1, 0, 1, 2, 3])
  })

  it('one that throws is reported and counted, and nothing else', async () => {
    const lines: string[] = []
    const p = pipeline()
    p.create('numbers', [1, 2, 3])
      .parDo('step', {
        output: typed<number>(),
        bundleFinalizer: true,
        process(n, { emit, afterCommit }) {
          emit(n)
          afterCommit(() => (n === 2 ? Promise.reject(new Error('gone')) : undefined))
        },
      })
      .collect('out')
    const result = await run(p, { ...options, env: quiet(lines) })
    expect(result.collect('out')).toHaveLength(3)
    expect(lines).toEqual(['step "step" failed in afterCommit, and the run goes on: gone'])
    expect(result.metrics.counter('finalizerFailures', 'step')).toBe(1)
  })
})

describe('is not called', () => {
  it.each(['the step', 'a later step of the bundle'])('when %s fails', async (who) => {
    let called = 0
    const p = pipeline()
    p.create('numbers', [1, 2])
      .parDo('step', {
        output: typed<number>(),
        bundleFinalizer: true,
        process(n, { emit, afterCommit }) {
          afterCommit(() => void called++)
          if (who === 'the step' && n === 2) throw new Error('no')
          emit(n)
        },
      })
      .map('later', (n) => {
        if (n === 2) throw new Error('no')
        return n
      })
    await expect(run(p)).rejects.toThrow(/no/)
    expect(called).toBe(0)
  })

  it('when its time is over', async () => {
    const called: string[] = []
    let now = 0
    const p = pipeline()
    p.create('numbers', [1]).parDo('step', {
      bundleFinalizer: true,
      process(_, { afterCommit }) {
        afterCommit(() => void called.push('in time'), { within: '1 minute' })
        afterCommit(() => void called.push('late'), { within: 10 })
        afterCommit(() => void called.push('whenever'))
        now = 1000
      },
    })
    await run(p, { env: { ...systemEnv(), monotonic: () => now } })
    expect(called).toEqual(['in time', 'whenever'])
  })

  it('unless declared, or after its call', async () => {
    const failing = async (declared: boolean): Promise<string> => {
      let later = (): void => undefined
      const p = pipeline()
      p.create('numbers', [1]).parDo('step', {
        bundleFinalizer: declared,
        process(_, { afterCommit }) {
          later = () => afterCommit(() => undefined)
          if (!declared) later()
        },
        finishBundle: () => undefined,
      })
      p.create('more', [1]).parDo('after', { process: () => later() })
      return run(p).then(
        () => 'accepted',
        (error: unknown) => (error as Error).message,
      )
    }
    expect(await failing(false)).toMatch(/step "step" failed in process: afterCommit needs bundleFinalizer: true/)
    expect(await failing(true)).toMatch(/afterCommit was used after its call had ended/)
  })
})
