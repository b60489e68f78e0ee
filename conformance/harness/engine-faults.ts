/**
 * What is known to be broken on engines: cases by id, with what the engine did instead. It stands here rather than with the cases,
 * since one fault of an engine breaks many of them.
 *
 * Law: every entry was seen. One that starts to pass fails, as with `brokenOn`, unless it is chance.
 */
import type { KnownFault } from '../cases/case.js'

interface EngineFault {
  readonly runner: string
  readonly ids: readonly string[]
  readonly reason: string
  readonly isEndless?: boolean
  readonly isByChance?: boolean
}

const FAULTS: readonly EngineFault[] = [
  {
    runner: 'flink',
    ids: ['TRG-06/always', 'TRG-06/if-non-empty', 'TRG-41', 'ACC-03', 'PAS-04', 'OWE-04/not-late'],
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
    ids: ['TRG-51/every-element', 'TRG-54', 'TRG-55', 'ACC-01', 'ACC-02'],
    reason: 'elements of a script come one by one, each a bundle: counts are reached, and sessions answer, in between',
  },
  {
    runner: 'flink',
    ids: ['TRG-44/count'],
    reason: 'its hundred elements, each a bundle, take about the second after which the clock fires instead',
    isByChance: true,
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
    runner: 'flink',
    ids: [
      'SID-06',
      'SID-27/list-discarding',
      'SID-27/list-accumulating',
      'SID-27/singleton-accumulating',
      'SID-27/map',
      'SID-31',
      'SID-28',
      'WAI-02',
      'WAI-03',
      'WAI-03/sliding',
      'WAI-04',
    ],
    reason: 'the script of a side input goes on by itself: which of its panes an element sees is chance',
    isByChance: true,
  },
  {
    runner: 'flink',
    ids: ['STA-21', 'TMR-18', 'TMR-23', 'TMR-27', 'TMR-28'],
    reason:
      'no message tells the worker the watermark: the current time of a timer of event time is that of the element',
  },
  {
    runner: 'flink',
    ids: ['JOIN-04/too-late'],
    reason: 'no message tells the worker the watermark: a join does not know that an element is too late',
  },
  {
    runner: 'flink',
    ids: ['WMK-02'],
    reason: 'how far the time of a source has come is known behind it when its next bundle has ended, and not before',
  },
  {
    runner: 'flink',
    ids: ['FTO-15/ahead'],
    reason: 'timers of the clock wait for the clock of the engine, which nobody has set',
    isEndless: true,
  },
  {
    runner: 'flink',
    ids: ['SDF-28', 'SDF-29', 'SDF-30/bounded', 'SDF-30/unbounded', 'SDF-30/nothing', 'SDF-31'],
    reason: 'it cannot drain a job: sources are read on',
  },
  {
    runner: 'flink',
    ids: ['FTO-09'],
    reason: 'it cannot drain a job: sources are read on',
    isEndless: true,
  },
  {
    runner: 'flink',
    ids: ['WMK-16'],
    reason: 'watermarks are the engine’s, and no message tells them',
  },
  {
    runner: 'flink',
    ids: ['ACC-03/combine'],
    reason: 'where panes accumulate values are combined behind the grouping, and so once for each pane',
  },
  {
    runner: 'flink',
    ids: ['FTO-16'],
    reason: 'a timer that is set to a time that has passed fires when the watermark moves, and not before',
  },
  {
    runner: 'flink',
    ids: ['TMR-11'],
    reason: 'a timer that is set to a time that has passed fires when the watermark moves; which comes first is chance',
    isByChance: true,
  },
  {
    runner: 'flink',
    ids: ['LIB-07/forgotten'],
    reason:
      'elements and timers of a bundle come without saying which came first: a late element is taken to have come before a timer of a later time',
  },
  {
    runner: 'flink',
    ids: ['TST-05', 'TST-06'],
    reason: 'a script goes on while what stands behind it is at work',
    isByChance: true,
  },
  {
    runner: 'flink',
    ids: ['TMR-20'],
    reason:
      'a timer of the clock that sets itself anew when input has ended fires again and again, and its window does not expire',
    isEndless: true,
  },
  {
    runner: 'prism',
    ids: ['WMK-02'],
    reason: 'what it drops for its lateness it counts nowhere',
  },
  {
    runner: 'prism',
    ids: ['PDO-14'],
    reason: 'elements that go into a reshuffle are counted where they are written, and where they are read again',
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
