/**
 * Where an author wrote a step. A pipeline is built once and fails much later, often on another machine, so every step
 * remembers the line that made it; the runtime stack of a failing call would only show the runner.
 *
 * Law: the position is the innermost stack frame that is not millrace's own code. Nothing but messages depends on it.
 */

/** A place in the author's code, as the JavaScript stack tells it (source maps applied where the platform does). */
export interface SourcePosition {
  readonly file: string
  readonly line: number
  readonly column: number
  /** `file:line:column`, ready for a message. */
  readonly text: string
}

/** Folder of the package when this file stands at `<package>/sdk/source-position.*`, else `undefined` (bundled). */
const packageRoot = /^(.*\/)sdk\/source-position\.[jt]s/.exec(import.meta.url)?.[1]
/** V8 cuts stacks at ten frames by default; deep composites need more. Other engines ignore the field. */
const platformError = Error as { stackTraceLimit?: number }
const ownFolders = ['sdk/', 'runners/', 'io/']

/** The author's line on the current stack; `undefined` where the platform gives no stack to read. */
export function callSite(): SourcePosition | undefined {
  const limit = platformError.stackTraceLimit
  platformError.stackTraceLimit = 50
  const stack = new Error().stack ?? ''
  if (limit === undefined) delete platformError.stackTraceLimit
  else platformError.stackTraceLimit = limit
  return positionInStack(stack)
}

/** The first frame of a stack that lies outside millrace itself. */
export function positionInStack(stack: string): SourcePosition | undefined {
  for (const line of stack.split('\n')) {
    const position = parseFrame(line)
    if (position !== undefined && !isOwnFrame(position.file)) return position
  }
  return undefined
}

function parseFrame(line: string): SourcePosition | undefined {
  const match = /(?:\(|@|at (?:async )?)((?:[a-z-]+:\/\/\/?|\/|[A-Za-z]:[\\/])[^()]*):(\d+):(\d+)\)?\s*$/.exec(line)
  if (match === null) return undefined
  const file = (match[1] as string).replace(/^file:\/\//, '')
  return {
    file,
    line: Number(match[2]),
    column: Number(match[3]),
    text: `${file}:${match[2]}:${match[3]}`,
  }
}

function isOwnFrame(file: string): boolean {
  if (file.startsWith('node:')) return true
  if (/\.test\.[cm]?[jt]sx?(\?|$)/.test(file)) return false
  if (packageRoot === undefined) return false
  const root = packageRoot.replace(/^file:\/\//, '')
  return file.startsWith(root) && ownFolders.some((folder) => file.startsWith(root + folder))
}
