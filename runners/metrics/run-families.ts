/**
 * A run as metrics. One series per step and metric, so a pipeline of twenty steps has about three hundred; keys, windows,
 * elements and partitions are never labels.
 *
 * Law: times are seconds, sizes bytes; what only grows is a counter and ends in `_total`; what is not known is not there.
 */
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from '../../sdk/time.js'
import type { RunState, RunStatus, StepStatus } from '../run-status.js'
import type { SourceReading } from '../runner.js'
import type { Family, FamilyType, Labels, Sample } from './exposition.js'
import type { RunSnapshot } from './snapshot.js'
import type { ThreadReading } from './thread-reading.js'
import { userFamilies } from './user-families.js'

const STATES: readonly RunState[] = [
  'running',
  'paused',
  'draining',
  'stopping',
  'done',
  'drained',
  'stopped',
  'cancelled',
  'failed',
]

/** A metric of each step. */
interface StepRow {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly value: (step: StepStatus) => number | undefined
}

const STEP_ROWS: readonly StepRow[] = [
  {
    name: 'elements_in_total',
    type: 'counter',
    help: 'Elements that have come into the step.',
    value: ({ elementsIn }) => elementsIn,
  },
  {
    name: 'elements_out_total',
    type: 'counter',
    help: 'Elements that have left the step, to all its outputs.',
    value: ({ elementsOut }) => elementsOut,
  },
  {
    name: 'input_watermark_timestamp_seconds',
    type: 'gauge',
    help: 'No element with an earlier timestamp will come in. -Inf before anything is known, +Inf at the end.',
    value: ({ inputWatermark }) => watermarkSeconds(inputWatermark),
  },
  {
    name: 'output_watermark_timestamp_seconds',
    type: 'gauge',
    help: 'No element with an earlier timestamp will go out. -Inf before anything is known, +Inf at the end.',
    value: ({ outputWatermark }) => watermarkSeconds(outputWatermark),
  },
  {
    name: 'watermark_lag_seconds',
    type: 'gauge',
    help: 'Time of the run less the output watermark; absent while that stands at either end of time.',
    value: ({ lagMillis }) => (lagMillis === undefined ? undefined : lagMillis / 1000),
  },
  {
    name: 'state_keys',
    type: 'gauge',
    help: 'Pairs of key and window of which the step keeps something.',
    value: ({ stateKeys }) => stateKeys,
  },
  {
    name: 'windows',
    type: 'gauge',
    help: 'Windows of which the step keeps something.',
    value: ({ windows }) => windows,
  },
  {
    name: 'timers',
    type: 'gauge',
    help: 'Timers of user code that are set and have not fired.',
    value: ({ timers }) => timers,
  },
  {
    name: 'buffered_elements',
    type: 'gauge',
    help: "Elements that wait for the step's turn, or until they can be sorted by time.",
    value: ({ buffered }) => buffered,
  },
  {
    name: 'pushed_back_elements',
    type: 'gauge',
    help: 'Elements that wait for a side input.',
    value: ({ pushedBack }) => pushedBack,
  },
  {
    name: 'dropped_late_elements_total',
    type: 'counter',
    help: 'Elements dropped because they came too late for their window, or fell into none.',
    value: ({ droppedLate }) => droppedLate,
  },
  {
    name: 'dead_letters_total',
    type: 'counter',
    help: 'Elements whose call failed for good, under an error handler.',
    value: ({ deadLetters }) => deadLetters,
  },
  {
    name: 'retries_total',
    type: 'counter',
    help: 'Calls that were tried again.',
    value: ({ retries }) => retries,
  },
  {
    name: 'partitions',
    type: 'gauge',
    help: "Parts of a source's work; absent for steps that are no source.",
    value: ({ partitionCount }) => (partitionCount === 0 ? undefined : partitionCount),
  },
]

/** Everything about a run. `ageSeconds` is how long ago the snapshot was taken. */
export function runFamilies(snapshot: RunSnapshot, ageSeconds: number): readonly Family[] {
  const { status, user, system, thread } = snapshot
  const run: Labels = { pipeline: status.pipeline }
  const finalizers = system
    .filter(({ name }) => name === 'finalizerFailures')
    .map(({ step, value }) => ({ labels: { ...run, step }, value }))
  return [
    ...ofRun(status, ageSeconds),
    ...STEP_ROWS.map(({ name, type, help, value }) => ({
      name: `millrace_step_${name}`,
      type,
      help,
      samples: status.steps.flatMap((step) => sample({ ...run, step: step.step }, value(step))),
    })),
    family(
      'millrace_step_finalizer_failures_total',
      'counter',
      'Callbacks after a bundle that have thrown.',
      finalizers,
    ),
    ...ofBatches(status),
    ...ofSources(status.sources, run),
    ...userFamilies(user, run),
    ...ofProcess(thread),
    ...ofThread(thread),
  ]
}

function ofRun(status: RunStatus, ageSeconds: number): readonly Family[] {
  const labels: Labels = { pipeline: status.pipeline }
  const one = (value: number): readonly Sample[] => [{ labels, value }]
  return [
    family('millrace_run_info', 'gauge', 'The run, by its runner; always 1.', [
      { labels: { ...labels, runner: status.runner }, value: 1 },
    ]),
    family(
      'millrace_run_state',
      'gauge',
      '1 for the state that the run is in, 0 for the others.',
      STATES.map((state) => ({ labels: { ...labels, state }, value: state === status.state ? 1 : 0 })),
    ),
    family(
      'millrace_run_start_time_seconds',
      'gauge',
      "When the run began, in seconds since 1970, by the run's clock.",
      one(status.startedAt / 1000),
    ),
    family('millrace_run_duration_seconds', 'gauge', 'How long the run has lasted.', one(status.wallMillis / 1000)),
    family(
      'millrace_run_elements_total',
      'counter',
      'Elements over all collections: one counts again in each step that it passes.',
      one(status.elements),
    ),
    family(
      'millrace_run_watermark_timestamp_seconds',
      'gauge',
      'The smallest output watermark of all steps.',
      one(watermarkSeconds(status.watermark)),
    ),
    family(
      'millrace_run_oldest_call_seconds',
      'gauge',
      'How long the oldest asynchronous call of user code has been under way; 0 when there is none.',
      one((status.oldestCall?.millis ?? 0) / 1000),
    ),
    family(
      'millrace_run_status_age_seconds',
      'gauge',
      "How old these numbers are. It grows while the pipeline's thread does not answer.",
      one(ageSeconds),
    ),
  ]
}

/** None where the runner has no batches. */
function ofBatches({ batches, pipeline }: RunStatus): readonly Family[] {
  if (batches === undefined) return []
  const { committed, intervalMillis, last, elementsMax } = batches
  const spent = (phase: string, millis: number): Sample => ({ labels: { pipeline, phase }, value: millis / 1000 })
  const times =
    last === undefined
      ? []
      : [spent('read', last.readMillis), spent('close', last.closeMillis), spent('commit', last.commitMillis)]
  return [
    family('millrace_batches_committed_total', 'counter', 'Batches that are committed, over all runs of the query.', [
      { labels: { pipeline }, value: committed },
    ]),
    family('millrace_batch_interval_seconds', 'gauge', 'How long a batch is to last.', [
      { labels: { pipeline }, value: intervalMillis / 1000 },
    ]),
    family('millrace_batch_seconds', 'gauge', 'Where the time of the newest batch has gone.', times),
    family(
      'millrace_batch_elements_max',
      'gauge',
      'Elements that a batch reads at most because earlier ones took too long; absent while none did.',
      sample({ pipeline }, elementsMax),
    ),
    family(
      'millrace_batch_latency_seconds',
      'gauge',
      'Of the newest batch: from arrival to commit, from event time to commit, and from event time to arrival (skew).',
      (['arrival', 'event', 'skew'] as const).flatMap((from) => {
        const span = last?.latency[from]
        if (span === undefined) return []
        const of = (quantile: string, millis: number): Sample => ({ labels: { pipeline, from, quantile }, value: millis / 1000 }) // prettier-ignore
        return [of('0.5', span.p50Millis), of('0.99', span.p99Millis), of('1', span.maxMillis)]
      }),
    ),
    family(
      'millrace_shed_share',
      'gauge',
      'Share of its elements that a step drops because of load.',
      batches.shedding.map(({ step, share }) => ({ labels: { pipeline, step }, value: share })),
    ),
    family(
      'millrace_queue_elements',
      'gauge',
      'Elements that a source which cannot wait has given and no batch has taken yet.',
      batches.queues.map(({ step, elements }) => ({ labels: { pipeline, step }, value: elements })),
    ),
    family(
      'millrace_queue_bytes',
      'gauge',
      'Encoded bytes of those elements, in memory and on the disk.',
      batches.queues.flatMap(({ step, bytes, spilledBytes }) => [
        { labels: { pipeline, step, place: 'memory' }, value: bytes - spilledBytes },
        { labels: { pipeline, step, place: 'disk' }, value: spilledBytes },
      ]),
    ),
    family(
      'millrace_batch_elements',
      'gauge',
      'Elements that sources have read in the newest batch.',
      sample({ pipeline }, last?.elements),
    ),
    family(
      'millrace_batch_delay_seconds',
      'gauge',
      'How much later the newest batch began than it was due.',
      sample({ pipeline }, seconds(last?.delayMillis)),
    ),
  ]
}

function ofSources(sources: readonly SourceReading[], run: Labels): readonly Family[] {
  const of = (value: (source: SourceReading) => number | undefined): readonly Sample[] =>
    sources.flatMap((source) => sample({ ...run, step: source.step }, value(source)))
  return [
    family(
      'millrace_source_backlog',
      'gauge',
      'Work that is left, in units of the source; absent when there is no end to it.',
      of(({ backlog }) => backlog),
    ),
    family(
      'millrace_source_skew_seconds',
      'gauge',
      'Time of arrival less event time of the newest element of the bundle read last.',
      of(({ skewMillis }) => seconds(skewMillis)),
    ),
    family(
      'millrace_source_skew_max_seconds',
      'gauge',
      'The largest skew so far.',
      of(({ skewMillisMax }) => seconds(skewMillisMax)),
    ),
  ]
}

/** The process, by the names that every client of Prometheus gives it. */
function ofProcess(thread: ThreadReading): readonly Family[] {
  const one = (value: number): readonly Sample[] => [{ labels: {}, value }]
  return [
    family('process_cpu_seconds_total', 'counter', 'CPU time of the process.', one(thread.cpuSeconds)),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory of the process.', one(thread.residentBytes)),
    family(
      'process_start_time_seconds',
      'gauge',
      'When the process began, in seconds since 1970.',
      one(thread.processStartedAt),
    ),
  ]
}

function ofThread(thread: ThreadReading): readonly Family[] {
  const one = (value: number): readonly Sample[] => [{ labels: {}, value }]
  return [
    family('millrace_heap_used_bytes', 'gauge', "Heap in use, of the pipeline's thread.", one(thread.heapUsedBytes)),
    family(
      'millrace_heap_total_bytes',
      'gauge',
      "Heap reserved, of the pipeline's thread.",
      one(thread.heapTotalBytes),
    ),
    family('millrace_external_memory_bytes', 'gauge', 'Buffers outside of the heap.', one(thread.externalBytes)),
    family('millrace_event_loop_delay_seconds', 'summary', "Delays of the event loop of the pipeline's thread.", [
      { suffix: '_sum', labels: {}, value: thread.delaySecondsSum },
      { suffix: '_count', labels: {}, value: thread.delays },
    ]),
    family(
      'millrace_event_loop_delay_max_seconds',
      'gauge',
      'The largest delay of the last minute.',
      one(thread.delaySecondsMax),
    ),
    family(
      'millrace_event_loop_utilization_ratio',
      'gauge',
      "Share of the time in which the event loop of the pipeline's thread was busy.",
      one(thread.utilization),
    ),
  ]
}

/** Shorter than an object, where there are many. */
function family(name: string, type: FamilyType, help: string, samples: readonly Sample[]): Family {
  return { name, type, help, samples }
}

function sample(labels: Labels, value: number | undefined): readonly Sample[] {
  return value === undefined ? [] : [{ labels, value }]
}

function seconds(millis: number | undefined): number | undefined {
  return millis === undefined ? undefined : millis / 1000
}

function watermarkSeconds(watermark: number): number {
  if (watermark <= TIMESTAMP_MIN) return Number.NEGATIVE_INFINITY
  return watermark >= TIMESTAMP_MAX ? Number.POSITIVE_INFINITY : watermark / 1000
}
