/**
 * The code that documentation shows: every `ts` block of the pages and of the documentation comments.
 *
 * Law: what a reader sees is what is checked. Each block is a module of its own that compiles as it stands, imports
 * included, and is run; words after the language say otherwise:
 *
 * - ` ```ts continued `: goes on where the last block of the page stopped;
 * - ` ```ts no-run `: is only compiled, because it needs a server, a file of the reader's, or never ends;
 * - ` ```ts fails `: is run by the test of the error pages, and gives the error that its page is about;
 * - ` ```ts file=NAME `: is the file of that name, for the commands that follow it on an error page.
 *
 * A line that ends in `// => value` says what its expression gives, and is held to it. A comment in a module imports by
 * the package's names, or, where the module is no part of the package's face, by paths relative to the module.
 */
import { posix } from 'node:path'
import ts from 'typescript'
import { commentsOf, type Fence, fencesOf } from './fences.js'

/** A file that may show code. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** Code to check. */
export interface Snippet {
  readonly path: string
  /** Line of its opening fence. */
  readonly line: number
  readonly code: string
  /** For each line of the code, its line in the file. */
  readonly lines: readonly number[]
  readonly run: boolean
}

const WORDS = new Set(['continued', 'no-run', 'fails'])
const FILE = /^file=[\w-]+\.[cm]?ts$/

/** The snippets of a page; quoted blocks are left out, since the code they quote is checked where it lives. */
export function snippetsOf({ path, text }: Page): readonly Snippet[] {
  const snippets: Snippet[] = []
  for (const fence of fencesIn(path, text)) {
    if (fence.language !== 'ts' && fence.language !== 'typescript') continue
    if (fence.quotes !== undefined) continue
    const unknown = fence.words.find((word) => !WORDS.has(word) && !FILE.test(word))
    if (unknown !== undefined) {
      throw new SyntaxError(
        `${path}:${fence.line} says "${unknown}" after the language. Known: ${[...WORDS].join(', ')}.`,
      )
    }
    const before = snippets.at(-1)
    const continued = fence.words.includes('continued')
    if (continued && before === undefined) {
      throw new SyntaxError(`${path}:${fence.line} continues a block, and none stands before it`)
    }
    const own = fence.code.split('\n').map((_, at) => fence.line + 1 + at)
    snippets.push({
      path,
      line: fence.line,
      code: continued && before !== undefined ? `${before.code}\n${fence.code}` : fence.code,
      lines: continued && before !== undefined ? [...before.lines, ...own] : own,
      run: !fence.words.some((word) => word === 'no-run' || word === 'fails' || FILE.test(word)),
    })
  }
  return snippets
}

function fencesIn(path: string, text: string): readonly Fence[] {
  try {
    return fencesOf(path.endsWith('.ts') ? commentsOf(text) : text)
  } catch (error) {
    throw new SyntaxError(`${path}: ${(error as Error).message}`)
  }
}

/** The name of the function that holds a value against what is claimed. */
const CHECK = '__isWhatTheSnippetSays'

/**
 * The snippet as a program that may lie anywhere: relative imports become absolute, and claims `expression // => value`
 * become checks.
 *
 * @param root the repository's folder.
 * @param check source of an expression that takes the value, the claimed value and the position.
 * @throws when a claim stands after something that gives no value, or claims what is no expression.
 */
export function programOf(snippet: Snippet, root: string, check: string): string {
  const { code } = snippet
  const tree = ts.createSourceFile('snippet.ts', code, ts.ScriptTarget.ES2023, true)
  const claims = new Map<number, { readonly statement: ts.ExpressionStatement; readonly claimed: string }>()
  tree.statements.forEach((statement) => {
    const comment = ts.getTrailingCommentRanges(code, statement.end)?.[0]
    const claimed = comment === undefined ? undefined : /^\/\/ => (.*)$/.exec(code.slice(comment.pos, comment.end))?.[1]
    if (comment !== undefined && claimed !== undefined && ts.isExpressionStatement(statement)) {
      claims.set(comment.pos, { statement, claimed })
    }
  })
  for (const found of code.matchAll(/\/\/ => /g)) {
    const claim = claims.get(found.index)
    const where = `${snippet.path}:${snippet.lines[code.slice(0, found.index).split('\n').length - 1] ?? snippet.line}`
    if (claim === undefined) throw new SyntaxError(`${where} claims a value, and no expression stands before the claim`)
    const parsed = ts.transpileModule(`(${claim.claimed})`, { reportDiagnostics: true })
    if ((parsed.diagnostics ?? []).length > 0)
      throw new SyntaxError(`${where} claims what is no value: ${claim.claimed}`)
  }
  let program = code
  for (const { statement, claimed } of [...claims.values()].reverse()) {
    const { line } = tree.getLineAndCharacterOfPosition(statement.getStart(tree))
    const where = JSON.stringify(`${snippet.path}:${snippet.lines[line] ?? snippet.line}`)
    const expression = code.slice(statement.expression.getStart(tree), statement.expression.end)
    program = `${program.slice(0, statement.getStart(tree))};${CHECK}(${expression}, (${claimed}), ${where});${program.slice(statement.end)}`
  }
  const folder = posix.dirname(posix.join(root, snippet.path))
  const placed = program.replace(
    /(\bfrom\s+|\bimport\s+)'(\.{1,2}\/[^']*)\.js'/g,
    (_, before: string, path: string) => `${before}'${posix.join(folder, path)}.ts'`,
  )
  return claims.size === 0 ? placed : `const ${CHECK} = ${check};\n${placed}`
}
