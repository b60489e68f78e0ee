/**
 * The page of live examples as a reader has it: served from a plain folder or opened from it, it runs what stands in it, asks
 * nobody outside for anything and needs no leave to make code from text.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXAMPLES } from '../docs/live/examples.js'
import { LIVE_POLICY, writeLivePage } from '../docs/live/write-live-page.js'
import { findChromium, launch, MISSING } from './chromium.js'
import { serveFolder, type StaticServer } from './static-server.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const chromium = findChromium()
const required = process.env['MILLRACE_CHROMIUM_REQUIRED'] === '1'

it('the policy allows no other address and no code made from text', () => {
  expect(LIVE_POLICY).toContain("default-src 'none'")
  expect(LIVE_POLICY).not.toMatch(/unsafe|https?:|\*/)
})

if (chromium === undefined && !required) process.stderr.write(`conformance/browser: skipped, ${MISSING}\n`)

describe.skipIf(chromium === undefined && !required)('in Chromium', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-live-')))
  let browser: Browser | undefined
  let server: StaticServer | undefined
  beforeAll(async () => {
    if (chromium === undefined) throw new Error(MISSING)
    await writeLivePage(root, folder, 'live.html')
    server = await serveFolder(folder)
    browser = await launch(chromium)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Does something in the page, and gives what was wrong meanwhile: words on the console, requests to elsewhere. */
  async function inPage(
    hash: string,
    act: (page: Page) => Promise<void>,
    { address = server?.address ?? '', width = 1200 } = {},
  ): Promise<readonly string[]> {
    const page = await (browser as Browser).newPage({ viewport: { width, height: 800 } })
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(`console: ${message.text()}`))
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
    page.on('request', (request) => {
      if (![address, 'blob:', 'data:'].some((own) => request.url().startsWith(own))) complaints.push(request.url())
    })
    try {
      await page.goto(`${address}/live.html#${hash}`)
      await act(page)
    } finally {
      await page.close()
    }
    return complaints
  }

  const runIt = async (page: Page): Promise<string> => {
    await page.click('#run')
    await page.waitForSelector('#state:is([data-state=done], [data-state=failed])')
    expect(await page.textContent('#output')).not.toContain('Error')
    expect(await page.textContent('#state')).toBe('done')
    return (await page.textContent('#output')) ?? ''
  }

  it('counts words', async () => {
    const complaints = await inPage('word-count', async (page) => {
      expect((await runIt(page)).split('\n')[0]).toBe('  2  i')
    })
    expect(complaints).toEqual([])
  })

  it('unites sessions as the gap grows', async () => {
    const complaints = await inPage('sessions', async (page) => {
      expect((await runIt(page)).trim().split('\n')).toEqual([
        'ann  08:00 – 08:14  2 clicks',
        'bob  08:01 – 08:11  1 clicks',
        'ann  08:17 – 08:31  2 clicks',
        'bob  08:26 – 08:36  1 clicks',
      ])
      await page.fill('#knob-gap', '30')
      await page.waitForFunction(() => document.getElementById('output')?.textContent.includes('4 clicks'))
      expect((await page.textContent('#output'))?.trim().split('\n')).toEqual([
        'ann  08:00 – 08:51  4 clicks',
        'bob  08:01 – 08:56  2 clicks',
      ])
    })
    expect(complaints).toEqual([])
  })

  it('draws panes and the watermark, and drops what comes too late for the lateness that a knob allows', async () => {
    const complaints = await inPage('triggers', async (page) => {
      expect(await runIt(page)).toContain('1 element dropped')
      expect(await page.locator('#picture svg .s-watermark').count()).toBeGreaterThan(0)
      expect(await page.locator('#picture svg text').allTextContents()).toContain('on-time pane')
      await page.fill('#knob-lateness', '300')
      await page.waitForFunction(() => document.getElementById('output')?.textContent.includes('0 elements dropped'))
      expect(await page.locator('#panes td.late').allTextContents()).toEqual(['late'])
      const values = await page.locator('#panes tr:has(td.late) td:last-child').allTextContents()
      expect(values).toEqual(['21'])
      await page.selectOption('#knob-accumulation', 'discarding')
      await expect.poll(() => page.locator('#panes tr:has(td.late) td:last-child').allTextContents()).toEqual(['9'])
    })
    expect(complaints).toEqual([])
  })

  it('runs what a reader writes, and says what is wrong with it', async () => {
    const complaints = await inPage('word-count', async (page) => {
      const write = async (code: string): Promise<string> => {
        await page.fill('#code', code)
        await page.click('#run')
        await page.waitForSelector('#state:is([data-state=done], [data-state=failed])')
        return (await page.textContent('#output')) ?? ''
      }
      expect(
        await write(
          "import { pipeline, run as go } from 'millrace'\nimport { show } from 'page'\nconst p = pipeline()\np.create('n', [1, 2]).map('twice', (n) => n * 2).print('out').collect('all')\nshow((await go(p)).collect('all').join())",
        ),
      ).toContain('2,4')
      expect(await write("import { nothing } from 'millrace'")).toBe("SyntaxError: 'millrace' exports no nothing.")
      expect(await write("import x from './x.js'")).toContain('only import { name }')
      expect(await write('const broken = (')).toContain('SyntaxError')
      expect(await write("\n\nthrow new Error('by design')")).toBe('Error: by design')
      expect(
        await write(
          "import { pipeline, run } from 'millrace'\nconst p = pipeline()\np.create('n', [1]).map('fails', () => { throw new Error('oh') })\nawait run(p)",
        ),
      ).toContain('fails')
      expect(await write("await fetch('http://192.0.2.1/')")).toContain('Error')
    })
    // The policy's own refusal of that last request is all that the console may say.
    expect(complaints.filter((complaint) => !/violates the following|192\.0\.2\.1/.test(complaint))).toEqual([])
  })

  it('works when it is opened from its file', async () => {
    const address = pathToFileURL(folder).href
    const complaints = await inPage(
      'word-count',
      async (page) => {
        expect(await runIt(page)).toContain('2  i')
      },
      { address },
    )
    expect(complaints).toEqual([])
  })

  it.each(EXAMPLES.map(({ id }) => id))('%s fits a narrow screen', async (id) => {
    await inPage(
      id,
      async (page) => {
        await runIt(page)
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
      },
      { width: 360 },
    )
  })
})
