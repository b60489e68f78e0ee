/**
 * The package in a page: a word count and a session window give what they give elsewhere, also where the page's policy
 * forbids to make code from text.
 */
import { fileURLToPath } from 'node:url'
import { run } from 'millrace'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundlePage } from './bundle.js'
import { type Circumstances, findChromium, launch, MISSING, reportOf, STRICT_POLICY } from './chromium.js'
import { EXPECTED, outcomeOf, program } from './programs.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = ['run-page.ts', 'direct-page.ts']
const chromium = findChromium()
/** Set where a missing browser is a fault and no circumstance. */
const required = process.env['MILLRACE_CHROMIUM_REQUIRED'] === '1'

it('the program gives here what is expected in a page', async () => {
  expect(outcomeOf(await run(program()))).toEqual(EXPECTED)
})

it.each(pages)('the bundle of %s needs nothing of Node', async (page) => {
  const { modules, imports } = await bundlePage(root, page)
  expect(imports).toEqual([])
  expect(modules).toContain('dist/runners/direct/direct-runner.js')
  expect(modules.filter((path) => path.endsWith('/node.js') || path.includes('node:'))).toEqual([])
  if (page === 'run-page.ts') expect(modules).toContain('dist/runners/platform/browser.js')
})

it('a page that needs Node is refused when it is bundled', async () => {
  await expect(bundlePage(root, 'bundle.ts')).rejects.toThrow('node:fs')
})

if (chromium === undefined && !required) process.stderr.write(`conformance/browser: skipped, ${MISSING}\n`)

describe.skipIf(chromium === undefined && !required)('in Chromium', () => {
  let browser: Browser | undefined
  beforeAll(async () => {
    if (chromium === undefined) throw new Error(MISSING)
    browser = await launch(chromium)
  }, 60_000)
  afterAll(() => browser?.close())

  const load = async (page: string, circumstances: Circumstances) =>
    reportOf(browser as Browser, (await bundlePage(root, page)).code, circumstances)

  it.each(pages)('%s counts words and sessions', async (page) => {
    const { outcome, error, refusals } = await load(page, { stageCompiler: 'auto' })
    expect(error).toBeUndefined()
    expect(outcome).toEqual(EXPECTED)
    expect(refusals).toBe(0)
  })

  it.each(pages)('%s does so with generated code', async (page) => {
    const { outcome, error, functionsMade } = await load(page, { stageCompiler: 'generated' })
    expect(error).toBeUndefined()
    expect(outcome).toEqual(EXPECTED)
    expect(functionsMade).toBeGreaterThan(0)
  })

  it.each(pages)('%s does so with closures alone, where the policy forbids to generate code', async (page) => {
    const { outcome, error, functionsMade, refusals } = await load(page, {
      stageCompiler: 'auto',
      policy: STRICT_POLICY,
    })
    expect(error).toBeUndefined()
    expect(outcome).toEqual(EXPECTED)
    expect(functionsMade).toBe(0)
    // It asked whether it may, and was told no.
    expect(refusals).toBeGreaterThan(0)
  })

  it('the policy is in force: with it, code that must be generated is refused', async () => {
    const { outcome, error } = await load('run-page.ts', { stageCompiler: 'generated', policy: STRICT_POLICY })
    expect(outcome).toBeUndefined()
    expect(error).toContain('unsafe-eval')
  })
})
