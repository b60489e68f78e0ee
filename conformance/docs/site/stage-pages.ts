/**
 * Makes ready what typedoc turns into the site: the hand-written pages, each with its title, in the order in which a reader
 * meets them, and beside them the files that they link to.
 *
 * Law: a page says where it stands by who links to it. A folder's `index.md` or `README.md` orders the pages of its folder, and what nobody
 * has ordered comes at the end; no page is left out.
 */
import { posix } from 'node:path'
import type { Page } from '../snippets.js'

/** What is written for typedoc. Paths are those of the repository. */
export interface Staged {
  /** Pages and linked texts, by path. */
  readonly texts: ReadonlyMap<string, string>
  /** Files to copy as they are. */
  readonly copies: readonly string[]
  /** The pages at the top of the navigation, in order. */
  readonly top: readonly string[]
}

/** What staging asks of the repository. */
export interface Repository {
  readonly isFile: (path: string) => boolean
  readonly isFolder: (path: string) => boolean
  readonly read: (path: string) => string
}

/** The page that the site begins with. */
export const FIRST_PAGE = 'README.md'

/** Pages at the top, in order; others follow. Folders stand for their index. */
const ORDER = [
  'docs/tutorial.md',
  'docs/how-to/index.md',
  'docs/concepts/index.md',
  'docs/guarantees.md',
  'docs/comparison.md',
  'docs/command-line.md',
  'docs/observability.md',
  'docs/testing.md',
  'docs/retracting.md',
  'docs/output-modes.md',
  'docs/errors/README.md',
  'docs/glossary.md',
  'docs/performance.md',
  'docs/architecture.md',
  'conformance/README.md',
  'docs/decisions/index.md',
]

/** Stages pages. */
export function stagePages(given: readonly Page[], repository: Repository): Staged {
  const pages = new Map(given.map(({ path, text }) => [path, text]))
  for (const folder of foldersOf(pages.keys())) {
    if (indexPath(folder, pages) === undefined) pages.set(`${folder}/index.md`, indexOf(folder, pages))
  }
  const texts = new Map<string, string>()
  const copies = new Set<string>()
  const insertLink = (path: string, target: string): string | undefined => {
    const [file = '', heading] = target.split('#')
    if (file === '' || /^[a-z]+:/.test(file)) return target
    const linked = posix.join(posix.dirname(path), file)
    const index = [`${linked}/index.md`, `${linked}/README.md`].find((each) => pages.has(posix.normalize(each)))
    const to = index === undefined ? linked : posix.normalize(index)
    const hash = heading === undefined ? '' : `#${heading}`
    if (pages.has(to)) return `${relative(path, to)}${hash}`
    if (!repository.isFile(linked)) return undefined
    // A browser takes a file that ends in .ts for a video.
    if (/\.[cm]?[tj]s$/.test(linked)) {
      texts.set(`${linked}.txt`, repository.read(linked))
      return `${relative(path, linked)}.txt`
    }
    copies.add(linked)
    return `${relative(path, linked)}${hash}`
  }
  for (const [path, text] of pages) {
    const head = path === FIRST_PAGE ? [] : frontMatter(path, text, pages)
    texts.set(path, [...head, withLinks(text, (target) => insertLink(path, target))].join('\n'))
  }
  const isTop = (path: string): boolean =>
    path !== FIRST_PAGE && (isIndex(path) || indexPath(posix.dirname(path), pages) === undefined)
  const known = ORDER.filter((path) => pages.has(path))
  const others = [...pages.keys()].filter((path) => isTop(path) && !known.includes(path)).sort()
  return { texts, copies: [...copies].sort(), top: [...known, ...others] }
}

/** Title of a page: its first heading. */
export function titleOf(path: string, text: string): string {
  const heading = /^# (.+)$/m.exec(text)?.[1]
  if (heading === undefined) throw new SyntaxError(`${path} has no heading "# …", which is the page's title.`)
  return heading.replaceAll('`', '').trim()
}

const isIndex = (path: string): boolean => /^docs\/[^/]+\/(index|README)\.md$/.test(path)

/** The page that a folder of pages begins with. */
function indexPath(folder: string, pages: ReadonlyMap<string, string>): string | undefined {
  return [`${folder}/index.md`, `${folder}/README.md`].find((path) => isIndex(path) && pages.has(path))
}

function foldersOf(paths: Iterable<string>): ReadonlySet<string> {
  return new Set([...paths].flatMap((path) => /^(docs\/[^/]+)\/[^/]+\.md$/.exec(path)?.[1] ?? []))
}

/** The index of a folder that has none: its pages by name; dated ones begin with the newest. */
function indexOf(folder: string, pages: ReadonlyMap<string, string>): string {
  const name = posix.basename(folder)
  const own = [...pages].filter(([path]) => posix.dirname(path) === folder).sort(([a], [b]) => (a < b ? -1 : 1))
  const lines = own.map(([path, text]) => `- [${titleOf(path, text)}](${posix.basename(path)})`)
  return [`# ${name.charAt(0).toUpperCase()}${name.slice(1)}`, '', ...lines, ''].join('\n')
}

function frontMatter(path: string, text: string, pages: ReadonlyMap<string, string>): readonly string[] {
  const children = isIndex(path) ? childrenOf(path, text, pages) : []
  return [
    '---',
    `title: ${JSON.stringify(titleOf(path, text))}`,
    ...(children.length === 0 ? [] : ['children:', ...children.map((child) => `  - ./${posix.basename(child)}`)]),
    '---',
    '',
  ]
}

/** Pages of the index's folder: first those it links to, in that order. */
function childrenOf(index: string, text: string, pages: ReadonlyMap<string, string>): readonly string[] {
  const folder = posix.dirname(index)
  const own = [...pages.keys()].filter((path) => posix.dirname(path) === folder && path !== index).sort()
  const linked = [...text.matchAll(/\]\(([^)#\s]+\.md)/g)].map(([, target = '']) => posix.join(folder, target))
  return [...new Set([...linked.filter((path) => own.includes(path)), ...own])]
}

function relative(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to)
  return path.startsWith('.') ? path : `./${path}`
}

/** The text with other targets; a link to `undefined` becomes its words. Code stays as it is. */
function withLinks(text: string, targetOf: (target: string) => string | undefined): string {
  let fence: string | undefined
  return text
    .split('\n')
    .map((line) => {
      const ticks = /^\s*(`{3,})/.exec(line)?.[1]
      if (ticks !== undefined) {
        fence = fence === undefined ? ticks : line.trim() === fence ? undefined : fence
        return line.replace(/^(\s*`{3,}\s*\w+).*$/, '$1')
      }
      if (fence !== undefined) return line
      return line.replace(
        /(!?)\[((?:`[^`]*`|[^\]`])*)\]\(([^)\s]+)\)/g,
        (_, image: string, words: string, target: string) => {
          const replaced = targetOf(target)
          return replaced === undefined ? words : `${image}[${words}](${replaced})`
        },
      )
    })
    .join('\n')
}
