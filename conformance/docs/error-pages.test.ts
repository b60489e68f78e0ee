/**
 * The pages of error codes say the truth: each program and each command that a page calls wrong gives the error of that
 * page, in the process of the test or by the command itself; the mended ones run (programs with all other snippets).
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { errorCode, errorCodes } from '../../sdk/error-codes.js'
import { ERROR_PAGES, errorPage, errorPages, indexText, type PageCommand, pageFaults } from './error-pages.js'
import { pagesIn } from './pages.js'
import { programOf, type Snippet } from './snippets.js'

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const pages = errorPages(pagesIn(root))

const programs = join(root, '.cache', 'error-pages')
/** A project as a reader's is, with the package installed. */
const workplace = mkdtempSync(join(tmpdir(), 'millrace-error-pages-'))
const home = process.cwd()
beforeAll(() => {
  rmSync(programs, { recursive: true, force: true })
  mkdirSync(programs, { recursive: true })
  mkdirSync(join(workplace, 'node_modules'))
  writeFileSync(join(workplace, 'package.json'), '{\n  "name": "reader",\n  "type": "module"\n}\n')
  symlinkSync(root, join(workplace, 'node_modules', 'millrace'))
  for (const name of ['io-ts', 'fp-ts'])
    symlinkSync(join(root, 'node_modules', name), join(workplace, 'node_modules', name))
  process.chdir(workplace)
})
afterAll(() => {
  process.chdir(home)
  rmSync(workplace, { recursive: true, force: true })
})

let count = 0
async function thrownBy(snippet: Snippet): Promise<unknown> {
  const file = join(programs, `${count++}.ts`)
  writeFileSync(
    file,
    `// ${snippet.path}:${snippet.line} as a program\n${programOf(snippet, root, '() => undefined')}\n`,
  )
  const out = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')]
  out.forEach((stream) => stream.mockImplementation(() => true))
  try {
    await import(/* @vite-ignore */ file)
    return undefined
  } catch (error) {
    return error
  } finally {
    out.forEach((stream) => stream.mockRestore())
  }
}

function millrace({ args }: PageCommand): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve) => {
    const main = join(root, 'dist', 'runners', 'cli', 'main.js')
    execFile(process.execPath, [main, ...args], { cwd: workplace, timeout: 20_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), text: `${stdout}${stderr}` }),
    )
  })
}

describe('the pages of errors', () => {
  it('there is one for each code, with an example or a reason why not', () => {
    expect(pageFaults(pages)).toEqual([])
  })

  it('are listed as the catalogue has them', () => {
    expect(readFileSync(join(root, ERROR_PAGES, 'README.md'), 'utf8')).toBe(indexText())
  })

  it('provoke most codes', () => {
    const provoked = pages.filter(({ failing, commands }) => failing.length > 0 || commands.some(({ fails }) => fails))
    expect(provoked.length).toBeGreaterThanOrEqual(100)
  })

  const snippets = pages.flatMap(({ code, failing }) => failing.map((snippet) => [code, snippet] as const))
  it.each(snippets)(
    'the program of %s gives this error',
    async (code, snippet) => {
      const error = await thrownBy(snippet)
      expect([errorCode(error), String(error)]).toEqual([code, expect.any(String)])
    },
    10_000,
  )

  const commands = pages.flatMap(({ code, commands, files }) =>
    commands.map((command) => [`millrace ${command.args.join(' ')}`, code, command, files] as const),
  )
  it.concurrent.each(commands)(
    'the command does what its page says: %s',
    async (_, code, command, files) => {
      for (const [name, text] of files) writeFileSync(join(workplace, name), text)
      const { code: exit, text } = await millrace(command)
      if (command.fails) expect(text).toContain(`${code}: ${errorCodes[code]}. More: millrace explain ${code}`)
      expect([exit !== 0, text]).toEqual([command.fails, expect.any(String)])
    },
    30_000,
  )
})

describe('the checks themselves', () => {
  const made = (code: string, ...lines: readonly string[]) =>
    errorPage({ path: `${ERROR_PAGES}/${code}.md`, text: lines.join('\n') })

  it('miss a page, a heading, an example, and a code', () => {
    const heading = `# MR-1006: ${errorCodes['MR-1006']}`
    const faults = (...made: readonly ReturnType<typeof errorPage>[]): string => pageFaults(made).join('\n')
    expect(faults()).toContain(`${ERROR_PAGES}/MR-1006.md is missing`)
    expect(faults(made('MR-0000', 'x'))).toContain('MR-0000.md is the page of no code')
    expect(faults(made('MR-1006', '# Names', 'No example: x'))).toContain(`must begin with "${heading}"`)
    expect(faults(made('MR-1006', heading, '```ts', '1', '```'))).toContain('must have an example that fails')
    expect(faults(made('MR-1006', heading, '```ts fails', '1', '```', 'No example: x'))).toContain('must have')
    expect(faults(made('MR-1006', heading, '```ts fails', '1', '```'))).not.toContain('MR-1006')
    expect(faults(made('MR-1006', heading, 'No example: x'))).not.toContain('MR-1006')
    expect(() => made('MR-1006', '```sh', 'rm x', '```')).toThrow("a command that is not millrace's")
  })

  it('know files and commands of a page', () => {
    const { files, commands } = made(
      'MR-7007',
      '```ts file=a.ts',
      'export {}',
      '```',
      '```sh fails',
      'millrace run a.ts',
      '```',
    )
    expect([...files]).toEqual([['a.ts', 'export {}\n']])
    expect(commands).toMatchObject([{ args: ['run', 'a.ts'], fails: true }])
    expect(existsSync(join(workplace, 'a.ts'))).toBe(false)
  })
})
