/**
 * Judges the finished site: every link leads somewhere, nothing is fetched from elsewhere, and every page says what it is.
 *
 * Law: it looks at the files that a reader gets, whatever made them.
 */
import { posix } from 'node:path'

/** Files of the site, by path; text where it is HTML. */
export type SiteFiles = ReadonlyMap<string, string | undefined>

/** What is wrong, as `path message`. */
export function faultsOf(files: SiteFiles): readonly string[] {
  const anchors = new Map<string, ReadonlySet<string>>()
  const anchorsOf = (path: string): ReadonlySet<string> => {
    const known =
      anchors.get(path) ??
      new Set([...(files.get(path) ?? '').matchAll(/\s(?:id|name)="([^"]+)"/g)].map(([, id = '']) => decoded(id)))
    anchors.set(path, known)
    return known
  }
  return [...files].flatMap(([path, text]) => {
    if (text === undefined) return []
    const markup = text.replace(/<script\b[^>]*>[\s\S]*?<\/script>/g, (script) =>
      script.slice(0, script.indexOf('>') + 1),
    )
    const faults: string[] = []
    if (!/<html[^>]*\slang="/.test(markup)) faults.push(`${path} does not say its language.`)
    if (!/<title>[^<]+<\/title>/.test(markup)) faults.push(`${path} has no title.`)
    for (const [tag] of markup.matchAll(/<img\b[^>]*>/g)) {
      if (!/\salt="[^"]+"/.test(tag))
        faults.push(`${path} has an image that says nothing to those who do not see it: ${tag}`)
    }
    for (const [, attribute = '', target = ''] of markup.matchAll(/\s(href|src)="([^"]*)"/g)) {
      const fault = faultOfLink(path, attribute, decoded(target))
      if (fault !== undefined) faults.push(`${path} ${fault}`)
    }
    return [...new Set(faults)]
  })

  function faultOfLink(from: string, attribute: string, target: string): string | undefined {
    if (/^(https?:)?\/\//.test(target)) {
      const isFetched =
        attribute === 'src' ||
        new RegExp(`<link\\b[^>]*href="${escapedForPattern(target)}"`).test(files.get(from) ?? '')
      return isFetched ? `fetches ${target} from elsewhere.` : undefined
    }
    if (/^(mailto|data|javascript):/.test(target)) return undefined
    const [file = '', hash] = target.split('#')
    const path = file === '' ? from : posix.join(posix.dirname(from), decodeURIComponent(file.split('?')[0] ?? ''))
    if (!files.has(path)) return `links to ${target}, and there is no ${path}.`
    if (hash === undefined || hash === '' || hash === 'top' || !path.endsWith('.html')) return undefined
    return anchorsOf(path).has(decodeURIComponent(hash))
      ? undefined
      : `links to ${target}, and ${path} has no such place.`
  }
}

function decoded(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}

function escapedForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
