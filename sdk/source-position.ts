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

/**
 * Folder of the package when this file stands at `<package>/sdk/source-position.*` or `<package>/dist/sdk/…`, else
 * `undefined` (bundled). With source maps on, compiled code says that it stands in `<package>/sdk`.
 */
const packageRoot = /^(.*?\/)(?:dist\/)?sdk\/source-position\.[jt]s/.exec(import.meta.url)?.[1]
/**
 * Innermost frames to keep: those of millrace's own code between an author's line and here, with room to spare. V8 keeps
 * ten by default; other engines ignore the field.
 */
const DEPTH = 24
const platformError = Error as { stackTraceLimit?: number }
const ownFolders = ['sdk/', 'runners/', 'io/', 'dist/sdk/', 'dist/runners/', 'dist/io/']

/**
 * The author's line on the current stack; `undefined` where the platform gives no stack to read.
 *
 * The stack is taken now and read when somebody asks: most pipelines never fail, and to write a stack out costs more
 * than to build a step.
 */
export function callSite(): SourcePosition | undefined {
  const limit = platformError.stackTraceLimit
  platformError.stackTraceLimit = DEPTH
  const taken = new Error()
  if (limit === undefined) delete platformError.stackTraceLimit
  else platformError.stackTraceLimit = limit
  return 'stack' in taken ? new CallSite(taken) : undefined
}

/** A position as a plain object, for errors, which people look into and programs copy. */
export function plainPosition(position: SourcePosition | undefined): SourcePosition | undefined {
  if (position === undefined) return undefined
  const { file, line, column, text } = position
  return { file, line, column, text }
}

/** A message followed by the author's line, when it is known. */
export function withSource(message: string, source: SourcePosition | undefined): string {
  return source === undefined ? message : `${message}\n  at ${source.text}`
}

class CallSite implements SourcePosition {
  #taken: Error | undefined
  #position: SourcePosition | undefined

  constructor(taken: Error) {
    this.#taken = taken
  }

  get file(): string {
    return this.#read().file
  }

  get line(): number {
    return this.#read().line
  }

  get column(): number {
    return this.#read().column
  }

  get text(): string {
    return this.#read().text
  }

  #read(): SourcePosition {
    this.#position ??= positionInStack(this.#taken?.stack ?? '') ?? NOWHERE
    // The stack holds on to the functions on it.
    this.#taken = undefined
    return this.#position
  }
}

const NOWHERE: SourcePosition = { file: 'unknown', line: 0, column: 0, text: 'an unknown place' }

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
  if (/\/fixtures\/|\.test\.[cm]?[jt]sx?(\?|$)/.test(file)) return false
  if (packageRoot === undefined) return false
  const root = packageRoot.replace(/^file:\/\//, '')
  return file.startsWith(root) && ownFolders.some((folder) => file.startsWith(root + folder))
}
