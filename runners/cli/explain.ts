/**
 * `millrace explain MR-1005`: the page of an error code, in the terminal. Pages ship with the package.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ErrorCode, errorCodes, errorFamilies } from '../../sdk/error-codes.js'
import { UsageError } from './command-line.js'
import { packageRoot } from '../author-module/package-root.js'

/** The text of a code's page; of the catalogue without one. @throws {UsageError} when there is no such code. */
export function explain(given: string | undefined): string {
  if (given === undefined) return catalogueText()
  const code = codeOf(given)
  const page = join(packageRoot(), 'docs', 'errors', `${code}.md`)
  // A package that somebody has made smaller still says what it knows.
  if (!existsSync(page)) return `${code}: ${errorCodes[code]}\n`
  return terminalText(readFileSync(page, 'utf8'))
}

/** `MR-1005`, `mr1005` and `1005` are the same. */
function codeOf(given: string): ErrorCode {
  const code = `MR-${/^(?:MR-?)?(\d{4})$/i.exec(given.trim())?.[1] ?? given}`
  if (Object.hasOwn(errorCodes, code)) return code as ErrorCode
  throw new UsageError('MR-7019', `there is no error code "${given}". millrace explain lists them.`, given)
}

function catalogueText(): string {
  const codes = Object.entries(errorCodes)
  return Object.entries(errorFamilies)
    .map(([digit, about]) => {
      const rows = codes
        .filter(([code]) => code.startsWith(`MR-${digit}`))
        .map(([code, title]) => `  ${code}  ${title}`)
      return `${about}\n${rows.join('\n')}\n`
    })
    .join('\n')
}

/** Markdown without what only a browser understands: the addresses of links, comments, and the fences of code. */
function terminalText(page: string): string {
  let inCode = false
  const lines: string[] = []
  for (const line of page.replaceAll(/<!--.*?-->\n*/gs, '').split('\n')) {
    if (line.startsWith('```')) {
      inCode = !inCode
      continue
    }
    if (inCode) lines.push(`    ${line}`.trimEnd())
    else
      lines.push(
        line
          .replaceAll(/\[([^\]]*)\]\(([^)]*)\)/g, '$1')
          .replaceAll(/\*\*([^*]*)\*\*/g, '$1')
          .replace(/^#+ /, ''),
      )
  }
  return `${lines.join('\n').trim()}\n`
}
