/**
 * `millrace state --pipeline`: what a checkpoint keeps, decoded by the pipeline that wrote it. One JSON object a line.
 *
 * Law: what is shown was decoded by the coders that wrote it, or by the form that lies with the checkpoint where the pipeline has changed.
 */
import { PipelineError } from '../../sdk/errors.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { suggestion } from '../../sdk/suggestion.js'
import { type BoundedWindow, globalWindow } from '../../sdk/windowing/window.js'
import { fuse } from '../core/fusion.js'
import { HostedEntries } from '../micro-batch/hosted-part.js'
import { type KeptRow, keptRows } from '../micro-batch/kept-rows.js'
import { storedGraph } from '../micro-batch/migration/adopt-graph.js'
import { type PartShape, PipelineParts } from '../micro-batch/migration/kept-shape.js'
import { systemEnv } from '../core/system-env.js'
import type { StateQuestion } from './protocol.js'
import { timeText } from './state-command.js'

/** Keys of a step that `ls` shows. */
const KEYS_SHOWN = 20

/** The answer, line by line. */
export async function stateAnswer(built: BuiltPipeline, question: StateQuestion): Promise<string> {
  const { parts, entries } = await read(question.place)
  const live = new Map(new PipelineParts(fuse(built)).all().map((part) => [part.shape.part, part]))
  const rowsOf = (shape: PartShape): readonly KeptRow[] => {
    const own = live.get(shape.part)
    const isSame = own !== undefined && JSON.stringify(own.shape) === JSON.stringify(shape)
    // Partitions on workers have side inputs in common: one of them says what all have.
    const hosts = entries.of(shape.part).slice(0, shape.keeps === 'side' ? 1 : undefined)
    return hosts.flatMap((host) => keptRows(host, shape, isSame ? { part: own, built } : undefined))
  }
  return question.what === 'ls' ? keysAnswer(parts, rowsOf) : rowsAnswer(parts, rowsOf, question)
}

async function read(place: string): Promise<{ readonly parts: readonly PartShape[]; readonly entries: HostedEntries }> {
  const { openSqliteStore } = await import('../micro-batch/store/sqlite-store.js')
  const store = await openSqliteStore(place, systemEnv())
  try {
    const query = await store.query()
    const parts = query === undefined ? undefined : storedGraph(query).kept?.parts
    if (query === undefined || parts === undefined)
      throw new PipelineError(
        'MR-6054',
        `${place} does not say what it keeps. Leave --pipeline out to see it as bytes.`,
      )
    const committed = await store.committed()
    const entries = new HostedEntries()
    for (let index = 0; committed !== undefined && index < query.partitions; index++)
      for await (const entry of store.partition(index).read(committed.batch)) entries.add(entry)
    return { parts, entries }
  } finally {
    await store.close()
  }
}

function keysAnswer(parts: readonly PartShape[], rowsOf: (shape: PartShape) => readonly KeptRow[]): string {
  const lines = parts.flatMap((shape) => {
    const rows = rowsOf(shape).filter(({ hasKey }) => hasKey)
    if (rows.length === 0) return []
    const keys = [...new Set(rows.map(({ key }) => JSON.stringify(shown(key))))]
    const line = {
      step: shape.path,
      keys: keys.length,
      first: keys.slice(0, KEYS_SHOWN).map((key) => JSON.parse(key) as unknown),
    }
    return [JSON.stringify(line)]
  })
  return lines.join('\n')
}

function rowsAnswer(
  parts: readonly PartShape[],
  rowsOf: (shape: PartShape) => readonly KeptRow[],
  { step, key, window, limit }: StateQuestion,
): string {
  const ofStep = parts.filter((part) => part.path === step || part.step === step)
  if (ofStep.length === 0) {
    const known = [...new Set(parts.map(({ path }) => path))]
    throw new PipelineError(
      'MR-6054',
      `the checkpoint keeps nothing of a step "${step}".${suggestion(step ?? '', known)}`,
    )
  }
  const rows = ofStep.map((shape) => [shape, rowsOf(shape)] as const)
  if (window !== undefined)
    checkWindow(
      window,
      rows.flatMap(([, of]) => of),
    )
  const all = rows.flatMap(([shape, of]) =>
    of
      .filter((row) => key === undefined || (row.hasKey && isKey(row.key, key)))
      .filter((row) => window === undefined || isWindow(row.window, window))
      .map((row) => rowJson(shape, row)),
  )
  const lines = all.slice(0, limit).map((row) => JSON.stringify(row))
  if (all.length > limit)
    process.stderr.write(
      `· ${all.length - limit} of ${all.length} rows are not shown. --limit ${all.length} shows all.\n`,
    )
  return lines.join('\n')
}

function rowJson({ path }: PartShape, { state, kind, key, hasKey, window, value }: KeptRow): unknown {
  return {
    step: path,
    state,
    kind,
    ...(hasKey ? { key: shown(key) } : {}),
    ...(window === undefined ? {} : { window: windowJson(window) }),
    value: shown(value),
  }
}

function windowJson(window: BoundedWindow): unknown {
  return window === globalWindow ? 'global' : { start: startText(window), end: timeText(window.maxTimestamp + 1) }
}

function startText(window: BoundedWindow): string {
  return 'start' in window ? timeText(window.start) : ''
}

function isKey(key: unknown, given: string): boolean {
  if (key === given) return true
  const text = JSON.stringify(shown(key))
  if (text === given) return true
  try {
    return JSON.stringify(JSON.parse(given)) === text
  } catch {
    return false
  }
}

/** @throws when it is no instant, and no text that a window there is shown with: then it could match nothing. */
function checkWindow(given: string, rows: readonly KeptRow[]): void {
  if (given === 'global' || !Number.isNaN(Date.parse(given))) return
  if (rows.some(({ window }) => isWindow(window, given))) return
  throw new PipelineError(
    'MR-7003',
    `--window is the time at which a window begins or ends, such as 2026-03-01T10:00:00Z, or global, and was given "${given}".`,
  )
}

/** By an instant at which it begins or ends. */
function isWindow(window: BoundedWindow | undefined, given: string): boolean {
  if (window === undefined) return false
  if (window === globalWindow) return given === 'global'
  const at = Date.parse(given)
  return [startText(window), timeText(window.maxTimestamp + 1)].some(
    (text) => text === given || Date.parse(text) === at,
  )
}

/** A value as JSON has it: what JSON has no form for is text, lists or pairs. */
export function shown(value: unknown): unknown {
  if (value === undefined) return null
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')
  if (value instanceof Map) return [...value].map(([key, held]) => [shown(key), shown(held)])
  if (Array.isArray(value) || value instanceof Set) return [...value].map(shown)
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, shown(held)]))
}
