/**
 * `millrace worker-pool`: serves workers to an engine, until it is ended.
 */
import { isLoopback } from '../distributed/engine-settings.js'
import { readToken, TOKEN_FILE_VARIABLE } from '../distributed/node/token.js'
import { type Options, UsageError } from './command-line.js'
import { EXIT } from './exit-codes.js'

/** Where Beam's pools listen. */
const PORT = 50_000

/** Serves. @returns the exit code. */
export async function workerPoolCommand(options: Options): Promise<number> {
  const text = (name: string): string | undefined => {
    const value = options.get(name)
    return typeof value === 'string' ? value : undefined
  }
  const host = text('host') ?? '127.0.0.1'
  const port = portOf(text('port'))
  const file = text('token-file')
  if (file !== undefined) process.env[TOKEN_FILE_VARIABLE] = file
  const token = readToken()
  if (!isLoopback(host) && token === undefined && options.get('allow-unauthenticated') !== true)
    throw new UsageError(
      'MR-6207',
      `--host ${host} lets other machines start workers here, which run what they are sent. Give --token-file, here and to the client, or say --allow-unauthenticated.`,
    )
  const isJson = options.get('json') === true
  const say = (line: string): void =>
    void process.stderr.write(isJson ? `${JSON.stringify({ type: 'note', text: line })}\n` : `${line}\n`)
  const { startWorkerPool } = await import('../distributed/node/worker-pool.js')
  const pool = await startWorkerPool({ host, port, token, say }).catch((error: Error) => {
    throw new UsageError('MR-6206', `no pool of workers can listen at ${host}:${port}: ${error.message}`)
  })
  process.stdout.write(
    isJson
      ? `${JSON.stringify({ type: 'listening', address: pool.address })}\n`
      : `a pool of workers listens at ${pool.address}\n`,
  )
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  await pool.close()
  return EXIT.done
}

function portOf(text: string | undefined): number {
  const port = text === undefined ? PORT : Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new UsageError('MR-7003', `--port is a number from 0 to 65535, not "${text ?? ''}".`)
}
