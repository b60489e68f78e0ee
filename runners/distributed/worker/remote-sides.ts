/**
 * Side inputs that an engine keeps: a window is fetched when it is first read in a bundle, and made into what the author's view
 * shows.
 *
 * Law: an engine gives a bundle its elements only when what they read is ready, so what is there is all there is.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { ByteReader, type Coder, encodeToBytes } from '../../../sdk/coders/index.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { TIMESTAMP_MAX } from '../../../sdk/time.js'
import { NO_FIRING } from '../../../sdk/windowing/pane-info.js'
import type { BoundedWindow } from '../../../sdk/windowing/window.js'
import { windowCoderOf } from '../../../sdk/windowing/window-coder.js'
import type { SideInputReader } from '../../core/do-fn-services.js'
import type { SideSource } from '../../core/execution/side-gate.js'
import { sideSource } from '../../core/execution/side-sources.js'
import type { SideInput, StepInfo } from '../../core/stage.js'
import { WindowMap } from '../../core/window-map.js'
import { StateKeySchema } from '../proto/generated/beam/fn_execution_pb.js'
import type { KeptStep } from './fragment.js'
import type { WireCoderTable } from '../translation/coders.js'

/** The side inputs of one step. */
export class RemoteSides implements SideInputReader {
  readonly #built: BuiltPipeline
  readonly #transformId: string
  readonly #sides: readonly SideInput[]
  readonly #info: StepInfo
  readonly #fetch: (key: Uint8Array, side: string) => Uint8Array
  readonly #elements: readonly Coder<unknown>[]
  #sources: readonly SideSource[]
  #fetched: readonly WindowMap<true>[] = []

  constructor(
    built: BuiltPipeline,
    coders: WireCoderTable,
    step: KeptStep,
    sides: readonly SideInput[],
    info: StepInfo,
    fetch: (key: Uint8Array, side: string) => Uint8Array,
  ) {
    this.#built = built
    this.#transformId = step.transformId
    this.#sides = sides
    this.#info = info
    this.#fetch = fetch
    this.#elements = sides.map(({ name }) => coders.of(step.sideCoderIds.get(name) ?? ''))
    this.#sources = this.#made()
  }

  #made(): readonly SideSource[] {
    this.#fetched = this.#sides.map(() => new WindowMap())
    return this.#sides.map((side) => sideSource(this.#built, side, this.#info))
  }

  /** What was read before may have changed. */
  forget(): void {
    this.#sources = this.#made()
  }

  read(side: number, mainWindow: BoundedWindow): unknown {
    const { store } = this.#sources[side] as SideSource
    const window = store.windowFor(mainWindow)
    const fetched = this.#fetched[side] as WindowMap<true>
    if (fetched.get(window) === undefined) {
      fetched.set(window, true)
      const { name, strategy } = this.#sides[side] as SideInput
      const own = {
        transformId: this.#transformId,
        sideInputId: name,
        window: encodeToBytes(windowCoderOf(strategy.windowFn), window, true),
      }
      const key = create(StateKeySchema, { type: { case: 'iterableSideInput', value: own } })
      const coder = this.#elements[side] as Coder<unknown>
      for (const input = new ByteReader(this.#fetch(toBinary(StateKeySchema, key), name)); input.remaining > 0;)
        store.arrived.add(coder.decode(input, true), window.maxTimestamp, window, NO_FIRING)
      store.absorb()
      store.watermark = TIMESTAMP_MAX
    }
    return store.read(mainWindow)
  }
}
