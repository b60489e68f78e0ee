/**
 * Stacks that show the author's files. Only the bundled module is mapped: the platform's own switch for source maps
 * would read and parse the map of every package that has one, before the first element flows.
 *
 * Law: a frame that no map covers stays as the engine wrote it.
 */
import { SourceMap, type SourceMapPayload } from 'node:module'
import { resolve } from 'node:path'
import type { ModuleText } from './module-text.js'
import type { Frame } from './step-of-call.js'

/** A place in a file of the author; line and column count from 1. */
export interface AuthorPosition {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** The way back from the bundled text of a module to the author's files. The map is read at the first question. */
export class AuthorMap {
  readonly #module: ModuleText
  #map: SourceMap | undefined

  constructor(module: ModuleText) {
    this.#module = module
  }

  /** Where a place of the bundle comes from; line and column count from 1. */
  position(line: number, column: number): AuthorPosition | undefined {
    this.#map ??= new SourceMap(JSON.parse(this.#module.map) as SourceMapPayload)
    const entry = this.#map.findEntry(line - 1, column - 1)
    if (!('originalSource' in entry) || entry.originalSource === undefined) return undefined
    if (/^millrace-\w+:/.test(entry.originalSource)) return undefined
    return {
      file: resolve(this.#module.folder, entry.originalSource),
      line: entry.originalLine + 1,
      column: entry.originalColumn + 1,
    }
  }

  /** Whether a script is the module. */
  isOf(scriptName: string | null | undefined): boolean {
    return scriptName === this.#module.sourceUrl
  }

  /** Rewrites places of the bundle in a text, such as the first line of a syntax error's stack. */
  inText(text: string): string {
    return text.replaceAll(/millrace:[^\s:()]+:(\d+)(?::(\d+))?/g, (place, line: string, column?: string) => {
      const found = this.position(Number(line), Number(column ?? 1))
      return found === undefined ? place : positionText(found)
    })
  }
}

/** `file:line:column`. */
export function positionText({ file, line, column }: AuthorPosition): string {
  return `${file}:${line}:${column}`
}

/** From now on, every stack made in this thread names the author's files. */
export function mapStacks(map: AuthorMap): void {
  Error.prepareStackTrace = (error, frames) => {
    const lines = frames.map((frame) => `\n    at ${frameText(frame, map)}`)
    return `${headline(error)}${lines.join('')}`
  }
}

/** How deep the author's functions may call one another, those of the console included, and still be seen. */
const FRAMES_DEEP = 24

/** The stack of whoever calls, innermost first, as places of the bundle. `ownFolder` is that of millrace's modules. */
export function framesOfCall(map: AuthorMap, ownFolder: string): Iterable<Frame> {
  const { prepareStackTrace, stackTraceLimit } = Error
  let frames: readonly NodeJS.CallSite[] = []
  Error.stackTraceLimit = FRAMES_DEEP
  Error.prepareStackTrace = (_, sites) => {
    frames = sites
    return ''
  }
  void new Error().stack
  Error.prepareStackTrace = prepareStackTrace
  Error.stackTraceLimit = stackTraceLimit
  return framesOf(frames, map, ownFolder)
}

/** The stack of an error that nobody has looked at yet, as {@link framesOfCall}; none where somebody has. */
export function framesOfError(error: unknown, map: AuthorMap, ownFolder: string): Iterable<Frame> {
  const { prepareStackTrace } = Error
  let frames: readonly NodeJS.CallSite[] = []
  Error.prepareStackTrace = (of, sites) => {
    frames = sites
    return prepareStackTrace?.(of, sites) as unknown
  }
  if (error instanceof Error) void error.stack
  Error.prepareStackTrace = prepareStackTrace
  return framesOf(frames, map, ownFolder)
}

/** One after another: few are looked at, and to find the line of one costs more than to take the stack. */
function* framesOf(sites: readonly NodeJS.CallSite[], map: AuthorMap, ownFolder: string): Iterable<Frame> {
  for (const site of sites) {
    const script = site.getScriptNameOrSourceURL()
    if (map.isOf(script))
      yield { isAuthors: true, isEngines: false, line: site.getLineNumber() ?? 0, column: site.getColumnNumber() ?? 0 }
    else if (site.isEval() || (script ?? '').includes(`${ownFolder}/`)) yield ENGINES
  }
}

const ENGINES: Frame = { isAuthors: false, isEngines: true, line: 0, column: 0 }

function frameText(frame: NodeJS.CallSite, map: AuthorMap): string {
  // The engine's own words, which the type does not promise.
  const text = (frame as { toString(): string }).toString()
  const line = frame.getLineNumber()
  const column = frame.getColumnNumber()
  if (line === null || column === null || !map.isOf(frame.getScriptNameOrSourceURL())) return text
  const position = map.position(line, column)
  if (position === undefined) return text
  const at = text.lastIndexOf('(')
  return at < 0 ? positionText(position) : `${text.slice(0, at)}(${positionText(position)})`
}

function headline(error: unknown): string {
  try {
    return String(error)
  } catch {
    return 'Error'
  }
}
