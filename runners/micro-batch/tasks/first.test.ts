import { expect, it } from 'vitest'
import { run, pipeline } from 'millrace'
it('runs', async () => {
  const result = await run((p) => {
    p.create('numbers', Array.from({length: 1000}, (_, i) => i)).keyBy('k', (n) => n % 7).groupByKey('g').map('s', (kv: any) => `${kv.key}:${[...kv.value].length}`).collect('all')
  }, { runner: 'micro-batch', workers: 3, isolation: 'memory', batchInterval: '5 ms' })
  console.log(result.collect('all'), result.metrics.elements)
})
