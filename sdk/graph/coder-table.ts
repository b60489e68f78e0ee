/**
 * Coders of a graph under construction: equal ones are one node, and one codec is one coder wherever it is used, so that
 * collections described by the same codec can be united without losing it.
 */
import { type Codec, codecName, isTypeOnly, keyAndValueOf } from '../codec.js'
import { invariant } from '../invariant.js'
import type { CoderNode, Reference } from './model.js'
import { rowOfCodec } from '../schema/codec-row.js'
import * as urns from './urns.js'

/** Coders of key and value. */
export type KeyedCoders = readonly [key: string, value: string]

/** Coder nodes by id. */
export class CoderTable {
  readonly #byId = new Map<string, CoderNode>()
  readonly #idOfCodec = new Map<Codec, string>()
  readonly #codecOf = new Map<string, Codec>()
  readonly #register: (reference: Reference, codec: Codec) => void

  /** @param register keeps the codec that a reference in the graph stands for. */
  constructor(register: (reference: Reference, codec: Codec) => void) {
    this.#register = register
  }

  get byId(): ReadonlyMap<string, CoderNode> {
    return this.#byId
  }

  /** Id of the default coder. */
  dynamic(): string {
    return this.#composed('dynamic', urns.DYNAMIC_CODER, [])
  }

  /** Id of a standard coder without parts. */
  standard(urn: string): string {
    return this.#composed(urn, urn, [])
  }

  /** Id of the coder that a codec makes; the step that was given it first is the one to ask for it. */
  codec(step: string, index: number, codec: Codec | undefined): string {
    return this.#ofCodec({ step, role: 'coder', index }, codec)
  }

  /** Id of a KV coder. */
  kv(key: string, value: string): string {
    return this.#composed(`kv ${key} ${value}`, urns.KV_CODER, [key, value])
  }

  /** Id of a coder for iterables. */
  iterable(element: string): string {
    return this.#composed(`iterable ${element}`, urns.ITERABLE_CODER, [element])
  }

  /** Id of a coder for `{ input, value }`, where `input` says by which of the coders the value is encoded. */
  tagged(alternatives: readonly string[]): string {
    return this.#composed(`tagged ${alternatives.join(' ')}`, urns.TAGGED_CODER, alternatives)
  }

  /** Id of a coder for values that come and go. */
  change(value: string): string {
    return this.#composed(`change ${value}`, urns.CHANGE_CODER, [value])
  }

  /** Id of a coder for rows of results. */
  resultRow(window: string, key: string, value: string): string {
    return this.#composed(`row ${window} ${key} ${value}`, urns.RESULT_ROW_CODER, [window, key, value])
  }

  /** The codec that a coder was made of. */
  codecOf(id: string): Codec {
    const codec = this.#codecOf.get(id)
    invariant(codec !== undefined, 'a coder that is made of a codec has one', { id })
    return codec
  }

  /** Whether elements with a coder are changes, or have one as key or value. */
  hasChange(id: string): boolean {
    const { urn, componentCoderIds } = this.#byId.get(id) as CoderNode
    if (urn === urns.CHANGE_CODER) return true
    return (
      (urn === urns.KV_CODER || urn === urns.TAGGED_CODER) && componentCoderIds.some((part) => this.hasChange(part))
    )
  }

  /**
   * Coders of key and value of elements with a coder: known ones, or the default where nothing is known of the parts.
   *
   * @returns `undefined` when such elements have no key.
   */
  keyed(id: string): KeyedCoders | undefined {
    const node = this.#byId.get(id) as CoderNode
    const unknown = (): KeyedCoders => [this.dynamic(), this.dynamic()]
    switch (node.urn) {
      case urns.KV_CODER:
        return node.componentCoderIds as unknown as KeyedCoders
      case urns.DYNAMIC_CODER:
        return unknown()
      case urns.CODEC_CODER:
      case urns.ROW_CODER:
        break
      default:
        return undefined
    }
    const parts = keyAndValueOf(this.#codecOf.get(id) as Codec)
    if (parts === 'unknown') return unknown()
    if (parts === undefined) return undefined
    const { step, index } = node.reference as Reference
    return [
      this.#ofCodec({ step, role: 'keyCoder', index }, parts.key),
      this.#ofCodec({ step, role: 'valueCoder', index }, parts.value),
    ]
  }

  #ofCodec(reference: Reference, codec: Codec | undefined): string {
    if (codec === undefined || (isTypeOnly(codec) && rowOfCodec(codec) === undefined)) return this.dynamic()
    const known = this.#idOfCodec.get(codec)
    if (known !== undefined) return known
    const id = `codec ${JSON.stringify([reference.step, reference.role, reference.index])}`
    this.#register(reference, codec)
    this.#idOfCodec.set(codec, id)
    this.#codecOf.set(id, codec)
    const node = { componentCoderIds: [], reference, codecName: codecName(codec) }
    const row = rowOfCodec(codec)
    this.#byId.set(
      id,
      row === undefined ? { urn: urns.CODEC_CODER, ...node } : { urn: urns.ROW_CODER, ...node, schema: row.schema },
    )
    return id
  }

  #composed(id: string, urn: string, componentCoderIds: readonly string[]): string {
    if (!this.#byId.has(id)) this.#byId.set(id, { urn, componentCoderIds, reference: undefined, codecName: undefined })
    return id
  }
}
