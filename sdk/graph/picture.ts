/**
 * What a picture of a graph shows, before anybody draws it: boxes, the frames they stand in, and the arrows between them.
 * The logical picture shows what the author wrote, composites as frames; steps that the SDK adds inside an author's step
 * are folded into it. A step says what it changes: windows, codec, and where a collection begins to be endless.
 *
 * Law: the same graph gives the same picture; every leaf of the graph is in exactly one box.
 */
import { formatMillis } from '../timestamp.js'
import type { WindowingStrategy } from '../windowing/windowing-strategy.js'
import { coderText } from './fingerprint.js'
import type { CollectionNode, Components, PipelineGraph, TransformNode } from './model.js'
import * as urns from './urns.js'

/** What a box stands for. */
export type BoxKind = 'source' | 'step' | 'grouping' | 'union' | 'view' | 'output' | 'composite'

/** One box. */
export interface Box {
  readonly kind: 'box'
  readonly shape: BoxKind
  readonly id: string
  readonly label: string
  /** What the box changes, one remark to a line. */
  readonly notes: readonly string[]
  /** Unique names of the leaf steps it stands for. */
  readonly steps: readonly string[]
}

/** A frame around boxes: a composite, or a stage. */
export interface Frame {
  readonly kind: 'frame'
  readonly id: string
  readonly label: string
  readonly notes: readonly string[]
  readonly items: readonly (Box | Frame)[]
}

/** An arrow between two boxes, by their ids. */
export interface Arrow {
  readonly from: string
  readonly to: string
  readonly label: string | undefined
  /** Whether what flows never ends. */
  readonly isEndless: boolean
  /** Whether it is a side input. */
  readonly isSide: boolean
  /** Whether it lies between two stages, so that what flows is kept on the way. */
  readonly isKept: boolean
}

/** A picture. */
export interface Picture {
  readonly items: readonly (Box | Frame)[]
  readonly arrows: readonly Arrow[]
}

/** The picture of what the author wrote. Composites that lie deeper than `depth` are one box each; default: none is. */
export function logicalPicture(graph: PipelineGraph, depth: number = Number.POSITIVE_INFINITY): Picture {
  return new LogicalPicture(graph, depth).picture()
}

/** All boxes of a picture, as they stand in it. */
export function boxesOf(items: Picture['items']): readonly Box[] {
  return items.flatMap((item) => (item.kind === 'box' ? [item] : boxesOf(item.items)))
}

/** Outputs beside a step's own, as they are called. */
const extraOutputs: ReadonlyMap<string, string> = new Map([
  ['$errors', 'dead letters'],
  ['$late', 'late data'],
])

/** A box that is being made: an author's step, with what the SDK added inside. */
interface Draft {
  readonly id: string
  readonly label: string
  readonly steps: readonly TransformNode[]
  readonly isFolded: boolean
}

class LogicalPicture {
  readonly #graph: PipelineGraph
  readonly #components: Components
  readonly #depth: number
  readonly #drafts: Draft[] = []
  /** The box that makes a collection. */
  readonly #makers = new Map<string, Draft>()
  /** Boxes of views, by the view's name. */
  readonly #views = new Map<string, Draft>()
  #frames = 0
  #placed = 0

  constructor(graph: PipelineGraph, depth: number) {
    this.#graph = graph
    this.#components = graph.components
    this.#depth = depth
  }

  picture(): Picture {
    // Arrows say what flows, so all boxes must be known before the first label is made.
    for (const id of this.#graph.rootTransformIds) this.#gather(id, '', 0)
    const items = this.#graph.rootTransformIds.flatMap((id) => this.#item(id, '', 0) ?? [])
    return { items, arrows: this.#drafts.flatMap((draft) => this.#arrows(draft)) }
  }

  /** Makes the boxes, in the order in which they stand. */
  #gather(id: string, parent: string, depth: number): void {
    const node = this.#node(id)
    if (node === undefined) return
    if (!this.#isFrame(node, depth)) {
      const draft: Draft = {
        id: `n${this.#drafts.length}`,
        label: shownName(id, parent),
        steps: this.#leaves(node),
        isFolded: isComposite(node),
      }
      this.#drafts.push(draft)
      for (const step of draft.steps) {
        for (const output of step.outputs.values()) this.#makers.set(output, draft)
        if (step.spec === undefined && step.outputs.size === 0) this.#views.set(step.uniqueName, draft)
      }
      return
    }
    for (const part of node.subtransforms) this.#gather(part, id, depth + 1)
  }

  #item(id: string, parent: string, depth: number): Box | Frame | undefined {
    const node = this.#node(id)
    if (node === undefined) return undefined
    if (!this.#isFrame(node, depth)) {
      const draft = this.#drafts[this.#placed++] as Draft
      const { label, steps } = draft
      return {
        kind: 'box',
        shape: draft.isFolded ? 'composite' : shapeOf(steps),
        id: draft.id,
        label,
        notes: this.#notes(draft),
        steps: steps.map(({ uniqueName }) => uniqueName),
      }
    }
    const frame = `s${this.#frames++}`
    const items = node.subtransforms.flatMap((part) => this.#item(part, id, depth + 1) ?? [])
    return { kind: 'frame', id: frame, label: localName(id, parent), notes: [], items }
  }

  #arrows(box: Draft): readonly Arrow[] {
    const inside = new Set(box.steps.flatMap((step) => [...step.outputs.values()]))
    return box.steps.flatMap((step) => {
      const sides = step.spec?.urn === urns.PAR_DO ? step.spec.payload.sideInputs : undefined
      return [...step.inputs].flatMap(([tag, collection]): readonly Arrow[] => {
        if (inside.has(collection)) return []
        const side = sides?.get(tag)
        const view = side === undefined ? undefined : this.#views.get(side.viewName)
        const from = view ?? this.#makers.get(collection)
        // A view inside of a folded composite is read there.
        if (from === undefined || from === box) return []
        return [
          {
            from: from.id,
            to: box.id,
            label: side === undefined ? this.#outputLabel(collection) : tag,
            isEndless: side === undefined && this.#collection(collection)?.isBounded === false,
            isSide: side !== undefined,
            isKept: false,
          },
        ]
      })
    })
  }

  /** The name of an output, for steps that have several. */
  #outputLabel(collection: string): string | undefined {
    const maker = this.#makers.get(collection)
    if (maker?.isFolded === true) return undefined
    for (const step of maker?.steps ?? []) {
      const tag = [...step.outputs].find(([, id]) => id === collection)?.[0]
      if (tag === undefined) continue
      return extraOutputs.get(tag) ?? (tag === 'out' ? undefined : tag)
    }
    return undefined
  }

  // ---- notes -------------------------------------------------------------------------------------------------------

  #notes(box: Draft): readonly string[] {
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
  #isResult(collection: string, box: Draft): boolean {
    const readInside = box.steps.some((step) => [...step.inputs.values()].includes(collection))
    if (!readInside) return true
    return this.#drafts.some(
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

  #isFrame(node: TransformNode, depth: number): boolean {
    return depth < this.#depth && isComposite(node)
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

/** A composite in which the author wrote steps. */
function isComposite(node: TransformNode): boolean {
  return node.subtransforms.some((part) => !localName(part, node.uniqueName).startsWith('$'))
}

function shapeOf(steps: readonly TransformNode[]): BoxKind {
  const has = (...wanted: readonly string[]): boolean =>
    steps.some((step) => step.spec !== undefined && wanted.includes(step.spec.urn))
  if (steps.every((step) => step.spec === undefined)) return 'view'
  if (has(urns.PRINT, urns.COLLECT)) return 'output'
  if (has(urns.GROUP_BY_KEY, urns.RESHUFFLE)) return 'grouping'
  if (has(urns.IMPULSE, urns.TEST_STREAM)) return 'source'
  return has(urns.FLATTEN) ? 'union' : 'step'
}
