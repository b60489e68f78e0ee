/**
 * A picture as text for graphviz.
 *
 * Law: no name can end a label or begin an attribute.
 */
import type { Arrow, Box, BoxKind, Frame, Picture } from '../../sdk/graph/picture.js'

/** The text of a picture. */
export function dotOf({ items, arrows }: Picture, name: string): string {
  const lines = [
    `digraph ${quoted(name)} {`,
    '  node [shape=box, fontname="Helvetica", fontsize=11]',
    '  edge [fontname="Helvetica", fontsize=9]',
    ...items.flatMap((item) => itemLines(item, '  ')),
    ...arrows.map(arrowLine),
    '}',
  ]
  return `${lines.join('\n')}\n`
}

const attributes: Readonly<Record<BoxKind, string>> = {
  view: 'shape=parallelogram',
  output: 'shape=box, style=rounded',
  grouping: 'shape=hexagon',
  source: 'shape=box, style=rounded',
  union: 'shape=ellipse',
  step: 'shape=box',
  composite: 'shape=box, peripheries=2',
}

function itemLines(item: Box | Frame, indent: string): readonly string[] {
  const label = quoted([item.label, ...item.notes].join('\n'))
  if (item.kind === 'box') return [`${indent}${item.id} [label=${label}, ${attributes[item.shape]}]`]
  return [
    // Graphviz draws a frame around what is called a cluster.
    `${indent}subgraph cluster_${item.id} {`,
    `${indent}  label=${label}`,
    ...item.items.flatMap((inner) => itemLines(inner, `${indent}  `)),
    `${indent}}`,
  ]
}

function arrowLine({ from, to, label, isEndless, isSide, isKept }: Arrow): string {
  const given = [
    ...(label === undefined ? [] : [`label=${quoted(label)}`]),
    ...(isSide ? ['style=dotted'] : isEndless ? ['penwidth=2'] : []),
    ...(isKept ? ['arrowhead=normalnormal'] : []),
  ]
  return `  ${from} -> ${to}${given.length === 0 ? '' : ` [${given.join(', ')}]`}`
}

function quoted(text: string): string {
  return `"${text
    .replaceAll(/[\\"]/g, '\\$&')
    .replaceAll(/\r?\n/g, '\\n')
    .replaceAll(/\p{Cc}/gu, ' ')}"`
}
