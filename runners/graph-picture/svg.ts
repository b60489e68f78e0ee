/**
 * A picture as a drawing: SVG that stands alone, light or dark as its reader likes it.
 *
 * Law: the same picture gives the same text; no name can end a label or begin markup.
 */
import stringWidth from 'string-width'
import type { Arrow, BoxKind, Picture } from '../../sdk/graph/picture.js'
import { type Layout, layoutOf, type Measures, type Place, type Point } from './layout.js'

/** Pixels of a character: widths are sure only in a font whose characters are all as wide. */
const CHARACTER = 7.3
const NOTE_CHARACTER = 6.1
const LINE = 17
const NOTE_LINE = 14
const PADDING = 12
const LABEL_MAX = 60

/** The drawing of a picture. */
export async function svgOf(picture: Picture, name: string): Promise<string> {
  const layout = await layoutOf(picture, measures)
  const { width, height } = layout
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${n(width)}" height="${n(height)}" viewBox="0 0 ${n(width)} ${n(height)}" role="img">
<title>${escaped(`Pipeline ${name}`)}</title>
<style>${STYLE}</style>
<defs>${MARKERS}</defs>
<rect class="paper" width="100%" height="100%"/>
${[...layout.frames.map(frameMarkup), ...layout.arrows.map(arrowMarkup), ...layout.boxes.map(boxMarkup), ...layout.arrows.map(labelMarkup)].filter((part) => part !== '').join('\n')}
</svg>
`
}

const STYLE = `
text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#1b2530}
.note{font-size:10px;fill:#51606e}.head{font-weight:bold}
.paper{fill:#fff}.frame{fill:#5b7fa61a;stroke:#8aa4bf;stroke-dasharray:4 3}
.box{fill:#f6f8fa;stroke:#5b6b7a;stroke-width:1.2}
.source,.output{fill:#e6f4ea;stroke:#3f8f5b}.grouping{fill:#fdf0dc;stroke:#b9791b}
.view{fill:#efe8fa;stroke:#7a57b5}.union{fill:#e8f1fb;stroke:#3a76b8}
.arrow{fill:none;stroke:#5b6b7a;stroke-width:1.2}.endless{stroke-width:2.6}.side{stroke-dasharray:2 3}.kept{stroke:#b9791b}
.tip{fill:#5b6b7a}.tip-kept{fill:#b9791b}.plate{fill:#fff;fill-opacity:.9}
@media(prefers-color-scheme:dark){text{fill:#e4eaf0}.note{fill:#a5b3c0}.paper{fill:#11161b}.plate{fill:#11161b}
.box{fill:#1c242c;stroke:#93a4b4}.source,.output{fill:#15301f;stroke:#5fb57e}.grouping{fill:#3a2a10;stroke:#d99b3d}
.view{fill:#2a1f40;stroke:#a386da}.union{fill:#16283b;stroke:#6aa5e4}.arrow{stroke:#93a4b4}.kept{stroke:#d99b3d}
.tip{fill:#93a4b4}.tip-kept{fill:#d99b3d}}
`.trim()

const tip = (id: string, shade: string): string =>
  `<marker id="${id}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path class="${shade}" d="M0 0L10 5L0 10z"/></marker>`
const MARKERS = `${tip('tip', 'tip')}${tip('tip-kept', 'tip-kept')}`

const measures: Measures = {
  boxSize: ({ label, notes, shape }) => {
    const columns = Math.max(
      stringWidth(cut(label)) * CHARACTER,
      ...notes.map((note) => stringWidth(cut(note)) * NOTE_CHARACTER),
    )
    const corners = shape === 'grouping' || shape === 'view' ? 16 : 0
    return {
      width: Math.max(64, columns + 2 * PADDING + 2 * corners),
      height: LINE + notes.length * NOTE_LINE + PADDING,
    }
  },
  labelSize: (text) => ({ width: stringWidth(cut(text)) * NOTE_CHARACTER + 8, height: NOTE_LINE + 4 }),
  frameHead: ({ notes }) => LINE + notes.length * NOTE_LINE + 4,
  frameWidth: ({ label, notes }) =>
    Math.max(stringWidth(cut(label)) * CHARACTER, ...notes.map((note) => stringWidth(cut(note)) * NOTE_CHARACTER)),
}

function frameMarkup({ frame, place }: Layout['frames'][number]): string {
  const { x, y, width, height } = place
  const lines = textLines([cut(frame.label), ...frame.notes.map(cut)], x + 10, y + LINE, 'start', 'head')
  return `<g><rect class="frame" x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" rx="6"/>${lines}</g>`
}

function boxMarkup({ box, place }: Layout['boxes'][number]): string {
  const { label, notes, shape } = box
  const full = [label, ...notes].join('\n')
  const first = place.y + PADDING / 2 + LINE - 4
  const middle = place.x + place.width / 2
  return `<g><title>${escaped(full)}</title>${outline(shape, place)}${textLines([cut(label), ...notes.map(cut)], middle, first, 'middle', '')}</g>`
}

/** Sources and ends are round, groupings have six corners, views lean, folded composites are double. */
function outline(shape: BoxKind, { x, y, width, height }: Place): string {
  const polygon = (points: readonly (readonly [number, number])[]): string =>
    `<polygon class="box ${shape}" points="${points.map(([px, py]) => `${n(px)},${n(py)}`).join(' ')}"/>`
  const rect = (inset: number, radius: number): string =>
    `<rect class="box ${shape}" x="${n(x + inset)}" y="${n(y + inset)}" width="${n(width - 2 * inset)}" height="${n(height - 2 * inset)}" rx="${n(radius)}"/>`
  const right = x + width
  const bottom = y + height
  switch (shape) {
    case 'grouping': {
      const middle = y + height / 2
      return polygon([
        [x, middle],
        [x + 14, y],
        [right - 14, y],
        [right, middle],
        [right - 14, bottom],
        [x + 14, bottom],
      ])
    }
    case 'view':
      return polygon([
        [x + 14, y],
        [right, y],
        [right - 14, bottom],
        [x, bottom],
      ])
    case 'source':
    case 'output':
      return rect(0, Math.min(16, height / 2))
    case 'union':
      return rect(0, height / 2)
    case 'composite':
      return `${rect(0, 4)}${rect(3, 2)}`
    case 'step':
      return rect(0, 4)
  }
}

function textLines(lines: readonly string[], x: number, y: number, anchor: 'start' | 'middle', first: string): string {
  return lines
    .map((line, at) => {
      const shade = at === 0 ? first : 'note'
      const style = shade === '' ? '' : ` class="${shade}"`
      return `<text${style} x="${n(x)}" y="${n(y + at * NOTE_LINE)}" text-anchor="${anchor}">${escaped(line)}</text>`
    })
    .join('')
}

/** Thick for what never ends, dotted for side inputs, of another colour for what is kept on the way. */
function arrowMarkup({ arrow, points }: Layout['arrows'][number]): string {
  if (points.length < 2) return ''
  const shades = ['arrow', ...shadesOf(arrow)]
  return `<path class="${shades.join(' ')}" d="${curve(points)}" marker-end="url(#tip${arrow.isKept ? '-kept' : ''})"/>`
}

function shadesOf({ isEndless, isSide, isKept }: Arrow): readonly string[] {
  return [...(isEndless ? ['endless'] : []), ...(isSide ? ['side'] : []), ...(isKept ? ['kept'] : [])]
}

function labelMarkup({ arrow, label }: Layout['arrows'][number]): string {
  if (label === undefined || arrow.label === undefined) return ''
  const { x, y, width, height } = label
  const middle = x + width / 2
  return `<g><rect class="plate" x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" rx="3"/><text class="note" x="${n(middle)}" y="${n(y + height - 6)}" text-anchor="middle">${escaped(cut(arrow.label))}</text></g>`
}

/** A line through points, rounded at each. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points as [Point, ...Point[]]
  const last = rest.at(-1) as Point
  const bends = rest.slice(0, -1).map((point, at) => {
    const next = rest[at + 1] as Point
    const end = at === rest.length - 2 ? last : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 }
    return `Q${n(point.x)} ${n(point.y)} ${n(end.x)} ${n(end.y)}`
  })
  return `M${n(first.x)} ${n(first.y)}${bends.length === 0 ? `L${n(last.x)} ${n(last.y)}` : bends.join('')}`
}

/** Long names are cut in the drawing and whole in the title of their box. */
function cut(text: string): string {
  const line = text.replaceAll(/\p{Cc}+/gu, ' ')
  const characters = [...line]
  return characters.length <= LABEL_MAX ? line : `${characters.slice(0, LABEL_MAX - 1).join('')}…`
}

/** Text in XML, which holds neither markup nor half a character. */
function escaped(text: string): string {
  return text
    .replaceAll(/\p{Cs}|(?!\n)\p{Cc}/gu, ' ')
    .replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0) as number};`)
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10)
}
