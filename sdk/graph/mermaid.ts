/**
 * A picture of the logical graph, as text for mermaid: what the author wrote, composites as frames. Steps that the SDK
 * adds inside an author's step are folded into it. A step says what it changes: windows, codec, and where a collection
 * begins to be endless.
 *
 * Law: the same graph gives the same text; no name, however strange, can end a label or begin markup.
 */
import { formatMillis } from '../timestamp.js'
import type { WindowingStrategy } from '../windowing/windowing-strategy.js'
import { coderText } from './fingerprint.js'
import type { CollectionNode, Components, PipelineGraph, TransformNode } from './model.js'
import * as urns from './urns.js'

/** The text of a graph; `mermaid.live`, GitHub and most editors show it. */
export function mermaid(graph: PipelineGraph): string {
  return new Drawing(graph).text()
}

/** Outputs beside a step's own, as they are called. */
const extraOutputs: ReadonlyMap<string, string> = new Map([
  ['$errors', 'dead letters'],
  ['$late', 'late data'],
])

/** What is drawn as one box: an author's step, with what the SDK added inside. */
interface Box {
  readonly id: string
  readonly label: string
  readonly steps: readonly TransformNode[]
}

class Drawing {
  readonly #graph: PipelineGraph
  readonly #components: Components
  readonly #lines: string[] = ['flowchart TD']
  readonly #boxes: Box[] = []
  /** The box that makes a collection. */
  readonly #makers = new Map<string, Box>()
  /** Boxes of views, by the view's name. */
  readonly #views = new Map<string, Box>()
  #frames = 0

  constructor(graph: PipelineGraph) {
    this.#graph = graph
    this.#components = graph.components
  }

  text(): string {
    // Edges say what flows, so all boxes must be known before the first label is written.
    for (const id of this.#graph.rootTransformIds) this.#gather(id)
    let next = 0
    for (const id of this.#graph.rootTransformIds) next = this.#draw(id, '', '  ', next)
    this.#boxes.forEach((box) => this.#drawEdges(box))
    return `${this.#lines.join('\n')}\n`
  }

  /** Makes the boxes, in the order in which they are drawn. */
  #gather(id: string, parent = ''): void {
    const node = this.#node(id)
    if (node === undefined) return
    if (!this.#isFrame(node)) {
      const box: Box = { id: `n${this.#boxes.length}`, label: shownName(id, parent), steps: this.#leaves(node) }
      this.#boxes.push(box)
      for (const step of box.steps) {
        for (const output of step.outputs.values()) this.#makers.set(output, box)
        if (step.spec === undefined && step.outputs.size === 0) this.#views.set(step.uniqueName, box)
      }
      return
    }
    for (const part of node.subtransforms) this.#gather(part, id)
  }

  /** Writes the boxes of a step; returns the number of the next box. */
  #draw(id: string, parent: string, indent: string, next: number): number {
    const node = this.#node(id)
    if (node === undefined) return next
    if (!this.#isFrame(node)) {
      const box = this.#boxes[next] as Box
      const label = [box.label, ...this.#notes(box)].map(escaped).join('<br/>')
      this.#lines.push(`${indent}${box.id}${shapeOf(box)(`"${label}"`)}`)
      return next + 1
    }
    this.#lines.push(`${indent}subgraph s${this.#frames++}["${escaped(localName(id, parent))}"]`)
    let after = next
    for (const part of node.subtransforms) after = this.#draw(part, id, `${indent}  `, after)
    this.#lines.push(`${indent}end`)
    return after
  }

  #drawEdges(box: Box): void {
    const inside = new Set(box.steps.flatMap((step) => [...step.outputs.values()]))
    for (const step of box.steps) {
      const sides = step.spec?.urn === urns.PAR_DO ? step.spec.payload.sideInputs : undefined
      for (const [tag, collection] of step.inputs) {
        if (inside.has(collection)) continue
        const side = sides?.get(tag)
        const view = side === undefined ? undefined : this.#views.get(side.viewName)
        const from = view ?? this.#makers.get(collection)
        if (from === undefined) continue
        this.#lines.push(`  ${from.id} ${this.#arrow(collection, side !== undefined, tag)} ${box.id}`)
      }
    }
  }

  /** Thick for what never ends, dotted for side inputs. */
  #arrow(collection: string, isSide: boolean, tag: string): string {
    if (isSide) return `-. "${escaped(tag)}" .->`
    const line = this.#collection(collection)?.isBounded === false ? '==' : '--'
    const label = this.#outputLabel(collection)
    return label === undefined ? `${line}>` : `${line} "${escaped(label)}" ${line}>`
  }

  /** The name of an output, for steps that have several. */
  #outputLabel(collection: string): string | undefined {
    for (const step of this.#makers.get(collection)?.steps ?? []) {
      const tag = [...step.outputs].find(([, id]) => id === collection)?.[0]
      if (tag === undefined) continue
      return extraOutputs.get(tag) ?? (tag === 'out' ? undefined : tag)
    }
    return undefined
  }

  // ---- notes -------------------------------------------------------------------------------------------------------

  #notes(box: Box): readonly string[] {
    const inside = new Set(box.steps.flatMap((step) => [...step.outputs.values()]))
    const before = box.steps
      .flatMap((step) => {
        const sides = step.spec?.urn === urns.PAR_DO ? step.spec.payload.sideInputs : undefined
        return [...step.inputs].filter(([tag, id]) => !inside.has(id) && sides?.has(tag) !== true)
      })
      .flatMap(([, id]) => this.#collection(id) ?? [])
    const after = box.steps
      .flatMap((step) => [...step.outputs].filter(([tag]) => !extraOutputs.has(tag)).map(([, id]) => id))
      .filter((id) => this.#isResult(id, box))
      .flatMap((id) => this.#collection(id) ?? [])
    const output = after.at(-1)
    if (output === undefined) return []
    return [
      ...this.#windowNotes(before[0], output),
      ...this.#coderNotes(before[0], after),
      ...(before.every(({ isBounded }) => isBounded) && after.some(({ isBounded }) => !isBounded) ? ['unbounded'] : []),
    ]
  }

  /** Whether a collection is what the box as a whole puts out: something outside reads it, or nothing does. */
  #isResult(collection: string, box: Box): boolean {
    const readInside = box.steps.some((step) => [...step.inputs.values()].includes(collection))
    if (!readInside) return true
    return this.#boxes.some(
      (other) => other !== box && other.steps.some((step) => [...step.inputs.values()].includes(collection)),
    )
  }

  #windowNotes(before: CollectionNode | undefined, after: CollectionNode): readonly string[] {
    const old = this.#strategy(before)
    const now = this.#strategy(after)
    if (now === undefined) return []
    const notes: string[] = []
    const isGlobal = now.windowFn.payload.kind === 'global'
    if (old === undefined ? !isGlobal : windowText(old) !== windowText(now)) notes.push(now.windowFn.description)
    if (now.accumulationMode !== (old?.accumulationMode ?? 'discarding')) notes.push(`${now.accumulationMode} panes`)
    if (now.allowedLatenessMillis !== (old?.allowedLatenessMillis ?? 0))
      notes.push(`allowed lateness ${formatMillis(now.allowedLatenessMillis)}`)
    return notes
  }

  #coderNotes(before: CollectionNode | undefined, after: readonly CollectionNode[]): readonly string[] {
    const old = before === undefined ? 'dynamic' : coderText(before.coderId, this.#components)
    const now = [...new Set(after.map(({ coderId }) => coderText(coderId, this.#components)))].join(' | ')
    return now === old ? [] : [now]
  }

  // ---- the graph ---------------------------------------------------------------------------------------------------

  /** A composite in which the author wrote steps. */
  #isFrame(node: TransformNode): boolean {
    return node.subtransforms.some((part) => !localName(part, node.uniqueName).startsWith('$'))
  }

  #leaves(node: TransformNode): readonly TransformNode[] {
    if (node.subtransforms.length === 0) return [node]
    return node.subtransforms.flatMap((part) => {
      const inner = this.#node(part)
      return inner === undefined ? [] : this.#leaves(inner)
    })
  }

  #node(id: string): TransformNode | undefined {
    return this.#components.transforms.get(id)
  }

  #collection(id: string): CollectionNode | undefined {
    return this.#components.collections.get(id)
  }

  #strategy(collection: CollectionNode | undefined): WindowingStrategy | undefined {
    return collection === undefined
      ? undefined
      : this.#components.windowingStrategies.get(collection.windowingStrategyId)
  }
}

function windowText({ windowFn }: WindowingStrategy): string {
  return JSON.stringify([windowFn.urn, windowFn.payload])
}

/** The name within the composite around it. */
function localName(path: string, parent: string): string {
  return parent !== '' && path.startsWith(`${parent}/`) ? path.slice(parent.length + 1) : path
}

/** The same, as it is shown: what the SDK added is not marked as such. */
function shownName(path: string, parent: string): string {
  return localName(path, parent).replace(/^\$/, '')
}

/** Sources and ends are rounded, groupings have six corners, unions are circles, views lean. */
function shapeOf(box: Box): (label: string) => string {
  const has = (...wanted: readonly string[]): boolean =>
    box.steps.some((step) => step.spec !== undefined && wanted.includes(step.spec.urn))
  const isView = box.steps.every((step) => step.spec === undefined)
  if (isView) return (label) => `[/${label}/]`
  if (has(urns.PRINT, urns.COLLECT)) return (label) => `([${label}])`
  if (has(urns.GROUP_BY_KEY, urns.RESHUFFLE)) return (label) => `{{${label}}}`
  if (has(urns.IMPULSE, urns.TEST_STREAM)) return (label) => `([${label}])`
  if (has(urns.FLATTEN)) return (label) => `((${label}))`
  return (label) => `[${label}]`
}

/** What stays as it is in a label. A colon does not: mermaid looks for `style…:` anywhere in a line. */
const harmless = /[^\p{L}\p{M}\p{N} .,!?+=/$'@~^()_-]/gu

/** A name as text of a quoted label: whatever could mean something to mermaid or HTML becomes a character code. */
function escaped(name: string): string {
  return name
    .replaceAll(/[\p{Cc}\p{Cs}]+/gu, ' ')
    .replaceAll(harmless, (character) => `#${character.codePointAt(0) as number};`)
}
