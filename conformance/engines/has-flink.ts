/**
 * Whether pipelines can be tried on Flink here.
 */
import { findFlink, findJava } from '../../runners/distributed/node/flink.js'

/** Whether Flink can be started. */
export function isFlinkInstalled(): boolean {
  return findFlink() !== undefined && findJava() !== undefined
}

/** Whether tests try it: not where they are told to leave it out. */
export function isFlinkTried(): boolean {
  return isFlinkInstalled() && process.env['MILLRACE_WITHOUT_FLINK'] === undefined
}
