/**
 * A story told in a process of its own, whose disk fails: prints what was acknowledged, and how it ended.
 */
import { SqliteBench } from '../support/store-bench.js'
import { tellStory } from '../support/store-story.js'

const [folder, seed, batches] = process.argv.slice(2)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const bench = new SqliteBench(500, folder)
try {
  await tellStory(bench, {
    batches: Number(batches),
    seed: Number(seed),
    onCommit: (batch) => say(`committed ${batch}`),
  })
} catch (error) {
  const { name, message } = error as Error
  say(`${name}: ${message}`)
  process.exitCode = 1
} finally {
  await bench.end()
}
