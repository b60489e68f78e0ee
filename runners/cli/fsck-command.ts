/**
 * `millrace fsck`: shows what is wrong with a checkpoint.
 */
import type { CommandInvocation } from './command-line.js'
import { EXIT } from './exit-codes.js'
import { fsck, type Report } from './fsck.js'
import { INVARIANTS, restartsFor } from './invariants.js'
import { withToldErrors } from './told-errors.js'

/** Invariants that a checkpoint shows, and those that only a run shows. */
const numbered = INVARIANTS.filter(({ name }) => name !== 'format')
const JUDGED = numbered.filter(({ restart }) => restart !== undefined).map(({ name }) => name)
const NOT_JUDGED = numbered.filter(({ restart }) => restart === undefined)

/** Does the command. @returns the exit code. */
export function fsckCommand({ operands, options }: CommandInvocation): Promise<number> {
  return withToldErrors(options, async () => {
    const report = await fsck(operands[0] as string)
    process.stdout.write(options.get('json') === true ? asJson(report) : asText(report))
    return report.faults.length === 0 ? EXIT.done : EXIT.failed
  })
}

function asJson({ place, query, batch, planned, faults }: Report): string {
  const report = {
    checkpoint: place,
    fine: faults.length === 0,
    query: query?.id ?? null,
    pipeline: query?.pipeline ?? null,
    batch,
    planned: planned ?? null,
    judged: JUDGED,
    notJudged: NOT_JUDGED.map(({ name }) => name),
    restart: restartsFor(faults),
    faults,
  }
  return `${JSON.stringify(report, undefined, 2)}\n`
}

function asText({ place, query, batch, planned, faults }: Report): string {
  const of = query === undefined ? '' : `: pipeline "${query.pipeline}", query ${query.id}, batch ${batch} committed`
  const next = planned === undefined ? '' : `, batch ${planned} planned`
  const lines = [
    `${place}${of}${next}`,
    ...faults.map(({ invariant, where, message }) => `✘ ${where} (${invariant}): ${message}`),
    faults.length === 0
      ? `✔ All is well: every checksum, and ${JUDGED.join(', ')}.`
      : `${faults.length === 1 ? 'One thing is' : `${faults.length} things are`} wrong. To start safely:`,
    ...restartsFor(faults).map((text) => `  ${text}.`),
    ...(faults.length === 0
      ? []
      : ['  Or begin anew: name another folder, and sources are read from their beginning.']),
    'A checkpoint does not show:',
    ...NOT_JUDGED.map(({ name, law, lanes }) => `  ${name}: ${law} (npm run proof -- ${lanes.join(', ')})`),
  ]
  return `${lines.join('\n')}\n`
}
