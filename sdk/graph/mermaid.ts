/**
 * A picture of a graph as text for mermaid.
 *
 * Law: the same graph gives the same text; no name, however strange, can end a label or begin markup.
 */
import type { PipelineGraph } from './model.js'
import { type Arrow, type Box, type BoxKind, type Frame, logicalPicture, type Picture } from './picture.js'

/** The text of a graph; `mermaid.live`, GitHub and most editors show it. */
export function mermaid(graph: PipelineGraph): string {
  return mermaidOf(logicalPicture(graph))
}

/** The text of a picture. */
export function mermaidOf({ items, arrows }: Picture): string {
  const lines = ['flowchart TD', ...items.flatMap((item) => itemLines(item, '  ')), ...arrows.map(arrowLine)]
  return `${lines.join('\n')}\n`
}

function itemLines(item: Box | Frame, indent: string): readonly string[] {
  const label = [item.label, ...item.notes].map(escaped).join('<br/>')
  if (item.kind === 'box') return [`${indent}${item.id}${shapes[item.shape](`"${label}"`)}`]
  return [
    `${indent}subgraph ${item.id}["${label}"]`,
    ...item.items.flatMap((inner) => itemLines(inner, `${indent}  `)),
    `${indent}end`,
  ]
}

/** Thick for what never ends, dotted for side inputs. */
function arrowLine({ from, to, label, isEndless, isSide }: Arrow): string {
  const text = label === undefined ? undefined : `"${escaped(label)}"`
  if (isSide) return `  ${from} -. ${text ?? '" "'} .-> ${to}`
  const line = isEndless ? '==' : '--'
  return `  ${from} ${text === undefined ? `${line}>` : `${line} ${text} ${line}>`} ${to}`
}

/** Sources and ends are rounded, groupings have six corners, unions are circles, views lean, folded composites are double. */
const shapes: Readonly<Record<BoxKind, (label: string) => string>> = {
  view: (label) => `[/${label}/]`,
  output: (label) => `([${label}])`,
  grouping: (label) => `{{${label}}}`,
  source: (label) => `([${label}])`,
  union: (label) => `((${label}))`,
  step: (label) => `[${label}]`,
  composite: (label) => `[[${label}]]`,
}

/** What stays as it is in a label. A colon does not: mermaid looks for `style…:` anywhere in a line. */
const harmless = /[^\p{L}\p{M}\p{N} .,!?+=/$'@~^()_-]/gu

/** A name as text of a quoted label: whatever could mean something to mermaid or HTML becomes a character code. */
function escaped(name: string): string {
  return name
    .replaceAll(/[\p{Cc}\p{Cs}]+/gu, ' ')
    .replaceAll(harmless, (character) => `#${character.codePointAt(0) as number};`)
}
