/**
 * Where the boxes of a picture stand and how its arrows run: layers from top to bottom, frames around what is theirs.
 *
 * Law: boxes do not overlap; a frame holds all its boxes and no other; the same picture gives the same places.
 */
import type { Arrow, Box, Frame, Picture } from '../../sdk/graph/picture.js'

/** A place, in pixels from the upper left corner. */
export interface Place {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A point. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** A picture with places. */
export interface Layout {
  readonly width: number
  readonly height: number
  readonly boxes: readonly { readonly box: Box; readonly place: Place }[]
  /** Outer ones first. */
  readonly frames: readonly { readonly frame: Frame; readonly place: Place }[]
  readonly arrows: readonly {
    readonly arrow: Arrow
    readonly points: readonly Point[]
    readonly label: Place | undefined
  }[]
}

/** How large texts are. */
export interface Measures {
  readonly boxSize: (box: Box) => { readonly width: number; readonly height: number }
  readonly labelSize: (text: string) => { readonly width: number; readonly height: number }
  /** Room above the boxes of a frame, for its label. */
  readonly frameHead: (frame: Frame) => number
  readonly frameWidth: (frame: Frame) => number
}

const MARGIN = 16
const FRAME_PADDING = 14

/** The layout of a picture. */
export async function layoutOf({ items, arrows }: Picture, measures: Measures): Promise<Layout> {
  const { Graph, layout } = (await import('@dagrejs/dagre')) as unknown as Dagre
  const graph = new Graph({ compound: true, multigraph: true })
  graph.setGraph({ rankdir: 'TB', nodesep: 36, ranksep: 44, edgesep: 18, marginx: MARGIN, marginy: MARGIN })
  graph.setDefaultEdgeLabel(() => ({}))
  const boxes: Box[] = []
  const frames: Frame[] = []
  const add = (item: Box | Frame, parent: string | undefined): void => {
    if (item.kind === 'box') {
      boxes.push(item)
      graph.setNode(item.id, { ...measures.boxSize(item) })
    } else {
      frames.push(item)
      graph.setNode(item.id, {})
      item.items.forEach((inner) => add(inner, item.id))
    }
    if (parent !== undefined) graph.setParent(item.id, parent)
  }
  items.forEach((item) => add(item, undefined))
  arrows.forEach(({ from, to, label }, at) => {
    const size = label === undefined ? {} : measures.labelSize(label)
    graph.setEdge(from, to, { ...size, labelpos: 'c' }, String(at))
  })
  layout(graph)
  return grown(placesOf(graph, boxes, frames, arrows), measures)
}

/** What is used of the layouter; its own types import each other in a way that ES modules do not know. */
interface Dagre {
  readonly Graph: new (options: { readonly compound: boolean; readonly multigraph: boolean }) => LaidOut
  readonly layout: (graph: LaidOut) => void
}

interface LaidOut extends Laid {
  setGraph(options: Readonly<Record<string, string | number>>): void
  setDefaultEdgeLabel(label: () => object): void
  setNode(id: string, size: object): void
  setParent(id: string, parent: string): void
  setEdge(from: string, to: string, label: object, name: string): void
}

interface Laid {
  node(id: string): Partial<Place> | undefined
  edge(from: string, to: string, name: string): (Partial<Place> & { readonly points?: readonly Point[] }) | undefined
}

function placesOf(
  graph: Laid,
  boxes: readonly Box[],
  frames: readonly Frame[],
  arrows: readonly Arrow[],
): Omit<Layout, 'width' | 'height'> {
  return {
    boxes: boxes.map((box) => ({ box, place: cornered(graph.node(box.id)) })),
    frames: frames.map((frame) => ({ frame, place: cornered(graph.node(frame.id)) })),
    arrows: arrows.map((arrow, at) => {
      const edge = graph.edge(arrow.from, arrow.to, String(at))
      return {
        arrow,
        points: edge?.points ?? [],
        label: arrow.label === undefined || edge === undefined ? undefined : cornered(edge),
      }
    }),
  }
}

/** A place by its middle, as a place by its corner. */
function cornered(place: Partial<Place> | undefined): Place {
  const { x = 0, y = 0, width = 0, height = 0 } = place ?? {}
  return { x: x - width / 2, y: y - height / 2, width, height }
}

/**
 * The layouter knows nothing of the labels of frames. Every frame's head needs room, so everything below the upper edge of
 * a frame is moved down by as much as the head is high; what is above stays.
 */
function grown({ boxes, frames, arrows }: Omit<Layout, 'width' | 'height'>, measures: Measures): Layout {
  // Frames whose edges are level share the room.
  const heads = new Map<number, number>()
  for (const { frame, place } of frames) {
    const top = Math.round(place.y)
    heads.set(top, Math.max(heads.get(top) ?? 0, measures.frameHead(frame)))
  }
  const sorted = [...heads].sort(([a], [b]) => a - b)
  const down = (y: number): number => y + sorted.reduce((sum, [top, head]) => sum + (Math.round(y) > top ? head : 0), 0)
  const moved = (place: Place): Place => ({ ...place, y: down(place.y) })
  const placedFrames = frames.map(({ frame, place }) => {
    const y = down(place.y)
    const bottom = down(place.y + place.height)
    // A label may be wider than what is below it.
    const width = Math.max(place.width, measures.frameWidth(frame) + 2 * FRAME_PADDING)
    return { frame, place: { x: place.x - (width - place.width) / 2, y, width, height: bottom - y } }
  })
  const placedBoxes = boxes.map(({ box, place }) => ({ box, place: moved(place) }))
  const placedArrows = arrows.map(({ arrow, points, label }) => ({
    arrow,
    points: points.map(({ x, y }) => ({ x, y: down(y) })),
    label: label === undefined ? undefined : moved(label),
  }))
  const all = [
    ...placedBoxes.map(({ place }) => place),
    ...placedFrames.map(({ place }) => place),
    ...placedArrows.flatMap(({ label }) => label ?? []),
  ]
  const left = Math.min(MARGIN, ...all.map(({ x }) => x))
  const shift = MARGIN - left
  const right = (place: Place): Place => ({ ...place, x: place.x + shift })
  return {
    width: Math.max(0, ...all.map(({ x, width }) => x + width)) + shift + MARGIN,
    height: Math.max(0, ...all.map(({ y, height }) => y + height)) + MARGIN,
    boxes: placedBoxes.map(({ box, place }) => ({ box, place: right(place) })),
    frames: placedFrames.map(({ frame, place }) => ({ frame, place: right(place) })),
    arrows: placedArrows.map(({ arrow, points, label }) => ({
      arrow,
      points: points.map(({ x, y }) => ({ x: x + shift, y })),
      label: label === undefined ? undefined : right(label),
    })),
  }
}
