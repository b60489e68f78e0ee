/**
 * Mutants of steps: lives, bundles, outputs, timestamps.
 */
import type { Mutant } from './mutant.js'

/** The list. */
export const elements: readonly Mutant[] = [
  {
    name: 'any-skew',
    breaks: 'an output does not lie before its input by more than the allowed skew',
    file: 'runners/core/do-fn-runtime.ts',
    from: 'timestamp < context.timestamp - allowedSkewMillis &&',
    to: 'timestamp < TIMESTAMP_MIN - allowedSkewMillis &&',
    caughtBy: ['TSX-03', 'TSX-04/more', 'TSX-07'],
  },
  {
    name: 'combined-before-finish',
    breaks: 'what is combined before a grouping has what finishBundle emits in it',
    file: 'runners/core/bundle-processor.ts',
    from: '    for (const doFn of this.#compiled.doFns) {\n      await (doFn.finishBundle()',
    to: '    for (const precombine of this.#compiled.precombines) precombine.flush()\n    for (const precombine of this.#compiled.precombines) precombine.flush = () => undefined\n    for (const doFn of this.#compiled.doFns) {\n      await (doFn.finishBundle()',
    caughtBy: ['LIF-04/combined'],
  },
  {
    name: 'commit-before-finish',
    breaks: 'what a bundle emits becomes visible together, when it has succeeded',
    file: 'runners/core/execution/stage-executor.ts',
    from: '    await this.processor.finish()\n    this.commit()',
    to: '    this.commit()\n    await this.processor.finish()',
    caughtBy: ['LIF-04', 'TSX-07/finish'],
  },
  {
    name: 'no-teardown-after-failure',
    breaks: 'an instance is torn down after a failure too',
    file: 'runners/core/execution/execution.ts',
    from: '      await this.teardown().catch(() => undefined)\n      throw error',
    to: '      throw error',
    caughtBy: ['LIF-07', 'LIF-08', 'LIF-09', 'LIF-10', 'LIF-11'],
  },
  {
    name: 'no-teardown-at-the-end',
    breaks: 'an instance is torn down when the pipeline ends',
    file: 'runners/core/execution/execution.ts',
    from: '    await this.teardown()\n    if (state',
    to: '    if (state',
    caughtBy: ['LIF-01', 'LIF-13', 'PDO-03'],
  },
  {
    name: 'always-unordered',
    breaks: 'outputs of calls that wait leave in the order of their inputs',
    file: 'runners/core/async-calls.ts',
    from: '    this.#ordered = ordered',
    to: '    this.#ordered = ordered && false',
    caughtBy: ['PDO-18'],
  },
  {
    name: 'any-concurrency',
    breaks: 'no more calls are under way than concurrency allows',
    file: 'runners/core/async-calls.ts',
    from: '    this.#concurrency = concurrency',
    to: '    this.#concurrency = concurrency * 100',
    caughtBy: ['PDO-19'],
  },
  {
    name: 'declaration-not-copied',
    breaks: 'a declaration is what it was when its step was added',
    file: 'sdk/transforms/par-do.ts',
    from: '? { ...doFn } : doFn',
    to: '? doFn : doFn',
    caughtBy: ['LIF-03'],
  },
  {
    name: 'last-producer-decides',
    breaks: 'the watermark of a stage is that of the input furthest behind',
    file: 'runners/core/execution/stage-executor.ts',
    from: 'watermark = Math.min(watermark, producer.outputWatermark)',
    to: 'watermark = producer.outputWatermark',
    caughtBy: ['FLT-11'],
  },
  {
    name: 'no-verdict-is-enough',
    breaks: 'an assertion that was never judged fails its case',
    file: 'conformance/harness/count-assertions.ts',
    from: 'if (verdict === undefined || verdicts.length !== 1)',
    to: 'if (verdict === undefined) continue\n    if (verdicts.length !== 1)',
    caughtBy: ['WRONG-10'],
  },
  {
    name: 'surplus-panes-pass',
    breaks: 'a pane that is not listed fails its case',
    file: 'conformance/harness/panes.ts',
    from: 'if (missing.length === 0 && unexpected.length === 0) return undefined',
    to: 'if (missing.length === 0) return undefined',
    caughtBy: ['WRONG-04'],
  },
]
