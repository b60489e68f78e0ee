import { describe, expect, it, vi } from 'vitest'
import {
  afterCount,
  fixedWindows,
  globalWindows,
  kv,
  mean,
  OffsetRangeTracker,
  type PCollection,
  pipeline,
  type Pipeline,
  repeatedly,
  slidingWindows,
  source,
  sum,
  typed,
  watermarks,
} from 'millrace'
import { coderOf } from '../../../sdk/graph/coders.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import type { ReduceTable } from '../reduce-table.js'
import { reduceFnOf } from '../reduce-fn.js'
import { ReduceFnRunner } from '../reduce-fn-runner.js'
import type { Keeper, KeptEntry } from '../kept-state.js'
import { Metrics } from '../metrics.js'
import { Acknowledgements } from './acknowledgements.js'
import { Execution } from './execution.js'
import type { ExecutionOptions } from './execution-options.js'
import { GroupingExecutor } from './grouping-executor.js'
import { LOCAL_FEATURES, startLocal } from './start-local.js'

const EVENTS = 3000

/** What a grouping has, in words. */
function contentOf(runner: ReduceFnRunner): readonly string[] {
  const { tables, slices, cells, hold } = runner.kept()
  const textOf = ({ window, role, isFast, isAskedAtEnd, isSliced, cells: of }: ReduceTable): string => {
    const content = [...of.values()].map(({ key, accumulator }) => `${String(key)}: ${JSON.stringify(accumulator)}`)
    return `${role} ${String(window)} ${isFast} ${isAskedAtEnd} ${isSliced} ${content.join(', ')}`
  }
  const all = [...tables.values(), ...(slices?.tables() ?? [])].map(textOf).sort()
  return [`${cells} cells, hold ${hold}, ${runner.hold}`, ...all]
}

/** A run in which, whenever nothing is left to do for now, every grouping is stored and compared with what comes of that. */
class Keeping extends Execution {
  static compared = 0
  readonly #entries = new Map<Keeper, Map<string, KeptEntry>>()
  readonly #runners = new Map<Keeper, ReduceFnRunner>()
  readonly #built: BuiltPipeline

  constructor(built: BuiltPipeline, options: ExecutionOptions) {
    super(built, options)
    this.#built = built
    const asked = vi.spyOn(ReduceFnRunner.prototype, 'keeper')
    for (const executor of this.executors) {
      for (const keeper of executor instanceof GroupingExecutor ? executor.keepers().values() : []) {
        keeper.track()
        this.#entries.set(keeper, new Map())
        this.#runners.set(keeper, asked.mock.contexts.at(-1) as ReduceFnRunner)
      }
    }
    asked.mockRestore()
  }

  protected override async round(): Promise<boolean> {
    const changed = await super.round()
    // Sources are read in every round: what is stored is stored where a grouping has nothing to do.
    for (const executor of this.executors) {
      if (executor instanceof GroupingExecutor) while (await executor.turn());
    }
    for (const executor of this.executors) if (executor instanceof GroupingExecutor) this.#compare(executor)
    return changed
  }

  #compare(executor: GroupingExecutor): void {
    const [keeper] = executor.keepers().values()
    const entries = this.#entries.get(keeper as Keeper) as Map<string, KeptEntry>
    const runner = this.#runners.get(keeper as Keeper) as ReduceFnRunner
    const textOf = (id: Uint8Array): string => Buffer.from(id).toString('hex')
    keeper?.changes({
      put: (slot, id, content) => entries.set(textOf(id), { slot, id, content }),
      remove: (_slot, id) => entries.delete(textOf(id)),
    })
    const { root } = executor.stage
    if (root.kind !== 'grouping') return
    const coder = coderOf(this.#built, root.accumulatorCoderId ?? root.valueCoderId)
    const other = new ReduceFnRunner({
      step: 'other',
      strategy: root.strategy,
      reduce: reduceFnOf(root.combine, root.mergesAccumulators, coder, coder),
      keyCoder: coderOf(this.#built, root.keyCoderId),
      accumulatorCoder: coder,
      metrics: new Metrics(0, 0),
      clocks: { processing: () => 0, synchronized: () => 0 },
      guard: (_call, _key, _window, act) => act(),
      output: () => undefined,
    })
    const again = other.keeper()
    again.track()
    again.restore(entries.values())
    expect(contentOf(other)).toEqual(contentOf(runner))
    Keeping.compared++
  }
}

async function kept(
  build: (events: PCollection<number>) => unknown,
  stageCompiler: 'closures' | 'generated',
): Promise<number> {
  const p: Pipeline = pipeline()
  const events = source({
    output: typed<number>(),
    bounded: false,
    replayable: true,
    watermark: watermarks.outOfOrder(5),
    restriction: () => ({ from: 0, to: EVENTS }),
    restrictionCodec: typed<{ from: number; to: number }>(),
    tracker: (range) => new OffsetRangeTracker(range),
    elementAt: (_element: unknown, i: number) => (i * 7919) % 101,
    timestampAt: (_element: unknown, i: number) => i - (i % 7),
    process: () => undefined,
  })
  build(p.apply('events', events))
  Keeping.compared = 0
  await startLocal(
    {
      name: 'kept',
      features: LOCAL_FEATURES,
      check: () => undefined,
      acknowledgements: () => new Acknowledgements(false),
      execution: (built, options) => new Keeping(built, options),
    },
    p.build(),
    { stageCompiler, bundleSize: 100 },
  ).result
  return Keeping.compared
}

const pipelines: Readonly<Record<string, (events: PCollection<number>) => unknown>> = {
  'sums of several keys in fixed windows': (events) =>
    events
      .windowInto('w', fixedWindows(500), { allowedLateness: 100 })
      .map('k', (n) => kv(`k${n % 13}`, n))
      .combinePerKey('sum', sum())
      .collect('out'),
  'one sum over everything': (events) =>
    events.windowInto('w', fixedWindows(500)).combineGlobally('sum', sum(), { whenEmpty: 'nothing' }).collect('out'),
  'lists in fixed windows': (events) =>
    events
      .windowInto('w', fixedWindows(500))
      .map('k', (n) => kv(n % 13, n))
      .groupByKey('group')
      .collect('out'),
  'accumulators that are changed in place': (events) =>
    events
      .windowInto('w', fixedWindows(500))
      .map('k', (n) => kv({ of: n % 13 }, n))
      .combinePerKey('mean', mean())
      .collect('out'),
  'slices of sliding windows': (events) =>
    events
      .windowInto('w', slidingWindows(500, { every: 50 }))
      .map('k', (n) => kv(n % 13, n))
      .combinePerKey('sum', sum())
      .collect('out'),
  'the global window': (events) =>
    events
      .windowInto('w', globalWindows(), { trigger: repeatedly(afterCount(100)) })
      .map('k', (n) => kv(n % 13, n))
      .combinePerKey('sum', sum())
      .collect('out'),
}

describe('what a grouping keeps while code that is made for its stage adds to it', () => {
  for (const compiler of ['closures', 'generated'] as const) {
    it.each(Object.keys(pipelines))(`${compiler}: %s`, async (name) => {
      const build = pipelines[name] as (events: PCollection<number>) => unknown
      expect(await kept(build, compiler)).toBeGreaterThan(EVENTS / 100)
    })
  }
})
