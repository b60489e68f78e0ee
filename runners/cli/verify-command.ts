/**
 * `millrace verify`: says which records were lost, repeated or invented between a source and a sink.
 */
import { type CommandInvocation, UsageError } from './command-line.js'
import { EXIT } from './exit-codes.js'
import { withToldErrors } from './told-errors.js'
import { type BatchesOf, batchesOf } from './verify-batches.js'
import { type Difference, type Example, type Verdict, verifyIds } from './verify-ids.js'
import { holdsOnce, recordsOf } from './verify-records.js'

/** Does the command. @returns the exit code. */
export function verifyCommand({ options }: CommandInvocation): Promise<number> {
  const given = (name: string): string => {
    const value = options.get(name)
    if (typeof value === 'string') return value
    throw new UsageError('MR-7003', `millrace verify needs --source, --sink and --id; --${name} is missing.`, '')
  }
  const [source, sink, id] = [given('source'), given('sink'), given('id')]
  const sinkId = options.has('sink-id') ? given('sink-id') : id
  return withToldErrors(options, async () => {
    const named = (name: string): string | undefined => (options.has(name) ? given(name) : undefined)
    const batches = await batchesOf(named('manifest'), named('checkpoint'))
    const without: Without = { count: 0, first: undefined }
    const withoutId = (message: string): void => {
      without.count++
      without.first ??= message
    }
    const verdict = await verifyIds(recordsOf(source, id), recordsOf(sink, sinkId, { batches, withoutId }), {
      tailMayMiss: options.get('allow-missing-tail') === true,
      isOnceInSink: await holdsOnce(sink, sinkId),
    })
    // Not one has it: it is another field that was meant.
    if (without.first !== undefined && verdict.sink.records === 0) throw new UsageError('MR-7028', without.first, '')
    const isFine = [verdict.lost, verdict.repeated, verdict.unknown, without].every(({ count }) => count === 0)
    const { by, unknown } = batches
    const told = { fine: isFine, ...verdict, withoutId: without, batchesBy: by, batchesUnknown: unknown }
    process.stdout.write(
      options.get('json') === true
        ? `${JSON.stringify(told, undefined, 2)}\n`
        : textOf(verdict, without, batches, isFine),
    )
    return isFine ? EXIT.done : EXIT.failed
  })
}

/** Records of the sink that have no id. */
interface Without {
  count: number
  /** What is said of the first. */
  first: string | undefined
}

function textOf(
  { source, sink, lost, tail, repeated, unknown }: Verdict,
  without: Without,
  batches: BatchesOf,
  isFine: boolean,
): string {
  const differs = [lost, repeated, unknown].some(({ count }) => count > 0)
  const lines = [
    `source: ${source.records} records, ${source.ids} ids`,
    `sink:   ${sink.records} records, ${sink.ids} ids`,
    ...line('lost', lost, batches),
    ...line('repeated', repeated, batches),
    ...line('unknown to the source', unknown, batches),
    ...(without.first === undefined ? [] : [`✘ ${without.count} without an id in the sink, first: ${without.first}`]),
    ...(batches.unknown === undefined || !differs ? [] : [`· the batch is not known: ${batches.unknown}`]),
    ...(tail === 0
      ? []
      : [`· ${tail} ${tail === 1 ? 'id has' : 'ids have'} not come out yet, at the end of what went in`]),
    ...(isFine ? ['✔ Nothing is lost, nothing is repeated.'] : []),
  ]
  return `${lines.join('\n')}\n`
}

function line(what: string, { count, first }: Difference, batches: BatchesOf): readonly string[] {
  if (first === undefined) return []
  const { id, inSource, inSink, part, at } = first
  return [
    `✘ ${count} ${what}, first ${JSON.stringify(id)}: ${inSource} × in, ${inSink} × out, at ${part}:${at}${batchText(first, batches)}`,
  ]
}

/** What comes out before and after a lost id tells where it was. */
function batchText({ batches = [], inSink }: Example, { by }: BatchesOf): string {
  const [first, second] = batches
  if (first === undefined) return ''
  const [about, why] = by === 'time' ? ['about ', ', by time'] : ['', '']
  if (second === undefined) return `, ${about}batch ${first}${why}`
  if (inSink === 0) return `, ${about}between batches ${first} and ${second}${why}`
  return `, ${about}batches ${batches.join(', ')}${why}`
}
