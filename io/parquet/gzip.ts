/**
 * Packing by gzip, where the platform does it.
 */
import { PipelineError } from '../../sdk/errors.js'

type Zlib = typeof import('node:zlib')

/** Packs bytes. @throws {PipelineError} where the platform has no gzip. */
export function gzip(bytes: Uint8Array): Uint8Array {
  const { process } = globalThis as { readonly process?: { getBuiltinModule?: (name: string) => Zlib | undefined } }
  const zlib = process?.getBuiltinModule?.('node:zlib')
  if (zlib === undefined)
    throw new PipelineError('MR-5014', "this platform cannot pack by gzip. Say compression: 'snappy'.")
  return zlib.gzipSync(bytes)
}
