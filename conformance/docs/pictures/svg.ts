/**
 * The little of SVG that pictures are made of, and their colours. A picture brings its own background, light or dark as
 * the reader's system is, so that it is legible on any page; a page with a theme of its own says so by `data-theme`.
 *
 * Law: text is escaped, numbers have at most one decimal: the same drawing is the same bytes on every machine.
 */

/** Colours by role. Text on a fill of its own role is checked for contrast by a test. */
export const PALETTE = {
  light: {
    ground: '#ffffff',
    ink: '#1f2933',
    soft: '#5b6875',
    grid: '#e3e8ed',
    window: '#f3f6f9',
    edge: '#c3ccd5',
    element: '#33648c',
    watermark: '#0b7a4b',
    early: '#9a5b00',
    onTime: '#1769aa',
    late: '#b3261e',
    first: '#1769aa',
    second: '#9a5b00',
  },
  dark: {
    ground: '#171c22',
    ink: '#e7ecf1',
    soft: '#a3b0bd',
    grid: '#2a323b',
    window: '#1e252d',
    edge: '#465362',
    element: '#8ebfe6',
    watermark: '#5fd3a0',
    early: '#f0b04f',
    onTime: '#74b8f2',
    late: '#ff9087',
    first: '#74b8f2',
    second: '#f0b04f',
  },
} as const

/** A role of the palette. */
export type Role = keyof typeof PALETTE.light

/** Attributes of an element of SVG. */
type Attributes = Readonly<Record<string, string | number | undefined>>

/** An element of SVG. */
export function tag(name: string, attributes: Attributes, ...inner: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? number(value) : escaped(String(value))}"`)
    .join('')
  return inner.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${inner.join('')}</${name}>`
}

/** A line of text. */
export function text(x: number, y: number, words: string, attributes: Attributes = {}): string {
  return tag('text', { x, y, ...attributes }, escaped(words))
}

/** A path through points. */
export function path(points: readonly (readonly [x: number, y: number])[], attributes: Attributes): string {
  const d = points.map(([x, y], n) => `${n === 0 ? 'M' : 'L'}${number(x)} ${number(y)}`).join(' ')
  return tag('path', { d, fill: 'none', ...attributes })
}

/** A number with at most one decimal, and no minus before a zero. */
export function number(value: number): string {
  return String(Math.round(value * 10) / 10 + 0)
}

/** Text as it stands in XML. */
export function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/** What a picture says besides its lines. */
export interface Frame {
  readonly width: number
  readonly height: number
  readonly title: string
  /** What it shows, for those who do not see it. */
  readonly description: string
}

/** A whole picture. */
export function picture({ width, height, title, description }: Frame, body: readonly string[]): string {
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${number(width)} ${number(height)}" width="${number(width)}" height="${number(height)}" role="img" aria-label="${escaped(title)}" class="mr-picture">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(description)}</desc>`,
    `<style>${PICTURE_STYLE}</style>`,
    tag('rect', { x: 0.5, y: 0.5, width: width - 1, height: height - 1, rx: 10, class: 'ground' }),
    ...body,
    '</svg>',
  ]
  return `${lines.join('\n')}\n`
}

/** How wide a text of this size is, about. */
export function widthOf(words: string, size = 12): number {
  return words.length * size * 0.56
}

const variables = (theme: Readonly<Record<string, string>>): string =>
  Object.entries(theme)
    .map(([role, colour]) => `--${role}:${colour}`)
    .join(';')

const roles = Object.keys(PALETTE.light) as Role[]

/** The style of pictures. A page whose policy forbids style in the markup has it in a file, and takes it out of pictures. */
export const PICTURE_STYLE: string = [
  `.mr-picture{${variables(PALETTE.light)};font:12px/1.2 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}`,
  `@media (prefers-color-scheme:dark){.mr-picture{${variables(PALETTE.dark)}}}`,
  `:root[data-theme=light] .mr-picture{${variables(PALETTE.light)}}`,
  `:root[data-theme=dark] .mr-picture{${variables(PALETTE.dark)}}`,
  '.mr-picture text{fill:var(--ink)}',
  '.mr-picture .ground{fill:var(--ground);stroke:var(--grid)}',
  ...roles.map((role) => `.mr-picture .f-${role}{fill:var(--${role})}.mr-picture .s-${role}{stroke:var(--${role})}`),
  '.mr-picture .title{font-size:14px;font-weight:600}',
  '.mr-picture .small{font-size:11px}',
  '.mr-picture .strong{font-weight:600}',
  '.mr-picture .mid{text-anchor:middle}',
  '.mr-picture .end{text-anchor:end}',
  '.mr-picture text.f-ground{fill:var(--ground)}',
].join('')
