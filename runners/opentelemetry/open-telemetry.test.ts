import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, type ContextManager, ROOT_CONTEXT, context, trace } from '@opentelemetry/api'
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics' // prettier-ignore
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import * as t from 'io-ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorCode, metric, pipeline, type Pipeline, run, start } from 'millrace'
import { openTelemetry, type OpenTelemetryOptions } from 'millrace/opentelemetry'
import { loadApi } from './open-telemetry.js'
import { sampling } from './sampling.js'

/** What an SDK for Node does to know the active span in asynchronous code. */
class Contexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()
  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    active: Context,
    fn: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    // prettier-ignore
    return this.#storage.run(active, () => fn.apply(self, args))
  }
  bind<T>(_: Context, target: T): T {
    return target
  }
  enable(): this {
    return this
  }
  disable(): this {
    return this
  }
}

beforeAll(() => void context.setGlobalContextManager(new Contexts()))
afterAll(() => context.disable())

/** An SDK that keeps everything in memory. */
function sdk() {
  const spans = new InMemorySpanExporter()
  const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meters = new MeterProvider({ readers: [reader] })
  /** The numbers of one collection, as `name step` and value. */
  const numbers = async (): Promise<ReadonlyMap<string, unknown>> => {
    exporter.reset()
    await meters.forceFlush()
    return new Map(
      exporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) =>
          scopeMetrics.flatMap(({ metrics }) =>
            metrics.flatMap(({ descriptor, dataPoints }) =>
              dataPoints.map(({ attributes, value }) => [
                `${descriptor.name} ${String(attributes['millrace.step'] ?? attributes['millrace.pipeline'])}`,
                value,
              ]),
            ),
          ),
        ),
    )
  }
  return {
    spans: () => spans.getFinishedSpans(),
    numbers,
    telemetry: (options: OpenTelemetryOptions = {}) =>
      openTelemetry({ meter: meters.getMeter('test'), tracer: tracers.getTracer('test'), ...options }),
    tracer: tracers.getTracer('user'),
  }
}

function measured(p: Pipeline): void {
  p.create('words', ['to', 'be', 'or']).parDo('measure', {
    output: t.string,
    metrics: {
      words: metric.counter(),
      size: metric.distribution(),
      last: metric.gauge(),
      kinds: metric.stringSet(),
    },
    process(word, { emit, metrics }) {
      metrics.words.inc()
      metrics.size.update(word.length)
      metrics.last.set(7)
      metrics.kinds.add(word)
      emit(word)
    },
  })
}

describe('metrics', () => {
  it('are observed while the run goes on, and once more when it has ended', async () => {
    const { numbers, telemetry } = sdk()
    let reached = (): void => undefined
    let goOn = (): void => undefined
    const isReached = new Promise<void>((resolve) => (reached = resolve))
    const gate = new Promise<void>((resolve) => (goOn = resolve))
    const p = pipeline()
    measured(p)
    p.create('gate', [1]).map('wait', async () => {
      reached()
      await gate
    })
    const running = start(p, { telemetry: await telemetry() })
    await isReached
    const during = await numbers()
    expect(during.get('millrace.step.elements.in wait')).toBe(1)
    goOn()
    await running.result
    const after = await numbers()
    const user = [...after].filter(([name]) => name.startsWith('millrace.user'))
    expect(user).toEqual([
      ['millrace.user.words measure', 3],
      ['millrace.user.size.count measure', 3],
      ['millrace.user.size.sum measure', 6],
      ['millrace.user.size.min measure', 2],
      ['millrace.user.size.max measure', 2],
      ['millrace.user.last measure', 7],
      ['millrace.user.kinds.strings measure', 3],
    ])
    expect(after.get('millrace.step.elements.out measure')).toBe(3)
    expect(after.get('millrace.step.dead_letters measure')).toBe(0)
    expect(after.get('millrace.run.elements pipeline')).toBe(running.status().elements)
    // The end of time is no number of OpenTelemetry's.
    expect(after.has('millrace.step.watermark measure')).toBe(false)
  })

  it('of a run that has ended are let go', async () => {
    const { numbers, telemetry } = sdk()
    const options = { telemetry: await telemetry({ tracer: false }) }
    const first = start(measured, options)
    await first.result
    await numbers()
    let looks = 0
    const status = first.status
    Object.assign(first, { status: () => (looks++, status()) })
    await numbers()
    expect(looks).toBe(0)
    await run(measured, options)
    expect((await numbers()).get('millrace.user.words measure')).toBe(3)
  })
})

describe('spans', () => {
  it('a run is a span, and user code finds it active, also after it has waited', async () => {
    const { spans, telemetry, tracer } = sdk()
    const p = pipeline()
    p.create('numbers', [1]).map('ask', async (n) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      tracer.startSpan('call').end()
      return n
    })
    await run(p, { telemetry: await telemetry({ meter: false }) })
    const [call, whole] = spans()
    expect(whole).toMatchObject({
      name: 'millrace.run',
      attributes: { 'millrace.pipeline': 'pipeline', 'millrace.runner': 'direct', 'millrace.state': 'DONE' },
    })
    expect(call?.parentSpanContext?.spanId).toBe(whole?.spanContext().spanId)
    expect(trace.getActiveSpan()).toBeUndefined()
  })

  it('a run that failed says how, and not for which element', async () => {
    const { spans, telemetry } = sdk()
    const fail = (): never => {
      throw new TypeError('no money')
    }
    const failing = run((p) => p.create('cards', ['card 4711']).map('pay', fail), { telemetry: await telemetry() })
    await expect(failing).rejects.toThrow('no money')
    const [span] = spans()
    expect(span?.status).toEqual({ code: 2, message: 'no money' })
    expect(span?.attributes).toMatchObject({ 'millrace.step': 'pay', 'millrace.call': 'process' })
    expect(span?.events[0]?.attributes).toMatchObject({ 'exception.type': 'TypeError' })
    const { attributes, events, status } = span ?? {}
    expect(JSON.stringify({ attributes, events, status })).not.toContain('4711')
  })

  it('bundles are spans of their own where they are asked for, with the spans of user code in them', async () => {
    const { spans, telemetry, tracer } = sdk()
    const p = pipeline()
    p.create('numbers', [1, 2, 3]).map('ask', (n) => {
      tracer.startSpan('call').end()
      return n
    })
    await run(p, { telemetry: await telemetry({ bundles: 1 }) })
    const all = spans()
    const whole = all.find(({ name }) => name === 'millrace.run')
    const bundles = all.filter(({ name }) => name === 'millrace.bundle')
    const calls = all.filter(({ name }) => name === 'call')
    expect(calls).toHaveLength(3)
    for (const call of calls)
      expect(bundles.map((bundle) => bundle.spanContext().spanId)).toContain(call.parentSpanContext?.spanId)
    for (const { links, parentSpanContext, spanContext, attributes } of bundles) {
      expect(parentSpanContext).toBeUndefined()
      expect(links[0]?.context.spanId).toBe(whole?.spanContext().spanId)
      expect(attributes['millrace.step']).toBeTypeOf('string')
      expect(spanContext).toBeTypeOf('function')
    }
  })

  it('what is not sampled leaves no trace, spans of user code included', async () => {
    const { spans, telemetry, tracer } = sdk()
    const p = pipeline()
    p.create('numbers', [...Array(10).keys()]).map('ask', (n) => {
      tracer.startSpan('call').end()
      return n
    })
    await run(p, { bundleSize: 1, telemetry: await telemetry({ bundles: 0.25 }) })
    const bundles = spans().filter(({ name, attributes }) => name === 'millrace.bundle' && attributes['millrace.step'] === 'numbers') // prettier-ignore
    const calls = spans().filter(({ name }) => name === 'call')
    expect(calls.length).toBeGreaterThan(0)
    expect(calls.length).toBeLessThan(10)
    expect(bundles.length).toBeLessThan(10)
  })

  it('an even share of the bundles of each step is sampled, the first among them', () => {
    const isSampled = sampling(0.1)
    const first = Array.from({ length: 1000 }, () => isSampled('a'))
    expect([first[0], first.filter(Boolean).length]).toEqual([true, 100])
    expect(isSampled('b')).toBe(true)
    expect(Array.from({ length: 10 }, () => sampling(1)('a')).every(Boolean)).toBe(true)
  })
})

describe('what is missing or wrong', () => {
  it('a package that is not installed is one error with the line that installs it', async () => {
    const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    const error: unknown = await loadApi(() => Promise.reject(missing)).catch((thrown: unknown) => thrown)
    expect(errorCode(error)).toBe('MR-5017')
    expect(String(error)).toContain('npm install @opentelemetry/api')
    await expect(loadApi(() => Promise.reject(new Error('other')))).rejects.toThrow('other')
  })

  it.each([{ bundles: 2 }, { bundles: -1 }, { bundles: Number.NaN }, { bundles: '1' as never }])(
    'refuses %j',
    async (options) =>
      expect(openTelemetry(options)).rejects.toThrow('bundles of openTelemetry must be a share from 0 to 1'),
  )

  it('refuses an option that there is not, and telemetry that is none', async () => {
    await expect(openTelemetry({ metre: false } as never)).rejects.toThrow(
      'there is no option "metre" of openTelemetry',
    )
    await expect(run(measured, { telemetry: {} as never })).rejects.toThrow('telemetry must be what openTelemetry()')
  })
})
