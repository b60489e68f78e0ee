/**
 * An error as people read it: what it says, the author's line, the frames that are the author's, what caused it, and its
 * code, which tells more. Frames of millrace and of Node say nothing to an author and are left out.
 */
import { relative } from 'node:path'
import { errorCode } from '../../sdk/error-codes.js'
import { errorKind, messageOf, type PipelineError, UserCodeError } from '../../sdk/errors.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { positionInStack, type SourcePosition } from '../../sdk/source-position.js'
import { formatTimestamp } from '../../sdk/timestamp.js'
import type { DeadLetterGroup } from '../runner.js'
import { codeLine } from './code-line.js'
import { type Excerpt, excerptLines, excerptOf } from './excerpt.js'
import type { DeadLetterReport, ErrorReport } from './protocol.js'

const FRAMES_MAX = 10
const CAUSES_MAX = 5
/** Groups of dead letters that people read; programs get them all. */
const GROUPS_SHOWN = 10
const MESSAGE_MAX = 200

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
    ...(depth > 0 ? {} : about(thrown, ownFolder)),
  }
}

/** What is known of an error beside its text: for people the code and the line, for programs each part by itself. */
function about(thrown: unknown, ownFolder: string): Partial<ErrorReport> {
  const code = errorCode(thrown)
  const step = (thrown as { readonly step?: string } | undefined)?.step
  const details = errorKind(thrown) === 'UserCodeError' ? (thrown as UserCodeError).details : undefined
  const excerpt = excerptOf(placeOf(thrown, ownFolder))
  return {
    ...(code === undefined ? {} : { code }),
    ...(code === undefined || typeof step !== 'string' ? {} : { step }),
    ...(details?.element === undefined ? {} : { element: details.element }),
    ...(details?.window === undefined ? {} : { window: details.window }),
    ...(details?.timestamp === undefined ? {} : { timestamp: formatTimestamp(details.timestamp) }),
    ...(excerpt === undefined ? {} : { excerpt }),
  }
}

/** Where the author should look: the line that threw, else the one that made the step. */
function placeOf(thrown: unknown, ownFolder: string): SourcePosition | undefined {
  const kind = errorKind(thrown)
  if (kind === 'PipelineError') return (thrown as PipelineError).source
  const origin = kind === 'UserCodeError' ? (thrown as UserCodeError).cause : thrown
  const stack = origin instanceof Error ? String(origin.stack ?? '') : ''
  const frames = authorFrames(stack, ownFolder).filter((frame) => !frame.includes('/node_modules/'))
  const details = kind === 'UserCodeError' ? (thrown as UserCodeError).details : undefined
  return positionInStack(frames.join('\n')) ?? details?.source
}

/** Groups of dead letters with the author's lines. */
export function deadLetterReports(groups: readonly DeadLetterGroup[]): readonly DeadLetterReport[] {
  return [...groups]
    .sort((a, b) => b.count - a.count)
    .map((group) => {
      const excerpt = excerptOf(placeIn(group.place) ?? placeIn(group.example.source))
      return excerpt === undefined ? group : { ...group, excerpt }
    })
}

function placeIn(text: string | undefined): Pick<Excerpt, 'file' | 'line' | 'column'> | undefined {
  const match = /^(.*):(\d+):(\d+)$/.exec(text ?? '')
  return match === null ? undefined : { file: match[1] ?? '', line: Number(match[2]), column: Number(match[3]) }
}

/** The lines of dead letters, the most frequent first: `12 × TypeError in "parse" at orders.ts:12:5, e.g. …`. */
export function deadLetterLines(groups: readonly DeadLetterReport[]): readonly string[] {
  const lines = groups.slice(0, GROUPS_SHOWN).flatMap(({ step, error, place, count, example, excerpt }) => {
    const at = placeIn(place)
    const where = at === undefined ? '' : ` at ${shortPath(at.file)}:${at.line}`
    const [message = ''] = example.message.split('\n')
    const shown = message.length > MESSAGE_MAX ? `${message.slice(0, MESSAGE_MAX)}…` : message
    const code = example.code === undefined ? '' : ` [${example.code}]`
    return [
      `  ${String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',')} × ${error} in "${step}"${where}, e.g. ${shown}${code}`,
      `    element: ${example.element}`,
      `    window: ${example.window}, timestamp: ${formatTimestamp(example.timestamp)}`,
      ...(excerpt === undefined ? [] : excerptLines(excerpt).map((line) => `    ${line}`)),
    ]
  })
  const more = groups.length - GROUPS_SHOWN
  return more > 0 ? [...lines, `  … and ${more} more kinds of dead letters`] : lines
}

function shortPath(file: string): string {
  const path = relative(process.cwd(), file)
  return path === '' || path.startsWith('..') ? file : path
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

/** The lines of a report: what happened, the author's line, and where to read more. */
export function reportLines(report: ErrorReport): readonly string[] {
  const { code, excerpt } = report
  return [
    ...textLines(report),
    ...(excerpt === undefined ? [] : excerptLines(excerpt)),
    ...(code === undefined ? [] : [codeLine(code)]),
  ]
}

function textLines({ name, message, frames, cause }: ErrorReport, isCause = false): readonly string[] {
  const isNamed = isCause || (name !== 'PipelineError' && name !== 'UserCodeError' && name !== 'UnsupportedFeature')
  const lines = [
    `${isNamed && name !== 'Error' ? `${name}: ` : ''}${message}`,
    ...frames.map((frame) => `    ${frame}`),
  ]
  if (cause === undefined) return lines
  const [first = '', ...more] = textLines(cause, true)
  // What user code threw is quoted in the message already; where it did so is not.
  if (message.includes(cause.message) && cause.frames.length > 0 && name === 'UserCodeError')
    return [...lines, `  ${cause.name} thrown`, ...more]
  if (message.includes(cause.message)) return lines
  return [...lines, `  caused by ${first}`, ...more.map((line) => `  ${line}`)]
}
