/**
 * The finished site in a browser: it finds what is searched for, follows its own switch of themes, fits a narrow screen, and
 * asks nobody outside for anything; from a server and from its files. It is there once `npm run docs` has been run.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium, launch, MISSING } from './chromium.js'
import { serveFolder, type StaticServer } from './static-server.js'

const site = join(fileURLToPath(new URL('../..', import.meta.url)), 'docs', 'site')
const chromium = findChromium()
const isBuilt = existsSync(join(site, 'live.html'))
const required = process.env['MILLRACE_CHROMIUM_REQUIRED'] === '1'
const missing = isBuilt ? MISSING : 'docs/site is not there: `npm run docs` makes it.'
const isSkipped = !isBuilt || (chromium === undefined && !required)
if (isSkipped) process.stderr.write(`conformance/browser/site: skipped, ${missing}\n`)

describe.skipIf(isSkipped)('the site', () => {
  let browser: Browser | undefined
  let server: StaticServer | undefined
  beforeAll(async () => {
    if (chromium === undefined) throw new Error(MISSING)
    server = await serveFolder(site)
    browser = await launch(chromium)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  const addressOf = { server: () => server?.address ?? '', files: () => pathToFileURL(site).href }

  async function inPage(
    address: string,
    path: string,
    act: (page: Page) => Promise<void>,
    { width = 1200, colorScheme = 'light' } = {},
  ): Promise<readonly string[]> {
    const page = await (browser as Browser).newPage({ viewport: { width, height: 800 }, colorScheme })
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
    page.on('console', (message) => {
      // A page from a file may not use icons of another file; they are put into the page instead.
      if (!message.text().includes('icons.svg')) complaints.push(message.text())
    })
    page.on('request', (request) => {
      if (![address, 'data:', 'blob:'].some((own) => request.url().startsWith(own))) complaints.push(request.url())
    })
    try {
      await page.goto(`${address}/${path}`)
      await act(page)
    } finally {
      await page.close()
    }
    return complaints
  }

  it.each(['server', 'files'] as const)('finds pages and names, from its %s', async (from) => {
    const complaints = await inPage(addressOf[from](), 'index.html', async (page) => {
      await page.click('#tsd-search-trigger')
      for (const [words, wanted] of [
        ['sessionWindows', 'millrace.sessionWindows.html'],
        ['lateness', 'docs/concepts/lateness.html'],
        ['watermark', 'docs/concepts/event-time.html'],
      ] as const) {
        await page.fill('#tsd-search-input', words)
        const links = page.locator('#tsd-search-results a')
        await expect
          .poll(() => links.evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? '')), { timeout: 5000 })
          .toContainEqual(expect.stringContaining(wanted))
      }
    })
    expect(complaints).toEqual([])
  })

  it.each(['light', 'dark'] as const)('pictures follow the %s theme that the reader chooses', async (theme) => {
    const other = theme === 'light' ? 'dark' : 'light'
    const groundOf = (page: Page): Promise<string> =>
      page
        .locator('.mr-picture .ground')
        .first()
        .evaluate((ground) => getComputedStyle(ground).fill)
    const act = async (page: Page): Promise<void> => {
      const before = await groundOf(page)
      await page.evaluate((chosen) => (document.documentElement.dataset['theme'] = chosen), theme)
      const grounds = { light: 'rgb(255, 255, 255)', dark: 'rgb(23, 28, 34)' }
      expect([before, await groundOf(page)]).toEqual([grounds[other], grounds[theme]])
    }
    await inPage(addressOf.server(), 'docs/concepts/triggers.html', act, { colorScheme: other })
  })

  it.each([
    'index.html',
    'docs/tutorial.html',
    'docs/guarantees.html',
    'docs/comparison.html',
    'docs/concepts/windows.html',
  ])('%s fits a narrow screen, and nothing is wrong with it', async (path) => {
    const act = async (page: Page): Promise<void> => {
      await page.waitForFunction(() => document.body.style.display !== 'none')
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
    }
    expect(await inPage(addressOf.server(), path, act, { width: 360 })).toEqual([])
  })

  it('leads to the live examples from every depth', async () => {
    await inPage(addressOf.files(), 'docs/concepts/triggers.html', async (page) => {
      await page.click('a:has-text("Live examples")')
      await page.click('#run')
      await page.waitForSelector('#state[data-state=done]')
    })
  })
})
