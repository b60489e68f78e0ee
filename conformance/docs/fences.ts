/**
 * Fenced code of a Markdown text: where it stands, what it is in, and which marker stands before it.
 *
 * Law: line numbers are those of the text, from 1, so that a complaint names the line an editor shows.
 */

/** A fenced block. */
export interface Fence {
  /** Line of the opening fence. */
  readonly line: number
  readonly language: string
  /** Further words after the language. */
  readonly words: readonly string[]
  readonly code: string
  /** What a `<!-- snippet: … -->` right before the fence names. */
  readonly quotes: string | undefined
}

const OPENING = /^(\s*)(`{3,})\s*(\S*)\s*(.*)$/
const MARKER = /^\s*<!--\s*snippet:\s*(\S+)\s*-->\s*$/

/** The fenced blocks of a text. @throws when one is not closed, or a marker has no block. */
export function fencesOf(text: string): readonly Fence[] {
  const lines = text.split('\n')
  const fences: Fence[] = []
  let marker: { readonly line: number; readonly quotes: string } | undefined
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const marked = MARKER.exec(line)
    const opening = OPENING.exec(line)
    if (marked !== null) marker = { line: at + 1, quotes: marked[1] ?? '' }
    else if (opening !== null) {
      const [, indent = '', ticks = '', language = '', words = ''] = opening
      const end = lines.findIndex((candidate, index) => index > at && candidate.trim() === ticks)
      if (end < 0) throw new SyntaxError(`the block that opens in line ${at + 1} is not closed`)
      const code = lines
        .slice(at + 1, end)
        .map((inner) => (inner.startsWith(indent) ? inner.slice(indent.length) : inner))
      fences.push({
        line: at + 1,
        language,
        words: words.split(/\s+/).filter((word) => word !== ''),
        code: code.join('\n'),
        quotes: marker?.quotes,
      })
      marker = undefined
      at = end
    } else if (marker !== undefined && line.trim() !== '') {
      throw new SyntaxError(`line ${marker.line} names a snippet, and no code block follows it`)
    }
  }
  if (marker !== undefined) throw new SyntaxError(`line ${marker.line} names a snippet, and no code block follows it`)
  return fences
}

/** The text of a module's documentation comments, each line where it stands; everything else is blank. */
export function commentsOf(source: string): string {
  let inside = false
  return source
    .split('\n')
    .map((line) => {
      if (!inside && /^\s*\/\*\*/.test(line)) inside = true
      if (!inside) return ''
      if (line.includes('*/')) inside = false
      return line.replace(/^\s*(\/\*\*|\*(?!\/)) ?/, '').replace(/\s*\*\/.*$/, '')
    })
    .join('\n')
}
