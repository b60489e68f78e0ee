import * as t from 'io-ts'
import { type Logger as PinoLogger, pino } from 'pino'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { fixedWindows, type Logger, pipeline, run, type StepLog, timer, typed } from 'millrace'
import { at, doFnTester, testStream } from 'millrace/testing'
import { inEveryMode } from '../../conformance/support/modes.js'
import { nodeEnv } from '../direct/node.js'
import { FLOOD_MAX } from './run-log.js'

type Line = Readonly<Record<string, unknown>>

/** pino, and what it has written, without what differs from run to run. */
function logged(level = 'trace'): { readonly logger: PinoLogger; readonly lines: () => readonly Line[] } {
  const written: string[] = []
  const logger = pino({ level, base: null, timestamp: false }, { write: (line: string) => void written.push(line) })
  return { logger, lines: () => written.map((line) => JSON.parse(line) as Line) }
}

/** What a run prints. */
function printing() {
  const printed: string[] = []
  return { printed, env: { ...nodeEnv(), print: (line: string) => void printed.push(line) } }
}

const userLines = (lines: readonly Line[]): readonly Line[] => lines.filter(({ msg }) => !/^run /.test(String(msg)))

it('pino is a logger, and so is an object of five functions', () => {
  expectTypeOf<PinoLogger>().toExtend<Logger>()
  expectTypeOf<Console>().toExtend<Logger>()
})

inEveryMode((options) => {
  it('lines of user code name pipeline, step and window, in every call of a DoFn', async () => {
    const { logger, lines } = logged()
    const p = pipeline()
    p.apply('events', testStream<number>().add(at(1000, 1)).end())
      .windowInto('windows', fixedWindows('10 seconds'))
      .keyBy('key', () => 'k')
      .parDo('look', {
        timers: { end: timer.eventTime() },
        setup({ log }) {
          log.debug('set up')
        },
        startBundle({ log }) {
          expectTypeOf(log).toEqualTypeOf<StepLog>()
          log.trace('begun')
        },
        process({ value }, { log: { info }, timers, window }) {
          info({ value, step: 'mine', pipeline: 'mine' }, 'seen')
          timers.end.set(window.maxTimestamp)
        },
        onTimer: { end: ({ log }) => log.error(new Error('over')) },
        finishBundle({ log }) {
          log.warn({ n: 1 })
        },
      })
    await run(p, { ...options, logger })
    const own = userLines(lines())
    const place = { pipeline: 'pipeline', step: 'look' }
    const window = '[1970-01-01T00:00:00.000Z, 1970-01-01T00:00:10.000Z)'
    expect(own.filter(({ msg }) => msg === 'set up')).toEqual([{ level: 20, ...place, msg: 'set up' }])
    expect(own).toContainEqual({ level: 10, ...place, msg: 'begun' })
    expect(own).toContainEqual({ level: 30, value: 1, ...place, window, msg: 'seen' })
    expect(own).toContainEqual(expect.objectContaining({ level: 50, ...place, window, msg: 'over' }))
    expect(own.find(({ msg }) => msg === 'over')?.['err']).toMatchObject({ type: 'Error', message: 'over' })
    expect(own).toContainEqual({ level: 40, n: 1, ...place })
  })

  it('a call that goes on keeps its window', async () => {
    const { logger, lines } = logged()
    const p = pipeline()
    p.create('numbers', [1, 2, 3], { timestamp: (n) => n * 1000 })
      .windowInto('windows', fixedWindows('1 second'))
      .parDo('wait', {
        async process(n, { log }) {
          await new Promise((resolve) => setTimeout(resolve, 5 * (4 - n)))
          log.info({ n }, 'done')
        },
      })
    await run(p, { ...options, logger })
    const windows = userLines(lines()).map(({ n, window }) => `${String(n)} ${String(window)}`)
    expect(windows.sort()).toEqual([
      '1 [1970-01-01T00:00:01.000Z, 1970-01-01T00:00:02.000Z)',
      '2 [1970-01-01T00:00:02.000Z, 1970-01-01T00:00:03.000Z)',
      '3 [1970-01-01T00:00:03.000Z, 1970-01-01T00:00:04.000Z)',
    ])
  })

  it('dead letters and further attempts are logged with their codes and without their elements', async () => {
    const { logger, lines } = logged()
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.collect('letters'))
    const fail = (): never => {
      throw Object.assign(new Error('unlucky'), { code: 'E_UNLUCKY' })
    }
    p.create('cards', ['card 4711']).map('pay', fail, { onError: bad, retry: { attempts: 2 } })
    p.create('others', ['card 4711']).parDo('do', { onError: bad, retry: { attempts: 2 }, process: fail })
    await run(p, { ...options, logger })
    const of = (step: string) => userLines(lines()).filter((line) => line['step'] === step)
    const failure = { error: 'unlucky', errorName: 'Error', code: 'E_UNLUCKY', pipeline: 'pipeline' }
    for (const step of ['pay', 'do'])
      expect(of(step)).toEqual([
        { level: 20, step, ...failure, msg: 'call failed, and is tried again' },
        { level: 40, step, ...failure, msg: 'dead letter' },
      ])
    expect(JSON.stringify(lines())).not.toContain('4711')
  })
})

describe('the log of a run', () => {
  it('says when the run starts and how it ends', async () => {
    const { logger, lines } = logged()
    await run((p) => p.create('numbers', [1]).collect('all'), { logger })
    expect(lines()).toEqual([
      { level: 30, runner: 'direct', pipeline: 'pipeline', msg: 'run started' },
      { level: 30, state: 'DONE', millis: expect.any(Number) as number, pipeline: 'pipeline', msg: 'run ended' },
    ])
  })

  it('says of a run that failed which step, call and window it was, and never the element', async () => {
    const { logger, lines } = logged()
    const fails = run(
      (p) =>
        p.create('cards', ['card 4711']).map('pay', () => {
          throw new Error('no money')
        }),
      { logger },
    )
    await expect(fails).rejects.toThrow('card 4711')
    const last = lines().at(-1)
    expect(last).toMatchObject({ level: 50, step: 'pay', call: 'process', error: 'no money', code: 'MR-3001', msg: 'run failed' }) // prettier-ignore
    expect(JSON.stringify(last)).not.toContain('4711')
  })

  it('is cut where a step floods it, and says how much was left out', async () => {
    const { logger, lines } = logged('warn')
    let now = 0
    const env = { ...nodeEnv(), monotonic: () => now }
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.collect('letters'))
    p.create('numbers', [...Array(1000).keys()]).map(
      'fail',
      (n) => {
        if (n === 999) now += 20_000
        throw new Error('bad')
      },
      { onError: bad },
    )
    const result = await run(p, { logger, env })
    expect(result.metrics.counter('deadLetters')).toBe(1000)
    expect(lines()).toHaveLength(FLOOD_MAX + 1)
    expect(lines().at(-1)).toMatchObject({ step: 'fail', suppressed: 999 - FLOOD_MAX })
  })

  it('asks for the level before it makes a line', async () => {
    const { logger, lines } = logged('error')
    let asked = 0
    const value = {
      get costly() {
        asked++
        return 1
      },
    }
    await run((p) => p.create('numbers', [1]).parDo('look', { process: (_, { log }) => log.info(value, 'seen') }), { logger }) // prettier-ignore
    expect([asked, lines()]).toEqual([0, []])
  })

  it('gets the remarks of the runner instead of stderr', async () => {
    const { logger, lines } = logged()
    const { printed, env } = printing()
    const p = pipeline()
    p.create('numbers', [1]).parDo('look', {
      bundleFinalizer: true,
      process(_, { afterCommit }) {
        afterCommit(() => {
          throw new Error('nobody there')
        })
      },
    })
    await run(p, { env, logger })
    const text = 'step "look" failed in afterCommit, and the run goes on: nobody there'
    expect(lines()).toContainEqual({ level: 40, step: 'look', call: 'afterCommit', pipeline: 'pipeline', msg: text })
    expect(printed).toEqual([])
    await run(p, { env })
    expect(printed).toEqual([text])
  })

  it('is printed from info on where there is no logger, a line each', async () => {
    const { printed, env } = printing()
    const circle: { self?: unknown } = {}
    circle.self = circle
    await run(
      (p) =>
        p.create('numbers', [1]).parDo('look', {
          process(_, { log }) {
            log.debug('not this')
            log.info({ n: 1, big: 2n, name: 'a b', when: new Map([['x', 1]]) }, 'seen\ntwice')
            log.warn(circle, 'round')
          },
        }),
      { env },
    )
    expect(printed).toEqual([
      'info look: seen\\ntwice n=1 big="2" name="a b" when=[["x",1]]',
      expect.stringMatching(/^warn look: round self=/),
    ])
  })

  it('says nothing about dead letters without a logger: they are counted', async () => {
    const { printed, env } = printing()
    const p = pipeline()
    const bad = p.errors('bad', (letters) => letters.collect('letters'))
    const fail = (): never => {
      throw new Error('bad')
    }
    p.create('numbers', [1]).map('fail', fail, { onError: bad })
    await run(p, { env })
    expect(printed).toEqual([])
  })

  it('survives a logger that throws, and says so once', async () => {
    const { printed, env } = printing()
    const fail = (): never => {
      throw new Error('disk full')
    }
    const logger: Logger = { trace: fail, debug: fail, info: fail, warn: fail, error: fail }
    const result = await run((p) => p.create('numbers', [1]).collect('all'), { logger, env })
    expect(result.state).toBe('DONE')
    expect(printed).toEqual(['the logger of the run has failed: disk full'])
  })

  it.each([{}, null, 'pino', { info: () => undefined }])('refuses %j for a logger', async (logger) => {
    await expect(run((p) => p.create('numbers', [1]).collect('all'), { logger: logger as never })).rejects.toThrow(
      'logger must be a logger with functions trace, debug, info, warn and error, such as pino()',
    )
  })
})

it('a DoFn under test shows what it has logged', async () => {
  const tester = doFnTester({
    output: typed<number>(),
    process(n: number, { emit, log }) {
      log.info({ n }, 'seen')
      emit(n)
    },
  })
  await tester.process(7)
  expect(tester.logs).toEqual([{ level: 'info', message: 'seen', fields: { n: 7 } }])
  expect(t.number.is(tester.values()[0])).toBe(true)
})
