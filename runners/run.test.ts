import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import * as Fiber from 'effect/Fiber'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import {
  definePipeline,
  isMain,
  OffsetRangeTracker,
  type Pipeline,
  pipeline,
  PipelineError,
  resume,
  run,
  runEffect,
  type Runner,
  source,
  start,
  typed,
  UnsupportedFeature,
  watermarks,
} from 'millrace'
import { markLoadingModule } from './author-module/loading.js'

const doubled = (p: Pipeline) => p.create('n', [1, 2]).map('double', (n) => n * 2).collect('out') // prettier-ignore

/** A source that gives one number and then waits for an hour, again and again. */
const ticks = source({
  output: typed<number>(),
  bounded: false,
  replayable: true,
  watermark: watermarks.monotonic(),
  restriction: () => ({ from: 0, to: Number.MAX_SAFE_INTEGER }),
  restrictionCodec: typed<{ readonly from: number; readonly to: number }>(),
  tracker: (range) => new OffsetRangeTracker(range),
  process: (_element, tracker, { emit }) => {
    const { from } = tracker.currentRestriction()
    if (tracker.tryClaim(from)) emit(from, from)
    return resume({ after: '1 hour' })
  },
})

/** A runner that runs nothing, and tells what it was given. */
function recording(): { readonly runner: Runner; readonly started: unknown[] } {
  const started: unknown[] = []
  return {
    started,
    runner: {
      name: 'recording',
      features: new Set(),
      start: (built, options) => {
        started.push({ name: built.name, options })
        throw new UnsupportedFeature('MR-6001', 'anything', 'refused')
      },
    },
  }
}

describe('what can be run', () => {
  const built = pipeline()
  doubled(built)

  it.each<[string, Parameters<typeof run>[0]]>([
    ['a pipeline', built],
    ['a function that builds one', (p: Pipeline) => void doubled(p)],
    ['a function that gives back something', doubled],
    ['what definePipeline made', definePipeline({ name: 'doubled', build: doubled })],
  ])('%s, as often as one likes', async (_, runnable) => {
    for (let i = 0; i < 2; i++) expect((await run(runnable)).collect('out')).toEqual([2, 4])
  })

  it.each([[undefined], [null], ['pipeline'], [{}], [42], [[]]])('not %j', async (runnable) => {
    await expect(run(runnable as never)).rejects.toThrow(/^run needs a pipeline: one from pipeline\(\), a function/)
    expect(() => start(runnable as never)).toThrow(PipelineError)
  })

  it('options only where the pipeline takes some', async () => {
    await expect(run(doubled, { options: { n: 1 } })).rejects.toThrow(/this pipeline takes no options/)
    expect((await run(doubled, { options: {} })).collect('out')).toEqual([2, 4])
  })
})

describe('a mistake', () => {
  it('of building rejects run and throws from start, before anything runs', async () => {
    const broken = (): void => {
      throw new TypeError('author')
    }
    await expect(run(broken)).rejects.toThrow(new TypeError('author'))
    expect(() => start(broken)).toThrow(new TypeError('author'))
  })

  it('of running rejects the result of start too', async () => {
    const running = start((p) =>
      p.create('n', [1]).map('fails', () => {
        throw new Error('no')
      }),
    )
    await expect(running.result).rejects.toThrow(/step "fails" failed in process: no/)
  })
})

describe('the runner', () => {
  it('may be one’s own: it gets the pipeline, the options that are its own, and a world', async () => {
    const { runner, started } = recording()
    await expect(run(doubled, { runner, strict: true, seed: 5 })).rejects.toThrow('refused')
    expect(started).toEqual([
      { name: expect.any(String), options: { strict: true, seed: 5, env: expect.objectContaining({}) } },
    ])
  })
})

describe('a run under way', () => {
  it.each(['drain', 'cancel'] as const)('its %s works when handed on by itself, and twice', async (stop) => {
    const running = start((p) => p.apply('ticks', ticks).collect('out'))
    const { [stop]: handedOn } = running
    setTimeout(handedOn, 20)
    setTimeout(handedOn, 25)
    const result = await running.result
    expect(result.state).toBe(stop === 'drain' ? 'DRAINED' : 'CANCELLED')
    if (stop === 'drain') expect(result.collect('out')).toEqual([0])
  })

  it('its progress can be looked at from before the first element until after the last', async () => {
    const { progress, result } = start(doubled)
    const before = progress()
    expect(before.elements).toBe(0)
    expect(before.oldestCall).toBeUndefined()
    await result
    const after = progress()
    expect(after.steps.map(({ step }) => step)).toEqual(before.steps.map(({ step }) => step))
    expect(after.elements).toBeGreaterThan(0)
    for (const { watermark } of after.steps) expect(watermark).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('what comes after the end changes nothing', async () => {
    const running = start(doubled)
    const result = await running.result
    running.cancel()
    running.drain()
    expect(result.state).toBe('DONE')
    expect(await running.result).toBe(result)
    expect(result.collect('out')).toEqual([2, 4])
  })

  it('a signal that is given up after the end changes nothing', async () => {
    const controller = new AbortController()
    const result = await run(doubled, { signal: controller.signal })
    controller.abort()
    expect([result.state, result.collect('out')]).toEqual(['DONE', [2, 4]])
  })

  it('a run that was aborted before it began has run nothing, and can still be asked', async () => {
    let calls = 0
    const result = await run((p) => p.create('n', [1]).map('count', () => calls++).collect('out'), { signal: AbortSignal.abort() }) // prettier-ignore
    expect([result.state, calls, result.collect('out')]).toEqual(['CANCELLED', 0, []])
  })

  it('one signal may stop many runs', async () => {
    const controller = new AbortController()
    const runs = [1, 2, 3].map(() => run((p) => void p.apply('ticks', ticks), { signal: controller.signal }))
    setTimeout(() => controller.abort(), 10)
    expect((await Promise.all(runs)).map(({ state }) => state)).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED'])
  })
})

describe('runEffect', () => {
  it('succeeds with the result', async () => {
    const result = await Effect.runPromise(runEffect(doubled))
    expect(result.collect('out')).toEqual([2, 4])
  })

  it('runs nothing until it is run, and each time anew', async () => {
    let built = 0
    const effect = runEffect((p) => {
      built++
      doubled(p)
    })
    expect(built).toBe(0)
    await Effect.runPromise(effect)
    await Effect.runPromise(effect)
    expect(built).toBe(2)
  })

  it.each<[string, Effect.Effect<unknown, unknown>, RegExp]>([
    ['a pipeline that is wrong', runEffect(undefined as never), /run needs a pipeline/],
    [
      'user code that fails',
      runEffect((p) =>
        p.create('n', [1]).map('fails', () => {
          throw new Error('no')
        }),
      ),
      /step "fails" failed/,
    ],
    ['a feature that is missing', runEffect(doubled, { workers: 3 }), /workers: 3 is not supported/],
  ])('fails, and does not die, for %s', async (_, effect, message) => {
    const exit = await Effect.runPromiseExit(effect)
    expect(Exit.isFailure(exit)).toBe(true)
    if (!Exit.isFailure(exit)) return
    expect(Cause.hasDies(exit.cause)).toBe(false)
    expect((Cause.squash(exit.cause) as Error).message).toMatch(message)
  })

  it('cancels the run when it is interrupted', async () => {
    let tornDown: () => void = () => undefined
    const down = new Promise<void>((resolve) => (tornDown = resolve))
    const fiber = Effect.runFork(
      runEffect(
        (p) => void p.apply('ticks', ticks).parDo('watch', { process: () => undefined, teardown: () => tornDown() }),
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
    await Effect.runPromise(Fiber.interrupt(fiber))
    await down
  })
})

describe('isMain', () => {
  it.each<[string, string, boolean]>([
    ['this module', import.meta.url, false],
    ['the program', pathToFileURL(process.argv[1] ?? '').href, true],
    ['a module that does not exist', 'file:///nowhere/at/all.js', false],
    ['a module that is no file', 'data:text/javascript,1', false],
    ['what is no URL', 'nowhere', false],
  ])('of %s', (_, url, expected) => {
    // Tests run in a process of their own or on a thread, where nothing is the program.
    const { isMainThread } = process.getBuiltinModule('node:worker_threads')
    expect(isMain({ url })).toBe(expected && isMainThread)
  })
})

describe('while a worker loads a module', () => {
  afterEach(() => markLoadingModule(false))

  it('nothing can be started', async () => {
    markLoadingModule(true)
    await expect(run(doubled)).rejects.toThrow(/run\(\) was called while a millrace worker loads this module/)
    expect(() => start(doubled)).toThrow(/isMain\(import\.meta\)/)
    markLoadingModule(false)
    expect((await run(doubled)).state).toBe('DONE')
  })
})
