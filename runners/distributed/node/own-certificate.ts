/**
 * The certificate by which a client encrypts what workers tell it: read, and tried as a worker will try it.
 *
 * Law: what a worker would not trust is found out before anything is submitted, in words, since a worker that does not trust its client
 * has nobody to tell.
 */
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { checkServerIdentity, connect, createServer, type TLSSocket } from 'node:tls'
import { messageOf, PipelineError } from '../../../sdk/errors.js'
import type { EngineSettings } from '../../engine-settings.js'
import type { ServerTls } from '../transport/listen-options.js'

/** So long a handshake with oneself may take. */
const HANDSHAKE_MILLIS = 5000

/** What a client encrypts with, and whom workers trust. */
export interface OwnCertificate {
  readonly tls: ServerTls
  /** In PEM. */
  readonly authority: string
}

/**
 * Reads the files, and shakes hands with itself.
 *
 * @param host by which workers reach this process.
 * @throws {PipelineError} naming the file, or why workers would not trust it.
 */
export async function ownCertificate(files: NonNullable<EngineSettings['tls']>, host: string): Promise<OwnCertificate> {
  const [certificate, key, authority] = [pem(files, 'certificate'), pem(files, 'key'), pem(files, 'authority')]
  const fault = await faultOf({ certificate, key }, authority, host)
  if (fault === undefined) return { tls: { certificate, key }, authority }
  throw new PipelineError(
    'MR-6207',
    `workers would not trust this process at ${host}: ${fault}. tls needs a certificate for ${host}, its key, and the certificate of whoever has signed it.`,
  )
}

function pem(files: NonNullable<EngineSettings['tls']>, name: 'certificate' | 'key' | 'authority'): string {
  try {
    return readFileSync(files[name], 'utf8')
  } catch (error) {
    throw new PipelineError('MR-6207', `${name} of tls cannot be read: ${messageOf(error)}`)
  }
}

function faultOf({ certificate, key }: ServerTls, authority: string, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const sockets: TLSSocket[] = []
    let server: ReturnType<typeof createServer>
    try {
      server = createServer({ cert: certificate, key })
    } catch (error) {
      resolve(messageOf(error))
      return
    }
    const end = (fault: string | undefined): void => {
      for (const socket of sockets) socket.destroy()
      server.close()
      resolve(fault)
    }
    server.on('secureConnection', (socket) => void sockets.push(socket.on('error', () => undefined)))
    server.on('tlsClientError', () => undefined)
    server.on('error', (error: Error) => end(error.message))
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      try {
        const options = {
          host: '127.0.0.1',
          port,
          ca: authority,
          checkServerIdentity: (_: string, shown: Parameters<typeof checkServerIdentity>[1]) => checkServerIdentity(host, shown), // prettier-ignore
        }
        const socket = connect(options, () => end(undefined))
        socket.on('error', (error: Error) => end(error.message))
        socket.setTimeout(HANDSHAKE_MILLIS, () => end('it does not answer itself'))
        sockets.push(socket)
      } catch (error) {
        end(messageOf(error))
      }
    })
  })
}
