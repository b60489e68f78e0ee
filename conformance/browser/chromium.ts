/**
 * A Chromium of this machine, and pages loaded into it from a server on the loopback interface.
 *
 * Law: the browser, its profile and the server are gone when the test is.
 */
import { accessSync, constants } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium } from 'playwright-core'
import type { Report } from './page.js'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium']

/** The Chromium of this machine: `MILLRACE_CHROMIUM`, or where packages put it. */
export function findChromium(): string | undefined {
  const named = process.env['MILLRACE_CHROMIUM']
  return (named === undefined ? PLACES : [named]).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Why there is none, and what to do. */
export const MISSING = `no Chromium was found (${PLACES.join(', ')}). Install the package "chromium", or name one by MILLRACE_CHROMIUM=path.`

/** Starts the browser with a profile of its own, which is removed with it, and nothing that looks for the world outside. */
export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** Allows nothing but the page's own files, and no code made from text. */
export const STRICT_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"

/** How a page is loaded. */
export interface Circumstances {
  /** The runner's choice of a stage compiler. */
  readonly stageCompiler: 'auto' | 'generated'
  /** The page's content security policy; default: none. */
  readonly policy?: string
}

/** Loads a page with this script, and gives what it reports. */
export async function reportOf(
  browser: Browser,
  code: string,
  { stageCompiler, policy }: Circumstances,
): Promise<Report> {
  const { promise, resolve, reject } = deferred<Report>()
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      let body = ''
      request.setEncoding('utf8')
      request.on('data', (chunk: string) => (body += chunk))
      request.on('end', () => {
        response.end()
        resolve(JSON.parse(body) as Report)
      })
      return
    }
    const isScript = request.url === '/page.js'
    response.writeHead(200, {
      'content-type': isScript ? 'text/javascript' : 'text/html; charset=utf-8',
      ...(policy === undefined ? {} : { 'content-security-policy': policy }),
    })
    response.end(
      isScript ? code : '<!doctype html><title>millrace</title><script type="module" src="/page.js"></script>',
    )
  })
  const { port } = await listen(server)
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => reject(error))
  page.on('console', (message) => complaints.push(message.text()))
  const timer = setTimeout(
    () => reject(new Error(`the page reported nothing within 20 seconds. Its console: ${complaints.join('\n')}`)),
    20_000,
  )
  try {
    await page.goto(`http://127.0.0.1:${port}/#${stageCompiler}`)
    return await promise
  } finally {
    clearTimeout(timer)
    await page.close()
    server.closeAllConnections()
    server.close()
  }
}

function listen(server: Server): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server.address() as AddressInfo))
  })
}

interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined
  let reject: (reason: unknown) => void = () => undefined
  const promise = new Promise<T>((whenDone, whenFailed) => {
    resolve = whenDone
    reject = whenFailed
  })
  return { promise, resolve, reject }
}
