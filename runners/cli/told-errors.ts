/**
 * Errors of a command that works on what others have made: what is wrong there is told in one line, without a stack.
 *
 * Law: what has no code is a fault of the program, and passes.
 */
import { errorCode } from '../../sdk/error-codes.js'
import type { Options } from './command-line.js'
import { EXIT } from './exit-codes.js'
import { isRefusal, showRefusal } from './refusal.js'

/** Runs the command, and shows errors that have a code. @returns the exit code. */
export async function withToldErrors(options: Options, command: () => Promise<number>): Promise<number> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    // Nobody reads any more what is still to come.
    process.exit(EXIT.outputClosed)
  })
  try {
    return await command()
  } catch (error) {
    if (isRefusal(error) || errorCode(error) === undefined) throw error
    showRefusal(error as Error, options.get('json') === true)
    return EXIT.failed
  }
}
