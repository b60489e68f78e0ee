/**
 * What observation costs: the same run plain, with its metrics scraped once a second, with a logger, and with telemetry that
 * collects once a second; in one process, in turn. `node dist/conformance/bench/observed.js [events] [rounds]`.
 *
 * Times are those of the processor, all threads together, so that other programs on the machine disturb less. Only the ratios
 * are meant to be believed.
 */
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { pino } from 'pino'
import { fixedWindows, metric, pipeline, run, type RunningPipeline, type RunOptions } from 'millrace'
import { generateSequence } from 'millrace/io/generate'
import { metricsText, serveMetrics } from 'millrace/metrics'
import { openTelemetry } from 'millrace/opentelemetry'
import { timesOf } from './measure.js'

const [events = 10_000_000, rounds = 5] = process.argv.slice(2).map(Number)
const KEYS = 1000

/** Collects when it is told to. */
class Collector extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve()
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve()
  }
}

const collector = new Collector()
const meter = new MeterProvider({ readers: [collector] }).getMeter('bench')
let looks = 0

/** Does something once a second while a run lasts. */
async function eachSecond(running: RunningPipeline, act: () => Promise<unknown>): Promise<void> {
  const timer = setInterval(() => {
    void act().then(() => looks++)
  }, 1000)
  await running.result.finally(() => clearInterval(timer))
}

const variants: readonly (readonly [string, () => Promise<RunOptions>])[] = [
  ['plain', () => Promise.resolve({})],
  [
    'scraped each second',
    () =>
      Promise.resolve({
        observe: (running) =>
          void serveMetrics(running, { port: 0 }).then(async (server) => {
            await eachSecond(running, async () => (await fetch(`${server.url}/metrics`)).text())
            await server.close()
          }),
      }),
  ],
  ['with a logger', () => Promise.resolve({ logger: pino({ level: 'warn' }) })],
  [
    'with telemetry, collected each second',
    async () => ({
      telemetry: await openTelemetry({ meter, bundles: 0.01 }),
      observe: (running) => void eachSecond(running, () => collector.collect()),
    }),
  ],
]

async function once(options: RunOptions): Promise<number> {
  const p = pipeline()
  p.apply('numbers', generateSequence({ to: events })).parDo('measure', {
    metrics: { seen: metric.counter() },
    process(_, { metrics }) {
      metrics.seen.inc()
    },
  })
  p.apply('events', generateSequence({ to: events }))
    .withTimestamps('at', (n) => n)
    .windowInto('seconds', fixedWindows('10 seconds'))
    .keyBy('key', (n) => n % KEYS)
    .countPerKey('count')
  const before = process.cpuUsage()
  await run(p, options)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const times = variants.map((): number[] => [])
for (let round = -1; round < rounds; round++)
  for (const [i, [, optionsOf]] of variants.entries()) {
    const millis = await once(await optionsOf())
    if (round >= 0) times[i]?.push(millis)
  }
const plain = timesOf(times[0] ?? [])
for (const [i, [name]] of variants.entries()) {
  const { median, fastest, slowest } = timesOf(times[i] ?? [])
  const ratio = `${(median / plain.median).toFixed(3)} × (fastest ${(fastest / plain.fastest).toFixed(3)} ×)`
  console.log(
    `${name.padEnd(40)} ${median.toFixed(0).padStart(6)} ms (${fastest.toFixed(0)}–${slowest.toFixed(0)})  ${ratio}`,
  )
}
console.log(`${events} events twice, ${rounds} rounds after one that warms up; ${looks} looks, one a second`)

// A look by itself, while much is kept: a million keys in a window that does not end.
const kept = pipeline()
kept
  .apply('numbers', generateSequence({ to: 1_000_000 }))
  .keyBy('key', (n) => n)
  .countPerKey('count')
const took: number[] = []
await run(kept, {
  observe: (running) => {
    const timer = setInterval(() => {
      const start = performance.now()
      metricsText(running)
      took.push(performance.now() - start)
    }, 20)
    void running.result.finally(() => clearInterval(timer))
  },
})
const { median, slowest } = timesOf(took)
console.log(
  `a look with up to a million keys: ${median.toFixed(2)} ms (slowest of ${took.length}: ${slowest.toFixed(2)} ms)`,
)
