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

const workerNeeded =
  'it is about messages between an engine and a worker, and a case is a pipeline; conformance/worker is where those are tried'
const runnerNeeded = 'it is about several processes, and the runners of this version have one each'

const nothingKept = 'a case is one run; what a checkpoint keeps for the next one is tested in runners/micro-batch'

/** The rows. Sorted by area; a new area goes to the end. */
export const leftOutRows: readonly LeftOutRow[] = [
  {
    id: 'SAF-16/names',
    reason: 'the harness asks every runner that lacks a feature to refuse; which others have it, one runner cannot say',
  },
  { id: 'WMK-16/holder', reason: 'what holds a watermark is not told while a pipeline runs, only where it stands' },
  { id: 'GBK-15/spill', reason: 'values of a key stay in memory: spilling to disk is not built' },
  { id: 'RSH-08', reason: runnerNeeded },
  { id: 'RSH-10', reason: 'a reshuffle that may repeat elements is not built: each passes once' },
  { id: 'MET-05/trie', reason: 'bounded tries are not built; a set of strings is' },
  { id: 'MET-07', reason: 'the metrics of a result are those of kept bundles, and the only runner has them' },
  { id: 'MET-08/functions', reason: 'combiners and window functions declare no metrics; DoFns and sources do' },
  {
    id: 'MET-10',
    reason: 'cases see the results of runs, and not runs under way; a test of the direct runner asks it',
  },
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
  { id: 'ERR-05', reason: 'of a promise that nobody waits for no step is known; the platform ends the process' },
  { id: 'ERR-07', reason: 'a handler takes every error of its step; handlers by type are not built' },
  { id: 'ERR-11', reason: 'sources and sinks have no handler of their own; the step that decodes has one' },
  {
    id: 'ERR-14',
    reason: 'a time limit for one call ends the run (callTimeoutMillis); one that makes letters is not built',
  },
  {
    id: 'ERR-16/cancel',
    reason: 'cases see the results of runs, and not runs under way; tests of the direct runner ask it',
  },
  { id: 'ERR-17', reason: runnerNeeded },
  { id: 'STA-11', reason: workerNeeded },
  { id: 'STA-31', reason: workerNeeded },
  { id: 'STA-35', reason: nothingKept },
  { id: 'STA-36/cache', reason: 'there is no cache of state that could lose anything: state is where it is used' },
  {
    id: 'TMR-33/bundle',
    reason: 'a bundle of timers that fails ends the run here: there is no second attempt to look at',
  },
  { id: 'TMR-34', reason: nothingKept },
  { id: 'OWE-05/bundle', reason: 'a failure of last words ends the run here: there is no second attempt to look at' },
  { id: 'BND-03/time', reason: 'no source of the package that cases are written against ends by time' },
  { id: 'FTO-02', reason: runnerNeeded },
  { id: 'FTO-03', reason: nothingKept },
  { id: 'FTO-04', reason: nothingKept },
  { id: 'FTO-05', reason: 'a case has no crash; batches that are done again are tested in runners/micro-batch' },
  { id: 'FTO-06', reason: 'every case is that: the micro-batch runner runs them with batches of 1, of 7 and of all' },
  {
    id: 'FTO-07',
    reason: 'elements are not told apart by an id of their source: deduplication within a horizon is not built',
  },
  { id: 'FTO-08', reason: runnerNeeded },
  { id: 'FTO-11', reason: nothingKept },
  { id: 'FTO-16/memory', reason: 'how much state is held is not told to a case; last words and dropped elements are' },
  { id: 'TRG-05/twice', reason: 'nothing that a pipeline can do makes a runner deliver one timer twice' },
  { id: 'TRG-24', reason: 'no event of a script moves both clocks; TRG-25 is about one after the other' },
  {
    id: 'TRG-45/inspection',
    reason: 'what a runner has left behind cannot be asked through the model; a runner tests it by itself',
  },
  { id: 'SDF-13', reason: workerNeeded },
  { id: 'SDF-14', reason: workerNeeded },
  { id: 'COD-09', reason: workerNeeded },
  { id: 'COD-26', reason: `${workerNeeded}; bytes of Beam Java are read and written by sdk/coders/oracle.test.ts` },
  { id: 'COD-27/opaque', reason: workerNeeded },
  { id: 'COD-28', reason: 'coders are not inferred: a codec is given, and the compiler refuses one of another type' },
  { id: 'COD-29', reason: workerNeeded },
  { id: 'TST-12', reason: 'transcripts that must fail stand with the harness, in harness/wrong-cases.ts' },
  { id: 'TST-15', reason: 'random pipelines are run against an interpreter of the model by npm run proof' },
  { id: 'LIB-11', reason: 'batches whose size adapts to how long they take are not built' },
  { id: 'LIB-14', reason: 'watching something grow is not built; readFrom polls a source' },
  { id: 'LIB-16', reason: 'cases touch no files: io/text has tests of each of these on real ones' },
  { id: 'LIB-17', reason: 'cases touch no files: io/text has tests of what an interrupted run leaves' },
  { id: 'LIB-18', reason: 'there is no connector to Kafka' },
  { id: 'LIB-19', reason: 'CSV, Avro and Parquet are not built; JSON is SCH-11' },
  { id: 'LIB-20', reason: 'there is no connector to databases' },
]
