/**
 * A server of three pages: `/metrics`, `/healthz`, `/readyz`. A capability: it listens.
 *
 * Law: it says only what {@link respond} says, and it never asks the run for anything more often than its source does, so
 * nobody slows a run down by asking.
 */
import { createServer, type Server } from 'node:http'
import { isIP } from 'node:net'
import { coded } from '../../sdk/error-codes.js'
import { respond, type Routes } from './respond.js'

/** A server that listens. */
export interface ListeningServer {
  /** Such as `http://127.0.0.1:9464`. */
  readonly url: string
  readonly port: number
  /** Ends it, and the connections it has. */
  close(): Promise<void>
}

/** Where to listen. */
export interface Place {
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
}

/** Nobody needs longer for a request of a few lines. */
const REQUEST_MILLIS = 5000
const CONNECTIONS_MAX = 64
const HEADER_BYTES_MAX = 8192

/**
 * Listens. The server does not keep the process alive.
 *
 * @throws {Error} when the place is taken, or is none of this machine's.
 */
export async function listen(routes: Routes, { host, port }: Place): Promise<ListeningServer> {
  const server = createServer(
    {
      requestTimeout: REQUEST_MILLIS,
      headersTimeout: REQUEST_MILLIS,
      connectionsCheckingInterval: REQUEST_MILLIS,
      keepAliveTimeout: REQUEST_MILLIS,
      maxHeaderSize: HEADER_BYTES_MAX,
      // Whose name is missing is answered like one with a wrong name.
      requireHostHeader: false,
    },
    (request, response) => {
      const { status, headers, body } = respond(routes, {
        method: request.method ?? '',
        target: request.url ?? '',
        host: request.headers.host,
      })
      // What somebody sends along is not read.
      request.resume()
      response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
      response.end(request.method === 'HEAD' ? undefined : body)
    },
  )
  server.maxConnections = CONNECTIONS_MAX
  await listening(server, host, port)
  server.unref()
  const bound = (server.address() as { readonly port: number }).port
  return {
    url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${bound}`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const text = `the metrics cannot be served on ${host}:${port}: ${why(error)}`
      reject(coded('MR-6011', new Error(text, { cause: error })))
    })
    server.listen({ host, port, exclusive: true }, resolve)
  })
}

function why(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'somebody else listens there. Choose another port, or 0 for any free one.'
    case 'EACCES':
      return 'the system does not allow this port. Choose one from 1024, or 0 for any free one.'
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'that is no address of this machine. 127.0.0.1 always is.'
    default:
      return error.message
  }
}
