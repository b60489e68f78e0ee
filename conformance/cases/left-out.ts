/**
 * Rows of the catalogue that no case speaks of, and why. The published matrix shows them, so that nobody takes what was
 * not asked for what was answered.
 *
 * Law: a row is here or has a case, never both.
 */

/** A row without a case. */
export interface LeftOutRow {
  /** The catalogue's id; with a suffix where only one of the row's statements is left out. */
  readonly id: string
  /** What is missing: a feature that nobody has built, a runner, or a way to ask. */
  readonly reason: string
}

const runnerNeeded = 'it is about several processes, and the only runner of this version has one'

/** The rows. Sorted by area; a new area goes to the end. */
export const leftOutRows: readonly LeftOutRow[] = [
  { id: 'GBK-15/spill', reason: 'values of a key stay in memory: spilling to disk is not built' },
  { id: 'MET-05/trie', reason: 'bounded tries are not built; a set of strings is' },
  { id: 'MET-12', reason: 'bytes are not sampled: between steps of one stage nothing is ever encoded' },
  { id: 'MET-13', reason: 'calls are not timed one by one: reading a clock twice would cost more than most of them' },
  { id: 'MET-16', reason: 'histograms are not built; quantiles is a combiner' },
  { id: 'MET-18', reason: 'exporters are not built; the result of a run has every metric' },
  { id: 'MET-19', reason: 'lineage is not built; the sources report what they have read' },
  { id: 'DSP-01', reason: 'display data is not built' },
  { id: 'DSP-02', reason: 'display data is not built' },
  { id: 'DSP-03', reason: 'display data is not built' },
  { id: 'DSP-04', reason: 'display data is not built' },
  { id: 'DSP-05', reason: 'annotations are not built' },
  { id: 'DSP-06', reason: 'resource hints are not built: the only runner has one environment' },
  { id: 'DSP-07', reason: 'resource hints are not built: the only runner has one environment' },
  { id: 'CMB-18/inside', reason: 'combiners read no side inputs; they are refused by name, and the step before reads' },
  { id: 'SID-08', reason: 'views stay in memory: spilling to disk is not built' },
  { id: 'SID-39', reason: 'it is about the Fn API, which no runner of this version speaks' },
  { id: 'ERR-17', reason: runnerNeeded },
  { id: 'TRG-05/twice', reason: 'nothing that a pipeline can do makes a runner deliver one timer twice' },
  { id: 'TRG-24', reason: 'no event of a script moves both clocks; TRG-25 is about one after the other' },
  {
    id: 'TRG-45/inspection',
    reason: 'what a runner has left behind cannot be asked through the model; a runner tests it by itself',
  },
]
