/**
 * `millrace state`: what a checkpoint keeps. `ls` tells the parts and their sizes, `get` the entries of one step.
 *
 * Law: the checkpoint is not changed; what is shown is of one committed batch.
 */
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../sdk/time.js'
import { decodeCommitContent } from '../micro-batch/commit-content.js'
import type { CheckpointStore, CommitRecord, QueryRecord, StoredEntry } from '../micro-batch/store/checkpoint-store.js'
import { unhosted } from '../micro-batch/hosted-part.js'
import { type CheckpointCopy, viewOf } from './checkpoint-copy.js'
import { type CommandInvocation, UsageError } from './command-line.js'
import { EXIT } from './exit-codes.js'
import { withToldErrors } from './told-errors.js'

/** What stands for a step where something is of none: what the run itself keeps. */
export const OF_RUN = '-'

/** What a checkpoint holds. */
export interface Held {
  readonly store: CheckpointStore
  readonly query: QueryRecord
  readonly committed: CommitRecord | undefined
}

/** Does the command. @returns the exit code. */
export function stateCommand(invocation: CommandInvocation): Promise<number> {
  const { operands, options } = invocation
  const [what, place] = operands as readonly [string, string]
  const isGet = what === 'get'
  for (const name of ['step', 'key', 'window', 'limit']) {
    if (!isGet && options.has(name)) throw new UsageError('MR-7002', `--${name} belongs to millrace state get.`, '')
  }
  for (const name of ['key', 'window']) {
    if (options.has(name) && !options.has('pipeline'))
      throw new UsageError('MR-7002', `--${name} needs --pipeline: without it keys and windows are bytes.`, '')
  }
  if (isGet && !options.has('step'))
    throw new UsageError('MR-7003', 'millrace state get needs --step; millrace state ls lists the steps.', '')
  const isOfRun = isGet && options.get('step') === OF_RUN
  for (const name of ['key', 'window']) {
    if (isOfRun && options.has(name))
      throw new UsageError(
        'MR-7002',
        `--${name} belongs to a step, and what the run itself keeps (--step ${OF_RUN}) has none. Leave --${name} out.`,
        '',
      )
  }
  return withToldErrors(options, async () => {
    const view = await viewOf(place)
    const look = async (): Promise<number> => {
      const store = await view.open()
      try {
        const query = await store.query()
        if (query === undefined)
          throw new UsageError('MR-7024', `there is no checkpoint at ${place}: no query was begun in it.`, '')
        const held = { store, query, committed: await store.committed() }
        // What the run itself keeps is no part of its pipeline.
        const isDecoded = options.has('pipeline') && !isOfRun
        const isJson = options.get('json') === true || (isOfRun && options.has('pipeline'))
        if (!isGet && !(isDecoded && isJson)) await list(held, place, view.isLive, isJson)
        if (isDecoded) return await decoded(invocation, view)
        if (isGet) await (await import('./state-entries.js')).showEntries(held, options, isJson)
        return EXIT.done
      } finally {
        await store.close()
      }
    }
    try {
      return await view.looked(look)
    } finally {
      view.remove()
    }
  })
}

/** Has the pipeline say what its state is. */
async function decoded(invocation: CommandInvocation, view: CheckpointCopy): Promise<number> {
  const { operands, options } = invocation
  const textOf = (name: string): string | undefined => {
    const given = options.get(name)
    return typeof given === 'string' ? given : undefined
  }
  const { limitOf } = await import('./state-entries.js')
  const { pipelineCommand } = await import('./pipeline-command.js')
  const question = {
    kind: 'state',
    place: view.folder,
    what: operands[0] === 'get' ? 'get' : 'ls',
    step: textOf('step'),
    key: textOf('key'),
    window: textOf('window'),
    limit: limitOf(options.get('limit')),
  } as const
  const present = (answer: string): string => (answer === '' ? '' : `${answer}\n`)
  return pipelineCommand({ ...invocation, file: textOf('pipeline') }, present, question, (text) => view.shown(text))
}

/** All entries of the newest commit. */
export async function* entriesOf({ store, query, committed }: Held): AsyncGenerator<StoredEntry, void, undefined> {
  if (committed === undefined) return
  for (let partition = 0; partition < query.partitions; partition++)
    yield* store.partition(partition).read(committed.batch)
}

/** What a part is of, and what it keeps. The run's own parts are of no step. */
export function partNames(hosted: string): { readonly step: string | undefined; readonly keeps: string } {
  const [part] = unhosted(hosted)
  const [, step, keeps] = /^(.*) (inbox|state|cells|work|script|collected|gate|(?:side|inbox)\/.*)$/s.exec(part) ?? []
  return keeps === undefined ? { step: undefined, keeps: part } : { step, keeps }
}

interface Part {
  readonly step: string | undefined
  readonly keeps: string
  readonly entries: number
  /** Of ids and contents. */
  readonly bytes: number
}

async function partsOf(held: Held): Promise<readonly Part[]> {
  const sizes = new Map<string, { entries: number; bytes: number }>()
  for await (const { part: hosted, id, content } of entriesOf(held)) {
    const [part] = unhosted(hosted)
    let size = sizes.get(part)
    if (size === undefined) sizes.set(part, (size = { entries: 0, bytes: 0 }))
    size.entries++
    size.bytes += id.length + content.length
  }
  return [...sizes].map(([part, size]) => ({ ...partNames(part), ...size }))
}

async function list(held: Held, place: string, isLive: boolean, asJson: boolean): Promise<void> {
  const { store, query, committed } = held
  const parts = await partsOf(held)
  const planned = (await store.planned())?.batch ?? null
  const delivered = await store.deliveredUntil()
  const isPending = committed !== undefined && committed.deliveries.length > 0 && delivered < committed.batch
  const content = committed === undefined ? undefined : decodeCommitContent(committed.content)
  const watermarks = [...(content?.watermarks ?? [])]
  if (asJson) {
    const shown = {
      checkpoint: place,
      query: query.id,
      pipeline: query.pipeline,
      createdAt: iso(query.createdAt),
      partitions: query.partitions,
      batch: committed?.batch ?? 0,
      instant: committed === undefined ? null : iso(committed.instant),
      planned,
      live: isLive,
      pendingDeliveries: isPending,
      parts: parts.map(({ step, ...part }) => ({ step: step ?? null, ...part })),
      watermarks: Object.fromEntries(watermarks.map(([step, at]) => [step, timeText(at)])),
    }
    process.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`)
    return
  }
  const newest =
    committed === undefined
      ? 'nothing is committed yet'
      : `batch ${committed.batch}, of ${iso(committed.instant)} (${ageText(Date.now() - committed.instant)} ago)`
  const lines = [
    `pipeline "${query.pipeline}", query ${query.id}, begun ${iso(query.createdAt)}`,
    newest,
    ...(planned === null ? [] : [`batch ${planned} is planned: the next run does it first`]),
    ...(isPending ? [`what batch ${committed.batch} delivers has not been taken by its sinks yet`] : []),
    ...(isLive ? ['a run is writing it'] : []),
    '',
    'Kept (entries, bytes)',
    ...rows(parts.map(({ step, keeps, entries, bytes }) => [step ?? OF_RUN, keeps, String(entries), String(bytes)])),
    '',
    'Output watermarks',
    ...rows(watermarks.map(([step, at]) => [step, timeText(at)])),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

function rows(given: readonly (readonly string[])[]): readonly string[] {
  if (given.length === 0) return ['  none']
  const widths = (given[0] ?? []).map((_, at) => Math.max(...given.map((row) => (row[at] ?? '').length)))
  return given.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd())
}

function iso(millis: number): string {
  return Math.abs(millis) <= 8.64e15 ? new Date(millis).toISOString() : String(millis)
}

/** A time of events. */
export function timeText(millis: number): string {
  if (millis >= TIMESTAMP_MAX) return 'the end of time'
  return millis <= TIMESTAMP_MIN ? 'the beginning of time' : iso(millis)
}

function ageText(millis: number): string {
  const seconds = Math.max(0, Math.round(millis / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
}
