/**
 * Runs bundles of a fragment: elements and timers come in as the engine's bytes, go through the fragment's stages, and what comes
 * out goes back as bytes.
 *
 * Law: one bundle at a time. Stages begin downstream first and end upstream first, so that what a DoFn emits last is taken; state
 * is written, timers are told and every outlet says that it is done before the bundle is answered. What failed is not used again.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import {
  ByteReader,
  ByteWriter,
  type Coder,
  type TimerElement,
  type WindowedValue,
  windowedValueCoder,
} from '../../../sdk/coders/index.js'
import { coderOf } from '../../../sdk/graph/coders.js'
import { invariant } from '../../../sdk/invariant.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import { expiryOf } from '../../../sdk/windowing/expiry.js'
import { windowCoderOf } from '../../../sdk/windowing/window-coder.js'
import { BundleProcessor } from '../../core/bundle-processor.js'
import { cellCodersOf } from '../../core/cells/cell-place.js'
import { cellKeeping } from '../../core/cells/kept-cells.js'
import type { DoFnServices } from '../../core/do-fn-services.js'
import { ElementBuffer } from '../../core/element-buffer.js'
import { fuse } from '../../core/fusion.js'
import {
  mainInputs,
  type Output,
  type ParDoOperator,
  type Stage,
  sideInputs,
  type StagedPipeline,
} from '../../core/stage.js'
import type { StageReceiver } from '../../core/stage-compiler/compiled-stage.js'
import { ProcessBundleResponseSchema } from '../proto/generated/beam/fn_execution_pb.js'
import { EXPIRATION_FAMILY } from '../translation/par-do.js'
import type { BundleName } from '../wire/messages.js'
import { DueTimers } from './due-timers.js'
import type { Fragment, SizedWork } from './fragment.js'
import { Outlet } from './outlet.js'
import { RemoteSides } from './remote-sides.js'
import { RemoteState } from './remote-state.js'
import { expirationTimer, type RemoteTimer, RemoteTimers } from './remote-timers.js'
import { type StageAtWork, windowsOf } from './stage-at-work.js'
import { residualMessage } from './residuals.js'
import { type Residual, SplittableStep } from './splittable-step.js'
import type { BundleSinks } from './worker-run.js'
import { type WorkerRun } from './worker-run.js'

/** The stages of a fragment, ready for one bundle after another. */
export class FragmentAtWork {
  readonly #run: WorkerRun
  readonly #fragment: Fragment
  readonly #staged: StagedPipeline
  readonly #stages: StageAtWork[]
  readonly #sinks: BundleSinks
  readonly #due = new DueTimers()
  readonly #outlets = new Map<string, Outlet>()
  readonly #families = new Map<string, readonly RemoteTimer[]>()
  readonly #residuals: { readonly transformId: string; readonly coderId: string; readonly of: Residual }[] = []
  #bundle: BundleName | undefined

  constructor(run: WorkerRun, fragment: Fragment) {
    this.#run = run
    this.#fragment = fragment
    this.#staged = fuse(fragment.built)
    run.adopt(this.#staged)
    for (const { collectionId } of fragment.sinks) {
      const output = this.#staged.outputs.get(collectionId)
      if (output !== undefined) output.crossesStages = true
    }
    this.#sinks = run.sinks()
    this.#stages = this.#staged.stages.map((stage) => this.#stageAtWork(stage))
    this.#stages.forEach((each) => this.#process(each))
  }

  // ---- wiring ----------------------------------------------------------------------------------------------------

  #stageAtWork(stage: Stage): StageAtWork {
    const { root } = stage
    const isStateful = root.kind === 'parDo' && root.operator.isStateful
    return {
      stage,
      inbox: new ElementBuffer(),
      kept: isStateful ? this.#keptOf(root.operator) : undefined,
      sides: sideInputs(stage).length === 0 ? undefined : this.#sidesOf(stage),
      processor: undefined as never,
      splittable: undefined,
    }
  }

  #process(at: StageAtWork): void {
    const { stage } = at
    const { root } = stage
    at.processor = new BundleProcessor(this.#staged, stage, {
      env: this.#run.env,
      metrics: this.#run.metrics,
      log: this.#run.log,
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
      at.splittable = new SplittableStep(root, at.processor, this.#run.env, at.sides, () =>
        this.#run.resourceOf(root.fn),
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

  #keptOf(operator: ParDoOperator): NonNullable<StageAtWork['kept']> {
    const { info, fn, payload, strategy } = operator
    const step = this.#fragment.kept.get(info.id)
    invariant(step !== undefined, 'a step with state is one of the engine', { step: info.id })
    const { built, coders, stateUrl } = this.#fragment
    const specs = (fn.kind === 'doFn' ? fn.doFn.state : undefined) ?? {}
    const nodes = [...payload.stateSpecs.values()]
    const cells = Object.entries(specs).map(([name, spec], cell) => ({
      name,
      keeping: cellKeeping(
        info.path,
        spec,
        cellCodersOf(nodes[cell] as (typeof nodes)[number], (id) => coderOf(built, id)),
      ),
    }))
    const [keyId = ''] = coders.partsOf(step.inputCoderId)
    const [ownKeyId = ''] = built.graph.components.coders.get(operator.inputCoderId)?.componentCoderIds ?? []
    const state = new RemoteState({
      transformId: step.transformId,
      cells,
      timerCount: payload.timerSpecs.size,
      key: coders.of(keyId),
      ownKey: coderOf(built, ownKeyId),
      window: windowCoderOf(strategy.windowFn),
      read: (keys) => this.#run.wire.read({ kind: 'get', bundle: this.#name, url: stateUrl, keys }),
      change: (key, content) => {
        const put = { kind: 'put', bundle: this.#name, url: stateUrl, key } as const
        this.#run.wire.send({ ...put, change: { kind: 'clear' } })
        if (content !== undefined) this.#run.wire.send({ ...put, change: { kind: 'append', data: content } })
      },
    })
    const timers = [...payload.timerSpecs].map(([name, { timeDomain }]): RemoteTimer => ({
      name,
      isProcessingTime: timeDomain === 'processingTime',
      coder: coders.of(step.payload.timerFamilySpecs[name]?.timerFamilyCoderId ?? '') as RemoteTimer['coder'],
    }))
    this.#families.set(step.transformId, timers)
    return { state, timers: new RemoteTimers(timers, () => this.#run.env.now()) }
  }

  #sidesOf(stage: Stage): RemoteSides {
    const sides = sideInputs(stage)
    const { info } = stage.root
    const step = this.#fragment.kept.get(info.id)
    invariant(step !== undefined, 'a step with side inputs is one of the engine', { step: info.id })
    const { built, coders, stateUrl } = this.#fragment
    return new RemoteSides(built, coders, step, sides, info, (key) => {
      const [bytes] = this.#run.wire.read({ kind: 'get', bundle: this.#name, url: stateUrl, keys: [key] })
      return bytes ?? new Uint8Array(0)
    })
  }

  get #name(): BundleName {
    invariant(this.#bundle !== undefined, 'a bundle is at work')
    return this.#bundle
  }

  #send(transformId: string, family: string | undefined, bytes: Uint8Array, isLast: boolean): void {
    const of = family === undefined ? {} : { family }
    this.#run.wire.send({ kind: 'out', bundle: this.#name, transformId, ...of, bytes, isLast })
  }

  // ---- a bundle --------------------------------------------------------------------------------------------------

  /** Sets up every DoFn. */
  async setup(): Promise<void> {
    for (const { stage, processor, splittable } of this.#stages) {
      const { root } = stage
      if (root.kind === 'splittable' && splittable !== undefined)
        await this.#run.resource(root.fn, () => splittable.setup())
      await processor.setup()
    }
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

  async begin(bundle: BundleName): Promise<void> {
    this.#bundle = bundle
    for (const outlet of this.#outlets.values()) outlet.reset()
    this.#residuals.length = 0
    this.#due.clear()
    for (const { processor, sides } of [...this.#stages].reverse()) {
      sides?.forget()
      await processor.begin()
    }
  }

  /** Takes elements of a source. */
  async data(transformId: string, bytes: Uint8Array): Promise<void> {
    const source = this.#fragment.sources.find((each) => each.transformId === transformId)
    if (source === undefined || bytes.length === 0) return
    const coder = this.#fragment.coders.of(source.coderId) as Coder<WindowedValue<unknown, BoundedWindow>>
    const buffer = new ElementBuffer()
    for (const input = new ByteReader(bytes); input.remaining > 0;) {
      const { value, timestamp, windows, pane } = coder.decode(input, true)
      buffer.add(value, timestamp, windowsOf(windows), pane)
    }
    const at = this.#stages[this.#staged.producer.get(source.collectionId) ?? -1]
    invariant(at !== undefined, 'a source has a stage', { transform: transformId })
    if (source.localId !== undefined) this.#run.arrived(transformId, source.localId, buffer.length)
    await at.processor.process(buffer)
    await this.#flow()
  }

  /** Takes timers that are due; they fire when the bundle has had all its elements. */
  timers(transformId: string, family: string, bytes: Uint8Array): void {
    const step = [...this.#fragment.kept].find(([, each]) => each.transformId === transformId)
    const at = this.#stages.find(({ stage }) => stage.root.info.id === step?.[0])
    const coderId = step?.[1].payload.timerFamilySpecs[family]?.timerFamilyCoderId
    if (at?.kept === undefined || coderId === undefined || bytes.length === 0) return
    const coder = this.#fragment.coders.of(coderId) as Coder<TimerElement<unknown, BoundedWindow>>
    const index = (this.#families.get(transformId) ?? []).findIndex(({ name }) => name === family)
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
      if (at.splittable !== undefined) await this.#work(at, waiting)
      else if (at.kept !== undefined && at.kept.timers !== undefined) await this.#oneByOne(at, waiting)
      else await at.processor.process(waiting)
    }
  }

  /** Delays of timers count from the element at hand. */
  async #oneByOne(at: StageAtWork, waiting: ElementBuffer): Promise<void> {
    for (let i = 0; i < waiting.length; i++) {
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

  /** Ends the bundle. @returns bytes of its answer. */
  async finish(): Promise<Uint8Array> {
    await this.#due.fire()
    for (const at of this.#stages) {
      await this.#flow()
      await at.processor.finish()
    }
    await this.#flow()
    const expirations = this.#expirations()
    for (const { kept } of this.#stages) kept?.state.write()
    for (const [transformId, timers] of this.#families) {
      const at = this.#stages.find(
        ({ stage }) => this.#fragment.kept.get(stage.root.info.id)?.transformId === transformId,
      )
      at?.kept?.timers.write((family, bytes) => this.#send(transformId, family, bytes, false))
      for (const { name } of timers) this.#send(transformId, name, new Uint8Array(0), true)
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
    const residualRoots = this.#residuals.map(({ transformId, coderId, of }) =>
      this.#residual(transformId, coderId, of),
    )
    for (const { processor } of this.#stages) processor.runtime.deliveries.commit()
    this.#sinks.commit()
    return toBinary(ProcessBundleResponseSchema, create(ProcessBundleResponseSchema, { residualRoots }))
  }

  /**
   * Timers of expirations, by step: engines that know them set them by themselves, for others they are set for every key and window
   * that the bundle has met. All must hear that no more will come.
   */
  #expirations(): readonly { readonly transformId: string; readonly bytes: Uint8Array | undefined }[] {
    type Told = { readonly transformId: string; readonly bytes: Uint8Array | undefined }
    return [...this.#fragment.kept].flatMap(([step, { transformId, payload }]): readonly Told[] => {
      const family = payload.timerFamilySpecs[EXPIRATION_FAMILY]
      const at = this.#stages.find(({ stage }) => stage.root.info.id === step)
      if (family === undefined) return []
      if (at?.kept === undefined || payload.onWindowExpirationTimerFamilySpec !== '')
        return [{ transformId, bytes: undefined }]
      const coder = this.#fragment.coders.of(family.timerFamilyCoderId) as Coder<TimerElement<unknown, BoundedWindow>>
      const { allowedLatenessMillis } = (at.stage.root as { readonly operator: ParDoOperator }).operator.strategy
      const out = new ByteWriter()
      for (const record of at.kept.state.met())
        if (!record.isEmpty && !this.#due.expires(record))
          coder.encode(expirationTimer(record, expiryOf(record.window, allowedLatenessMillis)), out, true)
      return [{ transformId, bytes: out.take() }]
    })
  }

  #residual(transformId: string, coderId: string, of: Residual) {
    const { coders, built, mainTagOf, outputTagsOf } = this.#fragment
    const at = this.#stages.find(
      ({ stage }) => this.#fragment.kept.get(stage.root.info.id)?.transformId === transformId,
    )
    const root = at?.stage.root
    invariant(root?.kind === 'splittable', 'what is left is of a splittable step', { transformId })
    const input = built.graph.components.collections.get(root.inputs[0] ?? '')
    const strategy = built.graph.components.windowingStrategies.get(input?.windowingStrategyId ?? '') ?? root.strategy
    return residualMessage(of, {
      transformId,
      inputId: mainTagOf.get(transformId) ?? 'in',
      outputTags: outputTagsOf.get(transformId) ?? [],
      isBounded: root.fn.doFn.bounded,
      coder: windowedValueCoder(coders.of(coderId), windowCoderOf(strategy.windowFn)),
    })
  }

  /** Gives up the bundle: nothing of it remains. */
  abandon(): void {
    this.#sinks.discard()
    for (const { processor } of this.#stages) processor.abandon()
  }

  async teardown(): Promise<void> {
    for (const { processor } of [...this.#stages].reverse()) await processor.teardown()
  }
}
