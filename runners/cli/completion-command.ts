/**
 * `millrace completion`: prints a script for a shell.
 */
import type { CommandInvocation } from './command-line.js'
import { shells } from './commands.js'
import { completionScript } from './completion-scripts.js'
import { EXIT } from './exit-codes.js'

/** Does the command. @returns the exit code. */
export function completionCommand({ operands, options }: CommandInvocation): number {
  const shell = shells.find((each) => each === operands[0]) ?? 'bash'
  const script = completionScript(shell)
  process.stdout.write(options.get('json') === true ? `${JSON.stringify({ shell, script })}\n` : script)
  return EXIT.done
}
