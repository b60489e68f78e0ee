/**
 * An error as people read it: what it says, the frames that are the author's, and what caused it. Frames of millrace
 * and of Node say nothing to an author and are left out.
 */
import { errorKind, messageOf, type PipelineError, UserCodeError } from '../../sdk/errors.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import type { ErrorReport } from './protocol.js'

const FRAMES_MAX = 10
const CAUSES_MAX = 5

/** The report of anything that was thrown. `ownFolder` is the folder of millrace's compiled modules. */
export function reportOf(thrown: unknown, ownFolder: string, depth = 0): ErrorReport {
  const isError = thrown instanceof Error || errorKind(thrown) !== undefined
  const error = thrown as Partial<Error>
  const cause = isError && error.cause !== undefined && depth < CAUSES_MAX ? error.cause : undefined
  return {
    name: isError ? String(error.name) : typeof thrown,
    message: messageOf(thrown),
    // What such an error would show is where it was made: inside the runner.
    frames: isError && !saysWhere(thrown) ? authorFrames(String(error.stack ?? ''), ownFolder) : [],
    ...(cause === undefined ? {} : { cause: reportOf(cause, ownFolder, depth + 1) }),
  }
}

/** An error that says itself where it belongs, or belongs nowhere. */
function saysWhere(thrown: unknown): boolean {
  const kind = errorKind(thrown)
  if (kind === 'PipelineError') return (thrown as PipelineError).source !== undefined
  return kind === 'UserCodeError' || kind === 'UnsupportedFeature'
}

function authorFrames(stack: string, ownFolder: string): readonly string[] {
  return stack
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at ') && !isInner(line, ownFolder))
    .slice(0, FRAMES_MAX)
}

function isInner(frame: string, ownFolder: string): boolean {
  return (
    frame.includes('node:') ||
    frame.includes(`${ownFolder}/`) ||
    frame.includes('(<anonymous>)') ||
    // A generated stage.
    frame.includes('eval at ')
  )
}

/** An error of a call names its step; the line where that was written stands in the graph. */
export function withStepSource(thrown: unknown, built: BuiltPipeline | undefined): unknown {
  if (built === undefined || errorKind(thrown) !== 'UserCodeError') return thrown
  const { details } = thrown as UserCodeError
  if (details === undefined || details.source !== undefined) return thrown
  const source = built.graph.components.transforms.get(details.step)?.source
  return source === undefined ? thrown : new UserCodeError({ ...details, source })
}

/** The lines of a report. */
export function reportLines({ name, message, frames, cause }: ErrorReport, isCause = false): readonly string[] {
  const isNamed = isCause || (name !== 'PipelineError' && name !== 'UserCodeError' && name !== 'UnsupportedFeature')
  const lines = [
    `${isNamed && name !== 'Error' ? `${name}: ` : ''}${message}`,
    ...frames.map((frame) => `    ${frame}`),
  ]
  if (cause === undefined) return lines
  const [first = '', ...more] = reportLines(cause, true)
  // What user code threw is quoted in the message already; where it did so is not.
  if (message.includes(cause.message) && cause.frames.length > 0 && name === 'UserCodeError')
    return [...lines, `  ${cause.name} thrown`, ...more]
  if (message.includes(cause.message)) return lines
  return [...lines, `  caused by ${first}`, ...more.map((line) => `  ${line}`)]
}
