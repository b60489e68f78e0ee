/**
 * A plain static server on the loopback interface, for pages as they are published.
 */
import { readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize, sep } from 'node:path'

/** A server under way. */
export interface StaticServer {
  /** `http://127.0.0.1:PORT`. */
  readonly address: string
  /** Ends it, with every connection. */
  readonly close: () => Promise<void>
}

const TYPES = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
])

/** Serves the files of a folder, and nothing else. */
export async function serveFolder(folder: string): Promise<StaticServer> {
  const server = createServer((request, response) => {
    const path = normalize(join(folder, decodeURIComponent((request.url ?? '/').split('?')[0] ?? '/')))
    const isThere = path.startsWith(folder + sep) && statSync(path, { throwIfNoEntry: false })?.isFile() === true
    response.writeHead(isThere ? 200 : 404, { 'content-type': TYPES.get(extname(path)) ?? 'application/octet-stream' })
    response.end(isThere ? readFileSync(path) : '')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    address: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
