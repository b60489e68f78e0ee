/**
 * Queries and steps in names of files.
 *
 * Law: the same query and step have the same name in every process, and others have another one.
 */

/** Longest name of a query that goes into names of files as it is. */
const PLAIN_MAX = 48

/** A text as a name of a file may hold it: what is no letter, digit, `-` or `_` is told by a hash at the end. */
export function nameOfQuery(id: string): string {
  if (/^[\w-]+$/.test(id) && id.length <= PLAIN_MAX) return id
  return `${id.slice(0, PLAIN_MAX).replace(/[^\w-]/g, '_')}-${hashText(id)}`
}

/** Thirteen digits that tell texts apart, base 36 (FNV-1a of its UTF-16, 64 bits). */
export function hashText(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (let at = 0; at < text.length; at++)
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(at))) * 0x100000001b3n)
  return hash.toString(36).padStart(13, '0')
}
