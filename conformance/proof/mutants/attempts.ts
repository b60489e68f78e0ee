/**
 * Mutants of attempts that are thrown away, of combiners' lives, and of calls that overlap.
 */
import type { Mutant } from './mutant.js'

/** The list. */
export const attempts: readonly Mutant[] = [
  {
    name: 'attempts-share-accumulators',
    breaks: 'what one attempt has changed, the next does not see',
    file: 'runners/core/execution/grouping-executor.ts',
    from: 'this.#push(this.#copyOf(value), timestamp',
    to: 'this.#push(value, timestamp',
    caughtBy: ['CMB-08'],
  },
  {
    name: 'thrown-away-calls-count',
    breaks: 'metrics of a result are of what was kept',
    file: 'runners/core/rehearse.ts',
    from: 'context.metrics = Object.fromEntries(Object.keys(metrics).map((name) => [name, uncounted]))',
    to: 'context.metrics = metrics',
    caughtBy: ['MET-01', 'MET-06'],
  },
  {
    name: 'combiners-live-for-ever',
    breaks: 'a combiner that was set up is torn down',
    file: 'runners/core/execution/execution.ts',
    from: 'await this.#combiners.teardown()',
    to: 'await Promise.resolve()',
    caughtBy: ['CMB-20'],
  },
  {
    name: 'combiners-never-live',
    breaks: 'a combiner is set up before its first call',
    file: 'runners/core/execution/execution.ts',
    from: '    await this.#combiners.setup()\n',
    to: '',
    caughtBy: ['CMB-20'],
  },
  {
    name: 'hot-keys-accumulate-twice',
    breaks: 'with accumulating panes no value of a hot key is counted twice',
    file: 'sdk/transforms/hot-keys.ts',
    from: "strategy: { ...strategy, accumulationMode: 'discarding' },",
    to: 'strategy,',
    caughtBy: ['CMB-13'],
  },
  {
    name: 'one-call-at-a-time',
    breaks: 'as many calls are under way at once as concurrency allows',
    file: 'runners/core/do-fn-runtime.ts',
    from: 'new AsyncCalls(services.runtime, concurrency, ordered)',
    to: 'new AsyncCalls(services.runtime, 1, ordered)',
    caughtBy: ['PDO-19'],
  },
]
