/**
 * The token that millrace's processes share: whoever does not know it can neither start workers nor report as one.
 */
import { readFileSync } from 'node:fs'
import { messageOf, PipelineError } from '../../../sdk/errors.js'

/** The variable that names the file of the token. */
export const TOKEN_FILE_VARIABLE = 'MILLRACE_TOKEN_FILE'

/** Fewer characters could be guessed. */
const LENGTH_MIN = 16

/** The token, where there is one. @param file named by an option; else by the environment. @throws {PipelineError} */
export function readToken(file: string | undefined = process.env[TOKEN_FILE_VARIABLE]): string | undefined {
  if (file === undefined || file === '') return undefined
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new PipelineError('MR-6207', `the file of the token cannot be read: ${messageOf(error)}`)
  }
  if (text.length >= LENGTH_MIN) return text
  throw new PipelineError(
    'MR-6207',
    `the token in ${file} has ${text.length} characters, and needs ${LENGTH_MIN}. Make one: node -p "crypto.randomBytes(32).toString('hex')" > ${file}`,
  )
}
