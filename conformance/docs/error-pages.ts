/**
 * The pages of error codes: what each must have, and the index of them.
 *
 * Law: every code has a page with a program or a command that really gives the error, and its mended form; a page without
 * them says in a line `No example: …` why.
 */
import { type ErrorCode, errorCodes, errorFamilies } from '../../sdk/error-codes.js'
import { fencesOf } from './fences.js'
import { type Page, type Snippet, snippetsOf } from './snippets.js'

/** A command line of a page. */
export interface PageCommand {
  readonly line: number
  /** Arguments of `millrace`. */
  readonly args: readonly string[]
  readonly fails: boolean
}

/** A page of a code. */
export interface ErrorPage {
  readonly code: ErrorCode
  readonly page: Page
  /** Programs that give the error. */
  readonly failing: readonly Snippet[]
  readonly commands: readonly PageCommand[]
  /** Files for the commands, by name. */
  readonly files: ReadonlyMap<string, string>
}

/** The folder of the pages. */
export const ERROR_PAGES = 'docs/errors'

const FOLDER = `${ERROR_PAGES}/`
const INDEX = `${FOLDER}README.md`

/** The page of a code. @throws when it has something that is never run. */
export function errorPage(page: Page): ErrorPage {
  const fences = fencesOf(page.text)
  const failing = new Set(fences.filter(({ words }) => words.includes('fails')).map(({ line }) => line))
  const commands = fences
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code, line, words }) =>
      code.split('\n').map((text): PageCommand => {
        const [command, ...args] = text.split(' ')
        if (command !== 'millrace') throw new SyntaxError(`${page.path}:${line} has a command that is not millrace's`)
        return { line, args, fails: words.includes('fails') }
      }),
    )
  const files = fences.flatMap(({ words, code }) => {
    const name = words.find((word) => word.startsWith('file='))
    return name === undefined ? [] : [[name.slice('file='.length), `${code}\n`] as const]
  })
  const code = page.path.slice(FOLDER.length, -'.md'.length) as ErrorCode
  const programs = snippetsOf(page).filter(({ line }) => failing.has(line))
  return { code, page, failing: programs, commands, files: new Map(files) }
}

/** The pages of codes among pages. */
export function errorPages(pages: readonly Page[]): readonly ErrorPage[] {
  return pages.filter(({ path }) => path.startsWith(FOLDER) && path !== INDEX).map(errorPage)
}

/** What is wrong with the set of pages. */
export function pageFaults(pages: readonly ErrorPage[]): readonly string[] {
  const known = new Map<string, ErrorPage>(pages.map((page) => [page.code, page]))
  const missing = Object.keys(errorCodes)
    .filter((code) => !known.has(code))
    .map((code) => `${FOLDER}${code}.md is missing. Say there what happened, why, and show it.`)
  return [...missing, ...pages.flatMap(faultsOf)]
}

function faultsOf({ code, page, failing, commands }: ErrorPage): readonly string[] {
  const title: string | undefined = errorCodes[code]
  if (title === undefined) return [`${page.path} is the page of no code.`]
  const faults: string[] = []
  const heading = `# ${code}: ${title}`
  if (page.text.split('\n')[0] !== heading) faults.push(`${page.path} must begin with "${heading}".`)
  const shows = failing.length > 0 || commands.some(({ fails }) => fails)
  if (shows === /^No example: /m.test(page.text))
    faults.push(`${page.path} must have an example that fails, or a line "No example: …" that says why not.`)
  return faults
}

/** The page that lists the codes. */
export function indexText(): string {
  const families = Object.entries(errorFamilies).map(([digit, about]) => {
    const rows = Object.entries(errorCodes)
      .filter(([code]) => code.startsWith(`MR-${digit}`))
      .map(([code, title]) => `- [${code}](${code}.md): ${title}`)
    return [`## ${digit}: ${about}`, '', ...rows].join('\n')
  })
  return [
    '# Errors',
    '',
    'Every error of millrace has a code, `error.code`, which stays the same when messages get better. Each code has a page here:',
    'what happened, why the model does not allow it, a program that fails, and the same program mended. `millrace explain MR-1005`',
    'shows a page in the terminal. `npm run docs:quote` writes this list from `sdk/error-codes.ts`.',
    '',
    families.join('\n\n'),
    '',
  ].join('\n')
}
