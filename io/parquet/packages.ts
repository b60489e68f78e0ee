/**
 * The packages that know Parquet's encodings. They are loaded when a file is read or written, and need not be there
 * otherwise.
 *
 * Law: what is missing is said once, with the line that installs it.
 */
import { messageOf, PipelineError } from '../../sdk/errors.js'

/** Reads the encodings. */
export type Hyparquet = typeof import('hyparquet')
/** Unpacks what hyparquet does not. */
export type HyparquetCompressors = typeof import('hyparquet-compressors')
/** Writes the encodings. */
export type HyparquetWriter = typeof import('hyparquet-writer')

/** What reading needs. @throws {PipelineError} when it is not installed. */
export async function loadReader(): Promise<Hyparquet & Pick<HyparquetCompressors, 'compressors'>> {
  try {
    const [hyparquet, { compressors }] = await Promise.all([import('hyparquet'), import('hyparquet-compressors')])
    return { ...hyparquet, compressors }
  } catch (error) {
    return missing('readParquet', 'hyparquet@1 hyparquet-compressors@1', error)
  }
}

/** What writing needs. @throws {PipelineError} when it is not installed. */
export async function loadWriter(): Promise<HyparquetWriter> {
  try {
    return await import('hyparquet-writer')
  } catch (error) {
    return missing('writeParquet', 'hyparquet-writer@0.17', error)
  }
}

function missing(who: string, packages: string, error: unknown): never {
  throw new PipelineError(
    'MR-5017',
    `${who} needs packages that cannot be loaded (${messageOf(error)}). Install them: npm install ${packages}`,
  )
}
