/**
 * Files that the command writes. A run of the suite takes minutes, so what cannot be written is known before it.
 */
import { constants } from 'node:fs'
import { access, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PipelineError } from 'millrace'

/** Makes sure that a file can be written, without writing it. @throws {PipelineError} when it cannot. */
export async function checkWritable(option: string, file: string): Promise<void> {
  const folder = dirname(file)
  const isThere = await isFolder(file)
  if (isThere === true) throw new PipelineError('MR-7018', `--${option} "${file}" is a directory. Name a file.`)
  if ((await isFolder(folder)) !== true)
    throw new PipelineError('MR-7018', `--${option} "${file}": there is no directory "${folder}". Make it first.`)
  await access(isThere === false ? file : folder, constants.W_OK).catch((error: unknown) => {
    throw cannotWrite(option, file, error)
  })
}

/** Writes a file. @throws {PipelineError} when it cannot be written. */
export async function writeResult(option: string, file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((error: unknown) => {
    throw cannotWrite(option, file, error)
  })
}

async function isFolder(path: string): Promise<boolean | undefined> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => undefined,
  )
}

function cannotWrite(option: string, file: string, error: unknown): PipelineError {
  const why = error instanceof Error ? error.message : String(error)
  return new PipelineError('MR-7018', `--${option}: cannot write the file "${file}": ${why}.`)
}
