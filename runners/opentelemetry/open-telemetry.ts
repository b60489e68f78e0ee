/**
 * `openTelemetry`: a run as spans and observable metrics. Only OpenTelemetry's API is used, and only when this is called;
 * without an SDK it does nothing.
 *
 * Law: nothing is counted or timed while the run is under way but bundles that are traced; a run without telemetry does not
 * even load this.
 */
import type { Attributes, Context, Meter, Span, Tracer } from '@opentelemetry/api'
import { messageOf, PipelineError, UserCodeError } from '../../sdk/errors.js'
import { refuseUnknownOptions } from '../../sdk/known-options.js'
import { preview } from '../../sdk/preview.js'
import type { RunTelemetry, Telemetry } from '../telemetry.js'
import { RunInstruments } from './run-instruments.js'
import { sampling } from './sampling.js'

type Api = typeof import('@opentelemetry/api')

/** Options of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /** Where metrics go; `false` for none. Default: `metrics.getMeter('millrace')` of the API. */
  readonly meter?: Meter | false
  /** Where spans go; `false` for none. Default: `trace.getTracer('millrace')` of the API. */
  readonly tracer?: Tracer | false
  /**
   * Share of bundles that get a span, from 0 to 1; a trace of its own each, linked to the span of the run. Default 0: then all
   * spans of user code belong to the trace of the run, which suits runs that end.
   */
  readonly bundles?: number
}

/**
 * Telemetry for the `telemetry` option of a run: a span `millrace.run`, which user code finds active, and the numbers of
 * `/metrics` as observable instruments, read when your SDK collects.
 *
 * @throws {PipelineError} when `@opentelemetry/api` is not installed, or an option is wrong.
 * @example
 * ```ts
 * import { run } from 'millrace'
 * import { openTelemetry } from 'millrace/opentelemetry'
 * const telemetry = await openTelemetry()
 * const result = await run((p) => p.create('numbers', [1, 2]).collect('all'), { telemetry })
 * result.state // => 'DONE'
 * ```
 */
export async function openTelemetry(options: OpenTelemetryOptions = {}): Promise<Telemetry> {
  refuseUnknownOptions('openTelemetry', options, { meter: true, tracer: true, bundles: true })
  const { bundles = 0 } = options
  if (typeof bundles !== 'number' || !(bundles >= 0 && bundles <= 1))
    throw new PipelineError(
      'MR-1002',
      `bundles of openTelemetry must be a share from 0 to 1, but is ${preview(bundles)}.`,
    )
  const api = await loadApi(() => import('@opentelemetry/api'))
  return {
    begin: ({ pipeline, runner }) => {
      const attributes = { 'millrace.pipeline': pipeline, 'millrace.runner': runner }
      const { meter = api.metrics.getMeter('millrace'), tracer = api.trace.getTracer('millrace') } = options
      const instruments = meter === false ? undefined : new RunInstruments(meter, attributes)
      return new RunSpans(api, tracer === false ? undefined : tracer, attributes, bundles, instruments)
    },
  }
}

/** The API, or one error that says how to get it. */
export async function loadApi(load: () => Promise<Api>): Promise<Api> {
  try {
    return await load()
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new PipelineError(
      'MR-5017',
      'openTelemetry needs the package @opentelemetry/api, which is not installed. Run: npm install @opentelemetry/api',
    )
  }
}

class RunSpans implements RunTelemetry {
  readonly bundle: RunTelemetry['bundle']
  readonly #api: Api
  readonly #span: Span | undefined
  readonly #instruments: RunInstruments | undefined

  constructor(
    api: Api,
    tracer: Tracer | undefined,
    attributes: Attributes,
    bundles: number,
    instruments: RunInstruments | undefined,
  ) {
    this.#api = api
    this.#instruments = instruments
    this.#span = tracer?.startSpan('millrace.run', { attributes })
    this.bundle =
      tracer === undefined || this.#span === undefined || bundles === 0
        ? undefined
        : bundleSpans(api, tracer, this.#span, attributes, bundles)
  }

  within<T>(start: () => T): T {
    const { context, trace } = this.#api
    return this.#span === undefined ? start() : context.with(trace.setSpan(context.active(), this.#span), start)
  }

  running(run: Parameters<RunTelemetry['running']>[0]): void {
    this.#instruments?.observe(run)
  }

  ended(outcome: Parameters<RunTelemetry['ended']>[0]): void {
    this.#instruments?.end()
    if (this.#span === undefined) return
    if ('state' in outcome) this.#span.setAttribute('millrace.state', outcome.state)
    else failed(this.#api, this.#span, outcome.error)
    this.#span.end()
  }
}

/** Does bundles, some of them in a span. What is not sampled leaves no trace at all, spans of user code included. */
function bundleSpans(
  api: Api,
  tracer: Tracer,
  run: Span,
  attributes: Attributes,
  share: number,
): NonNullable<RunTelemetry['bundle']> {
  const { context, ROOT_CONTEXT, trace, TraceFlags } = api
  const unsampled: Context = trace.setSpanContext(ROOT_CONTEXT, {
    ...run.spanContext(),
    traceFlags: TraceFlags.NONE,
  })
  const links = [{ context: run.spanContext() }]
  const isSampled = sampling(share)
  return async (step, bundle) => {
    if (!isSampled(step)) return context.with(unsampled, bundle)
    const span = tracer.startSpan('millrace.bundle', {
      root: true,
      links,
      attributes: { ...attributes, 'millrace.step': step },
    })
    try {
      await context.with(trace.setSpan(ROOT_CONTEXT, span), bundle)
    } catch (error) {
      failed(api, span, error)
      throw error
    } finally {
      span.end()
    }
  }
}

/** Says of a failure what it was, and never which element: that may hold what nobody else should read. */
function failed({ SpanStatusCode }: Api, span: Span, error: unknown): void {
  const cause = error instanceof UserCodeError ? error.details.cause : error
  if (error instanceof UserCodeError) {
    const { step, call } = error.details
    span.setAttributes({ 'millrace.step': step, 'millrace.call': call })
  }
  const message = messageOf(cause)
  span.recordException({ name: cause instanceof Error ? cause.name : typeof cause, message })
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}
