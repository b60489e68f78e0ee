/**
 * `npm run docs:quote`: brings every quote of the pages up to date with the code it quotes, and the list of error codes with
 * their catalogue.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ERROR_PAGES, indexText } from './error-pages.js'
import { pagesIn } from './pages.js'
import { withQuotes } from './quotes.js'

const root = process.cwd()
const read = (path: string): string | undefined =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined

for (const page of pagesIn(root)) {
  const text = withQuotes(page, read)
  if (text === page.text) continue
  writeFileSync(join(root, page.path), text)
  process.stdout.write(`${page.path}: quotes brought up to date\n`)
}

writeFileSync(join(root, ERROR_PAGES, 'README.md'), indexText())
