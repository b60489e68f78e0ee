/**
 * How elements go from partition to partition: the form of every input of every stage, and the partition that an element belongs to.
 *
 * Law: who writes and who reads agree; elements of one key go to one partition, whoever writes them.
 */
import { ByteReader, type Coder, encodeToBytes } from '../../../sdk/coders/index.js'
import { UserCodeError } from '../../../sdk/errors.js'
import { invariant } from '../../../sdk/invariant.js'
import * as urns from '../../../sdk/graph/urns.js'
import type { Push } from '../../core/element-buffer.js'
import { ElementCoding } from '../../core/element-coding.js'
import { StageCoders } from '../../core/execution/stage-coders.js'
import { keyOf } from '../../core/key-of.js'
import { slotOf } from '../../core/kept-state.js'
import { mainInputs, type SideInput, type Stage, type StagedPipeline, sideInputs } from '../../core/stage.js'
import { partitionOf } from '../store/partition-of.js'
import type { Block } from './task.js'

/** The name of a stage's main input in blocks, and of work that another partition has cut off; side inputs have `side/` and their name. */
export const MAIN = 'main'
export const WORK = 'work'
const SIDE = 'side/'

/** What a side input is called in blocks. */
export function sideInputName(side: SideInput): string {
  return SIDE + side.name
}

/** The side input that a block is for; `undefined` when it is for the main input. */
export function sideOf(input: string): string | undefined {
  return input.startsWith(SIDE) ? input.slice(SIDE.length) : undefined
}

/** Where an element belongs: to the partition of its key, to any of them, or to all. */
export type Route = { readonly kind: 'key'; readonly partitionOf: (value: unknown) => number } | 'any' | 'all' | 'own'

/** See the head of this file. */
export class BlockCodings {
  readonly #staged: StagedPipeline
  readonly #coders: StageCoders
  readonly #codings = new Map<string, ElementCoding>()

  constructor(staged: StagedPipeline) {
    this.#staged = staged
    this.#coders = new StageCoders(staged.built)
  }

  /** How elements of an input are written. */
  of(stage: Stage, input: string): ElementCoding {
    const name = `${stage.id} ${input}`
    let coding = this.#codings.get(name)
    if (coding === undefined) this.#codings.set(name, (coding = this.#coding(stage, sideOf(input))))
    return coding
  }

  #coding(stage: Stage, sideName: string | undefined): ElementCoding {
    if (sideName === undefined) return this.#coders.waitingFor(stage).coding
    const side = sideInputs(stage).find(({ name }) => name === sideName)
    invariant(side !== undefined, 'blocks are for side inputs that there are', { side: sideName })
    const { collections } = this.#staged.built.graph.components
    return new ElementCoding(this.#coders.of(collections.get(side.collectionId)?.coderId ?? ''), side.strategy.windowFn)
  }

  /** The slot of an element's key; `undefined` where a stage does not ask for keys. */
  slotOf({ root }: Stage): ((value: unknown) => number) | undefined {
    if (root.kind === 'grouping') return slotBy(this.#coders.of(root.keyCoderId))
    if (root.kind === 'parDo' && root.operator.isStateful) return slotBy(this.#coders.ofKey(root.operator.inputCoderId))
    return undefined
  }

  /** Where the elements of a stage's main input belong. */
  route(stage: Stage, partitions: number): Route {
    const slot = this.slotOf(stage)
    if (slot !== undefined) return { kind: 'key', partitionOf: (value) => partitionOf(slot(value), partitions) }
    const { root } = stage
    switch (root.kind) {
      case 'splittable':
        return 'any'
      default: {
        const { transforms } = this.#staged.built.graph.components
        return transforms.get(root.info.id)?.spec?.urn === urns.RESHUFFLE ? 'any' : 'own'
      }
    }
  }

  /** Hands the elements of a block on; `ended` hears where a bundle ends. */
  read(stage: Stage, { input, bytes, count, ends }: Block, push: Push, ended: () => void): void {
    const coding = this.of(stage, input)
    const reader = new ByteReader(bytes)
    let at = 0
    for (let i = 1; i <= count; i++) {
      this.#guarded(stage, input, () => coding.read(reader, push))
      if (i !== ends[at]) continue
      ended()
      at++
    }
    invariant(reader.remaining === 0, 'a block holds as many elements as it says', { stage: stage.name })
  }

  /** What a codec does not take again is the fault of who has written it. */
  #guarded(stage: Stage, input: string, read: () => void): void {
    try {
      read()
    } catch (cause) {
      const name = sideOf(input)
      const side = sideInputs(stage).find((each) => each.name === name)
      const collections = side === undefined ? mainInputs(stage) : [side.collectionId]
      const outputs = collections.map((each) => this.#staged.outputs.get(each))
      const { path, source } = (outputs.length === 1 ? outputs[0]?.producer : undefined) ?? stage.root.info
      throw new UserCodeError({ step: path, call: 'its output', source, cause })
    }
  }
}

function slotBy(coder: Coder<unknown>): (value: unknown) => number {
  return (value) => slotOf(encodeToBytes(coder, keyOf(value), true))
}
