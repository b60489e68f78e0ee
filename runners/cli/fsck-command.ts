/**
 * `millrace fsck`: shows what is wrong with a checkpoint.
 */
import type { CommandInvocation } from './command-line.js'
import { EXIT } from './exit-codes.js'
import { fsck, type Report } from './fsck.js'
import { withToldErrors } from './told-errors.js'

/** Invariants that a checkpoint shows, and those that only a run shows. */
const JUDGED = ['I1', 'I2', 'I3', 'I5', 'I7'] as const
const NOT_JUDGED = ['I4', 'I6', 'I8', 'I9'] as const

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
    notJudged: NOT_JUDGED,
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
      : `${faults.length === 1 ? 'One thing is' : `${faults.length} things are`} wrong. Put back a copy of the whole folder or a savepoint, or begin anew in another folder.`,
    `A checkpoint does not show ${NOT_JUDGED.join(', ')}: these are about what a run does.`,
  ]
  return `${lines.join('\n')}\n`
}
