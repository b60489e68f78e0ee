/**
 * Reads what an engine has counted of a job, by Beam's message of it.
 */
import { fromBinary } from '@bufbuild/protobuf'
import type { EngineCounts } from './job-metrics.js'
import { MetricResultsSchema } from './proto/generated/beam/job_management_pb.js'
import { countsOf } from './translation/monitoring.js'

/** What is committed, where the engine tells it apart, else what was attempted. @param bytes of a MetricResults. */
export function engineCounts(bytes: Uint8Array): EngineCounts {
  const { attempted, committed } = fromBinary(MetricResultsSchema, bytes)
  return countsOf(committed.length > 0 ? committed : attempted)
}
