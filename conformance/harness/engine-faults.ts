/**
 * What is known to be broken on engines: cases by id, with what the engine did instead. It stands here rather than with the cases,
 * since one fault of an engine breaks many of them.
 *
 * Law: every entry was seen. One that starts to pass fails, as with `brokenOn`.
 */
import type { KnownFault } from '../cases/case.js'

interface EngineFault {
  readonly runner: string
  readonly ids: readonly string[]
  readonly reason: string
}

const FAULTS: readonly EngineFault[] = [
  {
    runner: 'flink',
    ids: ['TRG-06/always', 'TRG-06/if-non-empty', 'TRG-41', 'ACC-03'],
    reason: 'beside the panes of a window an empty one comes that is first, last and on time',
  },
  {
    runner: 'flink',
    ids: ['PAN-04/other-keys', 'PAN-07/discarding', 'PAN-07/accumulating', 'TRG-58/discarding', 'TRG-58/accumulating'],
    reason:
      'a first pane behind the end of its window says that it is on time: the watermark of the output is not there yet',
  },
  {
    runner: 'flink',
    ids: ['TRG-44/count', 'TRG-51/every-element', 'TRG-54', 'TRG-55', 'ACC-01', 'ACC-02'],
    reason: 'elements of a script come one by one, each a bundle: counts are reached, and sessions answer, in between',
  },
  {
    runner: 'flink',
    ids: ['WMK-13'],
    reason:
      'a lateness that reaches beyond the end of time drops what comes after it, where the global window should end it',
  },
  {
    runner: 'flink',
    ids: ['PAN-09'],
    reason:
      'the job is refused: "PCollectionNodes … were consumed but never produced", of an output that two steps read',
  },
  {
    runner: 'flink',
    ids: ['PRT-06'],
    reason: 'groups of a batch say nothing of their panes',
  },
  {
    runner: 'flink',
    ids: ['TSC-10/earliest', 'TSC-10/latest'],
    reason: 'it knows the windows of authors by their ends, and not that they shift timestamps',
  },
  {
    runner: 'flink',
    ids: ['TST-07'],
    reason: 'scripts are played each by itself',
  },
  {
    runner: 'prism',
    ids: ['SDF-28', 'SDF-29', 'SDF-30/bounded', 'SDF-30/unbounded', 'SDF-30/nothing', 'SDF-31'],
    reason: 'it cannot drain a job: sources are read on',
  },
]

/** The known fault of a case on a runner. */
export function engineFault(id: string, runner: string): KnownFault | undefined {
  return FAULTS.find((each) => each.runner === runner && each.ids.includes(id))
}
