/**
 * Everything that documentation shows is compiled and run, everything it quotes is what it quotes, and every link leads
 * somewhere. Each check is also shown something wrong.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { compileSnippets } from './compile-snippets.js'
import { brokenLinks } from './links.js'
import { modulesIn, pagesIn } from './pages.js'
import { quoted, withQuotes, wrongQuotes } from './quotes.js'
import { programOf, type Snippet, snippetsOf } from './snippets.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const exists = (path: string): boolean => existsSync(join(root, path))
const read = (path: string): string | undefined => (exists(path) ? readFileSync(join(root, path), 'utf8') : undefined)

const pages = pagesIn(root)
const snippets = [...pages, ...modulesIn(root)].flatMap(snippetsOf)
const nameOf = ({ path, line }: Snippet): string => `${path}:${line}`

/** Programs lie under the repository, so that they import the package as its tests do. */
const programs = join(root, '.cache', 'snippets')
/** And run in a folder as a reader's is, which is gone afterwards with all they wrote. */
const workplace = mkdtempSync(join(tmpdir(), 'millrace-snippets-'))
const home = process.cwd()
beforeAll(() => {
  rmSync(programs, { recursive: true, force: true })
  mkdirSync(programs, { recursive: true })
  writeFileSync(join(workplace, 'package.json'), '{\n  "name": "reader",\n  "version": "1.0.0"\n}\n')
  process.chdir(workplace)
})
afterAll(() => {
  process.chdir(home)
  rmSync(workplace, { recursive: true, force: true })
})

let count = 0
async function runSnippet(snippet: Snippet): Promise<void> {
  const file = join(programs, `${count++}.ts`)
  const check =
    '(value: unknown, claimed: unknown, where: string) => globalThis.__expect(value, where).toEqual(claimed)'
  writeFileSync(file, `// ${nameOf(snippet)} as a program\n${programOf(snippet, root, check)}\n`)
  Object.assign(globalThis, { __expect: expect })
  const out = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')]
  out.forEach((stream) => stream.mockImplementation(() => true))
  try {
    await import(/* @vite-ignore */ file)
  } catch (error) {
    const hint = 'what cannot be run anywhere is marked `ts no-run`'
    throw new Error(`${nameOf(snippet)} failed when it was run (${hint})`, { cause: error })
  } finally {
    out.forEach((stream) => stream.mockRestore())
  }
}

describe('every snippet', () => {
  const faults = compileSnippets(root, snippets)
  it.each(snippets.map((snippet) => [nameOf(snippet), snippet] as const))('compiles: %s', (_, snippet) => {
    expect(faults.get(snippet)).toEqual([])
  })

  const complete = snippets.filter(({ run }) => run)
  it.each(complete.map((snippet) => [nameOf(snippet), snippet] as const))(
    'runs to its end: %s',
    (_, snippet) => runSnippet(snippet),
    10_000,
  )
})

describe('every page', () => {
  it('quotes code as it is', () => {
    expect(pages.flatMap((page) => wrongQuotes(page, read))).toEqual([])
  })

  it('links to what exists', () => {
    expect(pages.flatMap((page) => brokenLinks(page, read, exists))).toEqual([])
  })
})

describe('the checks themselves', () => {
  const page = (...lines: readonly string[]) => ({ path: 'docs/made-up.md', text: lines.join('\n') })
  const only = (...lines: readonly string[]): Snippet => snippetsOf(page(...lines))[0] as Snippet

  it('find the snippets of a page and of comments, with their lines', () => {
    const found = snippetsOf(
      page(
        '# Title',
        '```ts',
        'const a = 1',
        '```',
        '```sh',
        'ls',
        '```',
        '```ts continued no-run',
        'const b = a',
        '```',
      ),
    )
    expect(found).toMatchObject([
      { line: 2, code: 'const a = 1', lines: [3], run: true },
      { line: 8, code: 'const a = 1\nconst b = a', lines: [3, 9], run: false },
    ])
    const comment = {
      path: 'sdk/x.ts',
      text: 'const x = 1\n/**\n * Does.\n *\n * ```ts\n * f()\n * ```\n */\nexport {}\n',
    }
    expect(snippetsOf(comment)).toMatchObject([{ line: 5, code: 'f()', lines: [6] }])
  })

  it('refuse a block that is not closed, unknown words, and a continuation of nothing', () => {
    expect(() => snippetsOf(page('', '```ts'))).toThrow('docs/made-up.md: the block that opens in line 2 is not closed')
    expect(() => snippetsOf(page('```ts skip', '```'))).toThrow('docs/made-up.md:1 says "skip"')
    expect(() => snippetsOf(page('```ts continued', '```'))).toThrow('none stands before it')
  })

  it('name file and line of what does not compile', () => {
    const wrong = [
      only('text', '```ts', "import { pipeline } from 'millrace'", 'const n: number = pipeline()', '```'),
      only('```ts', 'const broken = (', '```'),
      only('```ts', "import { nothing } from 'millrace'", '```'),
      only('```ts', 'pipeline()', '```'),
      only('```ts', "import { kv } from 'millrace'", "kv('moby', 1).value.toFixed()", '```'),
    ]
    const found = [...compileSnippets(root, wrong).values()].map((messages) => messages.join('\n'))
    expect(found).toEqual([
      expect.stringContaining("docs/made-up.md:4 Type 'Pipeline' is not assignable to type 'number'"),
      expect.stringContaining('docs/made-up.md:2 '),
      expect.stringContaining("docs/made-up.md:2 Module '\"millrace\"' has no exported member 'nothing'"),
      expect.stringContaining("docs/made-up.md:2 Cannot find name 'pipeline'"),
      '',
    ])
  })

  it('fail a program that throws, and a claim that does not hold', async () => {
    const failure = async (...lines: readonly string[]): Promise<string> => {
      const error = await runSnippet(only('```ts', ...lines, '```')).then(
        () => undefined,
        (thrown: unknown) => thrown as Error,
      )
      return error === undefined ? '' : `${error.message}: ${String(error.cause)}`
    }
    expect(await failure("throw new Error('by design')")).toContain('Error: by design')
    expect(await failure('', '1 + 1 // => 3')).toContain('docs/made-up.md:3')
    expect(
      await failure(
        '[{ a: [1] }].concat([]) // => [{ a: [1] }]',
        '1 + 1 // => 2',
        "await Promise.resolve('x') // => 'x'",
      ),
    ).toBe('')
    expect(await failure('const x = 1 // => 1')).toContain('no expression stands before the claim')
    expect(await failure('1 // => one or so')).toContain('claims what is no value')
  })

  it('hold quotes against their source, and bring them up to date', () => {
    const source =
      'import x\n\n  // #region part\n  const a = 1\n    // #region inner\n    const b = 2\n    // #endregion\n  // #endregion\n'
    const readMadeUp = (path: string) => (path === 'examples/x.ts' ? source : undefined)
    const quoting = (reference: string, ...code: readonly string[]) =>
      page('text', `<!-- snippet: ${reference} -->`, '', '```ts', ...code, '```', 'more')
    const right = quoting('examples/x.ts#part', 'const a = 1', '  const b = 2')
    expect(quoted('examples/x.ts#inner', readMadeUp)).toBe('const b = 2')
    expect(wrongQuotes(right, readMadeUp)).toEqual([])
    expect(snippetsOf(right)).toEqual([])
    for (const stale of [quoting('examples/x.ts#part', 'const a = 2'), quoting('examples/x.ts#part')]) {
      expect(wrongQuotes(stale, readMadeUp)).toEqual([expect.stringContaining('docs/made-up.md:4 differs')])
      expect(withQuotes(stale, readMadeUp)).toBe(right.text)
    }
    expect(wrongQuotes(quoting('examples/x.ts#gone'), readMadeUp)).toEqual([expect.stringContaining('#region gone')])
    expect(wrongQuotes(quoting('examples/y.ts'), readMadeUp)).toEqual([
      expect.stringContaining('no file examples/y.ts'),
    ])
    expect(() => snippetsOf(page('<!-- snippet: a -->', 'text'))).toThrow('no code block follows it')
  })

  it('find links that lead nowhere', () => {
    const linking = page(
      '# A title: here',
      '[a](../README.md) [b](gone.md) [c](#a-title-here) [d](#nowhere) [e](https://x.example)',
      '`[f](g)`',
    )
    expect(
      brokenLinks(
        linking,
        () => linking.text,
        (path) => path !== 'docs/gone.md',
      ),
    ).toEqual([
      'docs/made-up.md:2 links to gone.md, and docs/gone.md does not exist.',
      'docs/made-up.md:2 links to #nowhere, and docs/made-up.md has no such heading.',
    ])
  })
})
