/**
 * Pages quote code that runs: `<!-- snippet: examples/flights.ts#windows -->` before a code block says that the block is
 * what stands in that file between `// #region windows` and `// #endregion`, without the indentation they share; without
 * `#name`, the whole file.
 *
 * Law: a quote equals its source, or the check fails; `npm run docs:quote` makes them equal.
 */
import { type Fence, fencesOf } from './fences.js'
import type { Page } from './snippets.js'

/** Gives the text of a file of the repository; `undefined` when there is none. */
export type ReadSource = (path: string) => string | undefined

const REGION = /^\s*(?:\/\/|#|<!--)\s*#(region|endregion)\b\s*([\w-]*)/

/** What a quote names. @throws when the file or the region does not exist. */
export function quoted(reference: string, read: ReadSource): string {
  const [path = '', region] = reference.split('#')
  const text = read(path)
  if (text === undefined) throw new Error(`there is no file ${path}`)
  const lines = text.trimEnd().split('\n')
  if (region === undefined) return lines.join('\n')
  const start = lines.findIndex((line) => marks(line, 'region') === region)
  if (start < 0) throw new Error(`${path} has no "// #region ${region}"`)
  let depth = 1
  const inner: string[] = []
  for (const line of lines.slice(start + 1)) {
    if (marks(line, 'region') !== undefined) depth++
    else if (marks(line, 'endregion') !== undefined) {
      depth--
      if (depth === 0) return dedent(inner)
    } else inner.push(line)
  }
  throw new Error(`${path}: "#region ${region}" is not closed by "// #endregion"`)
}

function marks(line: string, kind: 'region' | 'endregion'): string | undefined {
  const match = REGION.exec(line)
  return match?.[1] === kind ? (match[2] ?? '') : undefined
}

function dedent(lines: readonly string[]): string {
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length)
  const shared = Math.min(...indents)
  return lines
    .map((line) => line.slice(shared))
    .join('\n')
    .replace(/^\n+|\s+$/g, '')
}

/** What is wrong with the quotes of a page, as `path:line message`. */
export function wrongQuotes(page: Page, read: ReadSource): readonly string[] {
  return quotesOf(page).flatMap((fence) => {
    try {
      if (quoted(fence.quotes, read) === fence.code) return []
      return [`${page.path}:${fence.line} differs from ${fence.quotes}. \`npm run docs:quote\` quotes it again.`]
    } catch (error) {
      return [`${page.path}:${fence.line} quotes ${fence.quotes}: ${(error as Error).message}`]
    }
  })
}

/** The page with every quote as its source is now. */
export function withQuotes(page: Page, read: ReadSource): string {
  const lines = page.text.split('\n')
  for (const fence of [...quotesOf(page)].reverse()) {
    const length = fence.code === '' ? 0 : fence.code.split('\n').length
    lines.splice(fence.line, length, ...quoted(fence.quotes, read).split('\n'))
  }
  return lines.join('\n')
}

function quotesOf(page: Page): readonly (Fence & { readonly quotes: string })[] {
  return fencesOf(page.text).filter((fence): fence is Fence & { readonly quotes: string } => fence.quotes !== undefined)
}
