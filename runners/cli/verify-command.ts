/**
 * `millrace verify`: says which records were lost, repeated or invented between a source and a sink.
 */
import { type CommandInvocation, UsageError } from './command-line.js'
import { EXIT } from './exit-codes.js'
import { withToldErrors } from './told-errors.js'
import { batchesOf } from './verify-batches.js'
import { type Difference, type Example, type Verdict, verifyIds } from './verify-ids.js'
import { recordsOf } from './verify-records.js'

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
    const verdict = await verifyIds(
      recordsOf(source, id),
      recordsOf(sink, sinkId, await batchesOf(named('manifest'), named('checkpoint'))),
      options.get('allow-missing-tail') === true,
    )
    const isFine = [verdict.lost, verdict.repeated, verdict.unknown].every(({ count }) => count === 0)
    process.stdout.write(
      options.get('json') === true
        ? `${JSON.stringify({ fine: isFine, ...verdict }, undefined, 2)}\n`
        : textOf(verdict, isFine),
    )
    return isFine ? EXIT.done : EXIT.failed
  })
}

function textOf({ source, sink, lost, tail, repeated, unknown }: Verdict, isFine: boolean): string {
  const lines = [
    `source: ${source.records} records, ${source.ids} ids`,
    `sink:   ${sink.records} records, ${sink.ids} ids`,
    ...line('lost', lost),
    ...line('repeated', repeated),
    ...line('unknown to the source', unknown),
    ...(tail === 0
      ? []
      : [`· ${tail} ${tail === 1 ? 'id has' : 'ids have'} not come out yet, at the end of what went in`]),
    ...(isFine ? ['✔ Nothing is lost, nothing is repeated.'] : []),
  ]
  return `${lines.join('\n')}\n`
}

function line(what: string, { count, first }: Difference): readonly string[] {
  if (first === undefined) return []
  const { id, inSource, inSink, part, at } = first
  return [
    `✘ ${count} ${what}, first ${JSON.stringify(id)}: ${inSource} × in, ${inSink} × out, at ${part}:${at}${batchText(first)}`,
  ]
}

/** What comes out before and after a lost id tells where it was. */
function batchText({ batches = [], inSink }: Example): string {
  const [first, second] = batches
  if (first === undefined) return ''
  if (second === undefined) return `, batch ${first}`
  return inSink === 0 ? `, between batches ${first} and ${second}` : `, batches ${batches.join(', ')}`
}
