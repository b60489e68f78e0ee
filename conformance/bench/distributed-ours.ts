/**
 * Our program of `npm run bench -- distributed`: what the peers' programs do, with our worker in this process.
 */
import { fixedWindows, kv, metric, type Pipeline, run, start } from 'millrace'
import { generateSequence } from 'millrace/io/generate'
import * as t from 'io-ts'
import { engineRunner } from '../../runners/distributed/distributed-runner.js'
import { distributedCapabilities } from '../../runners/distributed/node/node.js'

function jobOf(kind: string, seeds: number, each: number): (p: Pipeline) => void {
  return (p) => {
    const words = p
      .create(
        'seeds',
        Array.from({ length: seeds }, (_, seed) => seed),
      )
      .reshuffle('spread')
      .flatMap('words', function* (seed) {
        for (let i = 0; i < each; i++) yield kv(`word ${(seed * 7919 + i * 31) % 1000}`, i)
      })
    const placed =
      kind === 'windowed count'
        ? words
            .withTimestamps('when', ({ value }) => (value % 24) * 3_600_000)
            .windowInto('by the hour', fixedWindows('1 hour'))
        : words
    placed.groupByKey('group').parDo('size', {
      output: t.string,
      metrics: { groups: metric.counter(), total: metric.counter() },
      process: ({ key, value }, { metrics, emit }) => {
        let n = 0
        for (const _ of value) n++
        metrics.groups.inc()
        metrics.total.inc(n)
        emit(key)
      },
    })
  }
}

async function measured(kind: string, seeds: number, each: number): Promise<object> {
  const began = performance.now()
  const before = process.cpuUsage()
  const { metrics } = await run(jobOf(kind, seeds, each), { runner, engineOptions })
  const { user, system } = process.cpuUsage(before)
  const [groups, total] = [metrics.get('size', 'groups'), metrics.get('size', 'total')]
  return { kind, wall: (performance.now() - began) / 1000, cpu: (user + system) / 1e6, groups, total }
}

/** From the instant an element is due to the step behind a shuffle: the engine has had it twice. */
async function latency(): Promise<object> {
  const millis: number[] = []
  const running = start(
    (p: Pipeline) => {
      p.apply('events', generateSequence({ rate: { elements: 100, per: '1 second' } }))
        .reshuffle('through the engine')
        .parDo('heard', {
          output: t.number,
          process(_, { timestamp }) {
            if (millis.push(Date.now() - timestamp) === LATENCIES) running.cancel()
          },
        })
    },
    { runner },
  )
  await running.result
  const sorted = millis.slice(LATENCIES_COLD, LATENCIES).sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return { kind: 'latency', p50: at(0.5), p99: at(0.99), elements: sorted.length }
}

const LATENCIES = 3000
const LATENCIES_COLD = 1000
const [endpoint = '', seeds = '', each = '', mode = 'batch'] = process.argv.slice(2)
const engineOptions = mode === 'streaming' ? { streaming: true } : {}
const runner = engineRunner('flink', distributedCapabilities(), { endpoint })
await measured('word count', 2, 1000)
const say = (found: object): void => void process.stdout.write(`${JSON.stringify(found)}\n`)
for (const kind of ['word count', 'windowed count']) say(await measured(kind, Number(seeds), Number(each)))
if (mode === 'streaming') say(await latency())
