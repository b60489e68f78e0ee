/**
 * `millrace conformance`: the suite is a subpath of the package of its own, which the command loads when it is asked for.
 * By name, because the suite imports the runners and not the other way round.
 */
import { errorCode } from '../../sdk/error-codes.js'
import { errorKind } from '../../sdk/errors.js'
import { codeLine } from './code-line.js'
import type { Options } from './command-line.js'
import { EXIT } from './exit-codes.js'

/** What the suite's module offers the command. */
interface Suite {
  readonly conformanceCommand: (
    options: Readonly<Record<string, string>>,
    write: (text: string) => void,
  ) => Promise<boolean>
}

/** In a variable, so that the compiler does not follow it. */
const SUITE: string = 'millrace/conformance'

/** Does the command. @returns the exit code. */
export async function conformanceCommand(options: Options): Promise<number> {
  const { conformanceCommand: run } = (await import(SUITE)) as Suite
  const given: Record<string, string> = {}
  for (const [name, value] of options) if (typeof value === 'string') given[name] = value
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    // Nobody reads any more what is still to come.
    process.exit(EXIT.outputClosed)
  })
  try {
    return (await run(given, (text) => void process.stdout.write(text))) ? EXIT.done : EXIT.failed
  } catch (error) {
    if (errorKind(error) !== 'PipelineError') throw error
    const code = errorCode(error)
    process.stderr.write(`error: ${(error as Error).message}\n${code === undefined ? '' : `${codeLine(code)}\n`}`)
    return EXIT.refused
  }
}
