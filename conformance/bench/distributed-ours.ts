/**
 * Our program of `npm run bench -- distributed`: what the peers' programs do, with our worker in this process.
 */
import { kv, metric, type Pipeline, fixedWindows, type Runner, run } from 'millrace'
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

async function measured(runner: Runner, kind: string, seeds: number, each: number): Promise<object> {
  const began = performance.now()
  const before = process.cpuUsage()
  const { metrics } = await run(jobOf(kind, seeds, each), { runner })
  const { user, system } = process.cpuUsage(before)
  const [groups, total] = [metrics.get('size', 'groups'), metrics.get('size', 'total')]
  return { kind, wall: (performance.now() - began) / 1000, cpu: (user + system) / 1e6, groups, total }
}

const [endpoint = '', seeds = '', each = ''] = process.argv.slice(2)
const runner = engineRunner('flink', distributedCapabilities(), { endpoint })
await measured(runner, 'word count', 2, 1000)
for (const kind of ['word count', 'windowed count'])
  process.stdout.write(`${JSON.stringify(await measured(runner, kind, Number(seeds), Number(each)))}\n`)
