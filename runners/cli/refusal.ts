/**
 * How a command says that it did nothing, because what it was asked for is wrong or not there.
 */
import { errorCode } from '../../sdk/error-codes.js'
import { errorKind } from '../../sdk/errors.js'
import { suggestion } from '../../sdk/suggestion.js'
import { codeLine } from './code-line.js'
import { UsageError } from './command-line.js'

/** Whether an error is about what was asked for, and no fault of the program. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof UsageError || errorKind(error) === 'UnsupportedFeature'
}

/** Writes it to stderr. */
export function showRefusal(error: Error, asJson: boolean): void {
  const nearest = error instanceof UsageError ? nearestOf(error) : ''
  const message = `${error.message}${nearest}`
  const code = errorCode(error)
  const report = {
    type: 'failed',
    error: { name: error.name, message, frames: [], ...(code === undefined ? {} : { code }) },
  }
  process.stderr.write(
    asJson ? `${JSON.stringify(report)}\n` : `error: ${message}\n${code === undefined ? '' : `${codeLine(code)}\n`}`,
  )
}

function nearestOf({ given, known }: UsageError): string {
  if (given === undefined) return ' See millrace --help.'
  return known.length === 0 ? '' : suggestion(given, known)
}
