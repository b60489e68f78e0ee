/**
 * Links between pages lead somewhere: a relative link names a file or folder of the repository, and `#name` a heading of
 * the page it leads to.
 */
import type { Page } from './snippets.js'

const LINK = /\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g

/** Links of a page that lead nowhere, as `path:line message`. */
export function brokenLinks(
  page: Page,
  read: (path: string) => string | undefined,
  exists: (path: string) => boolean,
): readonly string[] {
  let fenced = false
  return page.text.split('\n').flatMap((line, at) => {
    if (/^\s*```/.test(line)) fenced = !fenced
    if (fenced) return []
    return [...line.replace(/`[^`]*`/g, '').matchAll(LINK)].flatMap(([, target = '']) => {
      if (/^[a-z]+:/.test(target)) return []
      const [file = '', heading] = target.split('#')
      const path = file === '' ? page.path : resolve(page.path, file)
      if (!exists(path)) return [`${page.path}:${at + 1} links to ${target}, and ${path} does not exist.`]
      if (heading === undefined || headingsOf(read(path) ?? '').includes(heading)) return []
      return [`${page.path}:${at + 1} links to ${target}, and ${path} has no such heading.`]
    })
  })
}

function resolve(from: string, target: string): string {
  const segments = from.split('/').slice(0, -1)
  for (const segment of target.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '.' && segment !== '') segments.push(segment)
  }
  return segments.join('/')
}

/** The anchors that a Markdown page's headings get. */
function headingsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  )
}
