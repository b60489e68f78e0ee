/**
 * Runs bundles of a fragment: elements and timers come in as the engine's bytes, go through the fragment's stages, and what comes
 * out goes back as bytes.
 *
 * Law: one bundle at a time. Stages begin downstream first and end upstream first, so that what a DoFn emits last is taken; state
 * is written, timers are told and every outlet says that it is done before the bundle is answered. What failed is not used again.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { ByteReader, type Coder, type TimerElement, type WindowedValue } from '../../../sdk/coders/index.js'
import { invariant } from '../../../sdk/invariant.js'
import type { AnySplittable, AnySplittableDoFn } from '../../../sdk/source/splittable.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import { BundleProcessor } from '../../core/bundle-processor.js'
import type { DoFnServices } from '../../core/do-fn-services.js'
import { ElementBuffer } from '../../core/element-buffer.js'
import type { RunLog } from '../../core/run-log.js'
import type { LogRecord } from '../../../sdk/logger.js'
import { SourceCalls } from '../../core/execution/source-calls.js'
import { fuse } from '../../core/fusion.js'
import { mainInputs, type Output, type Stage, type StagedPipeline } from '../../core/stage.js'
import { ChunkSize } from '../../core/time-slice.js'
import type { StageReceiver } from '../../core/stage-compiler/compiled-stage.js'
import {
  ProcessBundleResponseSchema,
  type ProcessBundleSplitRequest,
  type ProcessBundleSplitResponse,
} from '../proto/generated/beam/fn_execution_pb.js'
import { EXPIRATION_FAMILY } from '../translation/par-do.js'
import { type BundleName, type CacheTokens, NO_TOKENS } from '../wire/messages.js'
import { type BehindSteps, keptOf, sidesOf } from './behind-steps.js'
import { BundleInput } from './bundle-input.js'
import { splitOf, splitResponse } from './bundle-split.js'
import type { BundleCache } from './state-cache.js'
import { DueTimers } from './due-timers.js'
import { expirationsOf } from './expirations.js'
import type { DataPort, Fragment, SizedWork } from './fragment.js'
import { Outlet } from './outlet.js'
import { type StageAtWork, tearDown, windowsOf } from './stage-at-work.js'
import { residualIn } from './residuals.js'
import { type Residual, SplittableStep } from './splittable-step.js'
import type { BundleMetrics } from './bundle-metrics.js'
import { tracedFields } from './log-fields.js'
import type { BundleSinks, WorkerRun } from './worker-run.js'

/** What a bundle has come to. */
export interface FinishedBundle {
  /** Bytes of its answer. */
  readonly response: Uint8Array
  /** Run when the engine says that the bundle is committed. */
  readonly finalizers: readonly (() => Promise<void>)[]
}

/** The stages of a fragment, ready for one bundle after another. */
export class FragmentAtWork {
  readonly #run: WorkerRun
  readonly #fragment: Fragment
  readonly #staged: StagedPipeline
  readonly #stages: StageAtWork[]
  readonly #sinks: BundleSinks
  readonly #due = new DueTimers()
  readonly #outlets = new Map<string, Outlet>()
  readonly #residuals: { readonly transformId: string; readonly coderId: string; readonly of: Residual }[] = []
  readonly #arrived: { readonly source: DataPort; readonly count: number }[] = []
  readonly #behind: BehindSteps
  readonly #cache: BundleCache
  readonly #inputs: ReadonlyMap<string, BundleInput>
  readonly #chunk = new ChunkSize()
  #slot = -1
  #tokens: CacheTokens = NO_TOKENS
  readonly #metrics: BundleMetrics
  readonly #log: RunLog
  #bundle: BundleName | undefined

  constructor(run: WorkerRun, fragment: Fragment) {
    this.#run = run
    this.#fragment = fragment
    this.#staged = fuse(fragment.built)
    this.#metrics = run.metricsOf(this.#staged, fragment)
    this.#log = run.log.heardBy((line) => this.#logged(line))
    for (const { collectionId } of fragment.sinks) {
      const output = this.#staged.outputs.get(collectionId)
      if (output !== undefined) output.crossesStages = true
    }
    this.#inputs = new Map(fragment.sources.map(({ transformId, collectionId }) => [transformId, new BundleInput(run.grouped.has(collectionId))])) // prettier-ignore
    this.#sinks = run.sinks()
    this.#cache = run.bundleCache()
    this.#behind = { run, fragment, bundle: () => this.#name, tokens: () => this.#tokens, cache: this.#cache }
    this.#stages = this.#staged.stages.map((stage) => this.#stageAtWork(stage))
    this.#stages.forEach((each) => this.#process(each))
  }

  // ---- wiring ----------------------------------------------------------------------------------------------------

  #stageAtWork(stage: Stage): StageAtWork {
    const { root } = stage
    return {
      stage,
      inbox: new ElementBuffer(),
      kept: root.kind === 'parDo' && root.operator.isStateful ? keptOf(root.operator, this.#behind) : undefined,
      sides: sidesOf(stage, this.#behind),
      processor: undefined as never,
      splittable: undefined,
    }
  }

  #process(at: StageAtWork): void {
    const { stage } = at
    const { root } = stage
    at.processor = new BundleProcessor(this.#staged, stage, {
      env: this.#run.env,
      metrics: this.#metrics.metrics,
      log: this.#log,
      query: this.#run.query,
      slice: this.#run.slice,
      compiler: this.#run.compiler,
      isStrict: false,
      receiversOf: (output) => this.#receiversOf(at, output),
      sinkFor: (operator) => this.#sinks.push(operator),
      budgetFor: (operator) => this.#run.budgetFor(operator),
      doFnServices: (): Pick<DoFnServices, 'sides' | 'state' | 'timers'> => ({
        sides: at.sides,
        state: at.kept?.state,
        timers: at.kept?.timers,
      }),
    })
    if (root.kind === 'splittable')
      at.splittable = new SplittableStep(
        root,
        at.processor,
        this.#run.env,
        at.sides,
        () => this.#run.resourceOf(root.fn),
        () => this.#run.room(),
      )
  }

  #receiversOf(at: StageAtWork, output: Output): readonly StageReceiver[] {
    const { coders, sinks } = this.#fragment
    const receivers: StageReceiver[] = []
    for (const { transformId, coderId, collectionId } of sinks) {
      if (collectionId !== output.collectionId) continue
      // The stage's two compilers ask one after the other, and go on where the other was.
      const known = this.#outlets.get(transformId)
      const outlet =
        known ??
        new Outlet(
          coders.of(coderId),
          output.producer,
          (bytes, isLast) => this.#send(transformId, undefined, bytes, isLast),
          (error) => at.processor.runtime.broken(error),
        )
      this.#outlets.set(transformId, outlet)
      receivers.push({ kind: 'buffer', receiver: outlet })
    }
    for (const { stage, inbox } of this.#stages)
      for (const input of mainInputs(stage))
        if (input === output.collectionId) receivers.push({ kind: 'buffer', receiver: inbox })
    return receivers
  }

  get #name(): BundleName {
    invariant(this.#bundle !== undefined, 'a bundle is at work')
    return this.#bundle
  }

  #send(transformId: string, family: string | undefined, bytes: Uint8Array, isLast: boolean): void {
    const of = family === undefined ? {} : { family }
    this.#run.wire.shared.outPut(bytes.length)
    this.#run.wire.send({ kind: 'out', bundle: this.#name, transformId, ...of, bytes, isLast })
    this.#run.sent()
  }

  // ---- a bundle --------------------------------------------------------------------------------------------------

  /** Sets up every DoFn. */
  async setup(): Promise<void> {
    for (const { step, fn } of this.#fragment.work) await this.#setupWork(step, fn)
    for (const { stage, processor, splittable } of this.#stages) {
      const { root } = stage
      if (root.kind === 'splittable' && splittable !== undefined)
        await this.#run.resource(root.fn, () => splittable.setup())
      await processor.setup()
    }
  }

  /** Whoever names and cuts work may look at what its readers share. */
  async #setupWork(step: string, fn: AnySplittable): Promise<void> {
    const info = this.#run.staged.steps.find(({ id }) => id === step)
    const [at] = this.#stages
    if (info === undefined || at === undefined) return
    const doFn = fn.doFn as AnySplittableDoFn<unknown>
    await this.#run.resource(fn, () => doFn.setup?.(new SourceCalls(info, at.processor).setupContext()))
  }

  /** Sources, and timers by step and family, that a bundle waits for the end of. */
  get awaited(): readonly string[] {
    const timers = [...this.#fragment.kept.values()].flatMap(({ transformId, payload }) =>
      Object.keys(payload.timerFamilySpecs).map((family) => `${transformId} ${family}`),
    )
    return [
      ...this.#fragment.sources.map(({ transformId }) => transformId),
      ...(this.#fragment.hasTimers ? timers : []),
    ]
  }

  /** @param slot of the bundle in the shared counters. */
  async begin(bundle: BundleName, slot = -1, tokens: CacheTokens = NO_TOKENS): Promise<void> {
    this.#bundle = bundle
    this.#slot = slot
    this.#tokens = tokens
    for (const input of this.#inputs.values()) input.reset()
    for (const outlet of this.#outlets.values()) outlet.reset()
    this.#residuals.length = 0
    this.#arrived.length = 0
    this.#due.clear()
    for (const { processor, sides } of [...this.#stages].reverse()) {
      sides?.forget()
      await processor.begin()
    }
  }

  /** Takes elements of a source. */
  async data(transformId: string, bytes: Uint8Array, isLast: boolean): Promise<void> {
    const source = this.#fragment.sources.find((each) => each.transformId === transformId)
    const taken = this.#inputs.get(transformId)
    if (source === undefined || taken === undefined) return
    if (isLast) taken.isComplete = true
    if (bytes.length === 0) return
    const coder = this.#fragment.coders.of(source.coderId) as Coder<WindowedValue<unknown, BoundedWindow>>
    const buffer = new ElementBuffer()
    for (const input = new ByteReader(bytes); input.remaining > 0;) {
      const { value, timestamp, windows, pane } = coder.decode(input, true)
      buffer.add(value, timestamp, windowsOf(windows), pane)
    }
    const at = this.#stages[this.#staged.producer.get(source.collectionId) ?? -1]
    invariant(at !== undefined, 'a source has a stage', { transform: transformId })
    const { begun } = taken
    taken.arrived += buffer.length
    await this.#inSlices(buffer, at, taken)
    this.#arrived.push({ source, count: taken.begun - begun })
  }

  /** Elements are begun some at a time: what is not, the engine may take back; and output may need time to leave. */
  async #inSlices(buffer: ElementBuffer, at: StageAtWork, taken: BundleInput): Promise<void> {
    const { env, wire } = this.#run
    for (let from = 0; from < buffer.length;) {
      const count = taken.allowed(Math.min(this.#slice, buffer.length - from))
      if (count <= 0) return
      const began = env.monotonic()
      taken.begun += count
      if (this.#slot >= 0) wire.shared.setIndex(this.#slot, taken.begun - 1)
      await at.processor.process(taken.real(count === buffer.length ? buffer : buffer.slice(from, from + count)))
      await this.#flow()
      this.#chunk.observe(count, env.monotonic() - began)
      if (wire.shared.isOutFull) await this.#run.room()
      from += count
    }
  }

  /** Elements of a step that reads are begun one at a time, since each may be long. */
  get #slice(): number {
    return this.#stages.some(({ splittable }) => splittable !== undefined) ? 1 : this.#chunk.size
  }

  /** Gives a part of the bundle away; of one with state none: Prism lets both parts go on at once, and what one writes the other loses. */
  split({ desiredSplits }: ProcessBundleSplitRequest): ProcessBundleSplitResponse {
    if (this.#stages.some(({ kept }) => kept !== undefined)) return splitResponse(undefined, undefined)
    for (const [transformId, desired] of Object.entries(desiredSplits)) {
      const input = this.#inputs.get(transformId)
      const reader = this.#stages.find(({ splittable }) => splittable?.isReading === true)
      const found = input === undefined ? undefined : splitOf(transformId, input, desired, reader?.splittable)
      if (found === undefined) continue
      const step = this.#fragment.kept.get(reader?.stage.root.info.id ?? '')
      const roots = found.parts === undefined || step === undefined ? undefined : found.parts.map((of) => residualIn(this.#fragment, this.#stages, { transformId: step.transformId, coderId: step.inputCoderId, of })) // prettier-ignore
      return splitResponse(found.channel, roots)
    }
    return splitResponse(undefined, undefined)
  }

  /** Takes timers that are due; they fire before elements that are later, and when the bundle has had all its elements. */
  timers(transformId: string, family: string, bytes: Uint8Array): void {
    const [id, step] = [...this.#fragment.kept].find(([, each]) => each.transformId === transformId) ?? []
    const at = this.#stages.find(({ stage }) => stage.root.info.id === id)
    const coderId = step?.payload.timerFamilySpecs[family]?.timerFamilyCoderId
    if (at?.kept === undefined || coderId === undefined || bytes.length === 0) return
    const coder = this.#fragment.coders.of(coderId) as Coder<TimerElement<unknown, BoundedWindow>>
    const index = at.kept.families.findIndex(({ name }) => name === family)
    for (const input = new ByteReader(bytes); input.remaining > 0;) {
      const timer = coder.decode(input, true)
      if (!timer.clearBit) for (const window of timer.windows) this.#due.add(at, index, timer, window)
    }
  }

  /** Elements go on from stage to stage within the bundle. */
  async #flow(): Promise<void> {
    for (const at of this.#stages) {
      if (at.inbox.length === 0) continue
      const waiting = at.inbox.take()
      at.kept?.state.prefetch(waiting)
      if (at.splittable !== undefined) await this.#work(at, waiting)
      else if (at.kept !== undefined && at.kept.timers !== undefined) await this.#oneByOne(at, waiting)
      else await at.processor.process(waiting)
    }
  }

  /** Delays of timers count from the element at hand. */
  async #oneByOne(at: StageAtWork, waiting: ElementBuffer): Promise<void> {
    for (let i = 0; i < waiting.length; i++) {
      await this.#due.fireBefore(at, waiting.timestamps[i] as number)
      if (at.kept !== undefined) at.kept.timers.eventTime = waiting.timestamps[i] as number
      await at.processor.process(waiting.slice(i, i + 1))
    }
  }

  async #work(at: StageAtWork, waiting: ElementBuffer): Promise<void> {
    const step = this.#fragment.kept.get(at.stage.root.info.id)
    invariant(step !== undefined && at.splittable !== undefined, 'a splittable step is one of the engine')
    for (let i = 0; i < waiting.length; i++) {
      const left = await at.splittable.process(
        waiting.values[i] as SizedWork,
        waiting.timestamps[i] as number,
        waiting.windows[i] as Windows,
        waiting.panes[i] as PaneInfo,
      )
      for (const of of left) this.#residuals.push({ transformId: step.transformId, coderId: step.inputCoderId, of })
    }
  }

  /** Ends the bundle. @param check throws where it must not end well. */
  async finish(check: () => void): Promise<FinishedBundle> {
    await this.#due.fire()
    for (const at of this.#stages) {
      await this.#flow()
      await at.processor.finish()
    }
    await this.#flow()
    check()
    const expirations = expirationsOf(this.#stages, this.#fragment, (record) => this.#due.expires(record))
    for (const { kept } of this.#stages) kept?.state.write()
    for (const { kept } of this.#stages) {
      if (kept === undefined) continue
      kept.timers.write((family, bytes) => this.#send(kept.transformId, family, bytes, false))
      for (const { name } of kept.families) this.#send(kept.transformId, name, new Uint8Array(0), true)
    }
    for (const { transformId, bytes } of expirations) {
      if (bytes !== undefined) this.#send(transformId, EXPIRATION_FAMILY, bytes, false)
      this.#send(transformId, EXPIRATION_FAMILY, new Uint8Array(0), true)
    }
    for (const { transformId } of this.#fragment.sinks) {
      const outlet = this.#outlets.get(transformId)
      if (outlet === undefined) this.#send(transformId, undefined, new Uint8Array(0), true)
      else outlet.finish()
    }
    const residualRoots = this.#residuals.map((each) => residualIn(this.#fragment, this.#stages, each))
    for (const { processor } of this.#stages) processor.runtime.deliveries.commit()
    this.#sinks.commit()
    this.#cache.commit()
    const finalizers = this.#finalizers()
    for (const { source, count } of this.#arrived) this.#countArrived(source, count)
    const monitoringData = this.#run.counted(this.#metrics)
    const answer = create(ProcessBundleResponseSchema, { residualRoots, monitoringData, requiresFinalization: finalizers.length > 0 }) // prettier-ignore
    return { finalizers, response: toBinary(ProcessBundleResponseSchema, answer) }
  }

  #countArrived({ transformId, collectionId, localId = collectionId }: DataPort, count: number): void {
    if (this.#run.arrived(transformId, localId, count)) this.#metrics.arrived(collectionId, count)
  }

  /** What waits for the engine to say that the bundle is committed. */
  #finalizers(): FinishedBundle['finalizers'] {
    return this.#stages.flatMap(({ processor: { runtime }, splittable }) => [
      ...(runtime.finalizers.isAwaited ? [runtime.finalizers.handOver()] : []),
      ...(splittable?.takeAcknowledgements() ?? []),
    ])
  }

  #logged({ level, message, fields }: LogRecord): void {
    if (this.#bundle === undefined) return
    const { step } = fields
    const transformId = typeof step === 'string' ? this.#fragment.transformOf(step) : ''
    this.#run.wire.send({
      kind: 'log',
      bundle: this.#bundle,
      line: { level, message: message ?? '', millis: this.#run.env.now(), transformId, ...tracedFields(fields) },
    })
  }

  /** Gives up the bundle: nothing of it remains. */
  abandon(): void {
    this.#sinks.discard()
    this.#metrics.discard()
    this.#cache.discard()
    for (const { processor } of this.#stages) processor.abandon()
  }

  async teardown(): Promise<void> {
    await tearDown([...this.#stages].reverse())
  }
}
