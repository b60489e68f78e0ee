/**
 * The client of the job, as a program of its own, so that it can be killed: submits and follows the job.
 */
import { fileURLToPath } from 'node:url'
import { run } from 'millrace'
import keptNumbers from './pipeline.js'

const { jobEndpoint, pool, file, checkpoint, perSecond } = JSON.parse(process.argv[2] ?? '{}') as {
  readonly jobEndpoint: string
  readonly pool: string
  readonly file: string
  readonly checkpoint: string
  readonly perSecond: number
}
await run(keptNumbers, {
  runner: 'flink-cluster',
  options: { file, perSecond },
  module: fileURLToPath(new URL('./pipeline.js', import.meta.url)),
  workers: 2,
  checkpoint,
  engineOptions: { checkpointing_interval: 1000, sdk_worker_parallelism: 1 },
  engine: { jobEndpoint, environment: 'external', environmentConfig: pool },
})
