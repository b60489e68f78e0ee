/**
 * Jobs of a cluster of Flink, asked by its REST service. Beam's job server calls a job cancelled and does not tell Flink (seen with 2.62):
 * its steps go on until somebody ends it here.
 *
 * Source: https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/ops/rest_api/ (`/jobs/overview`, `PATCH /jobs/:jobid`).
 */
import { CallFailed } from '../transport/call-failed.js'

/** A job as the overview has it. */
interface FlinkJob {
  readonly jid: string
  readonly name: string
  readonly state: string
}

const FINAL: ReadonlySet<string> = new Set(['CANCELED', 'FAILED', 'FINISHED'])

/** A job that was submitted a moment ago comes to the cluster when its jars have. */
const COMES_MILLIS = 10_000
/** Steps are interrupted, and called again when they do not listen. */
const ENDS_MILLIS = 30_000
const LOOK_MILLIS = 200
const ANSWER_MILLIS = 10_000

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Flink's name of a job: in the job server's id a number follows it. */
export function nameOnFlink(jobId: string): string {
  return jobId.slice(0, jobId.lastIndexOf('_'))
}

/**
 * Ends what a cluster still does of a job.
 *
 * @param rest `host:port` of its REST service. @param jobId the job server's. The name in it is drawn, unless the author has given one.
 * @returns why it could not be ended; `undefined` when it has ended, or the cluster never had it.
 */
export async function endOnFlink(rest: string, jobId: string): Promise<string | undefined> {
  const name = nameOnFlink(jobId)
  const asked = async (path: string, method: string): Promise<Response> => {
    const answer = await fetch(`http://${rest}${path}`, { method, signal: AbortSignal.timeout(ANSWER_MILLIS) })
    if (!answer.ok && answer.status !== 404)
      throw new CallFailed(String(answer.status), `it answers ${answer.status} to ${method} ${path}`)
    return answer
  }
  const jobs = async (): Promise<readonly FlinkJob[]> => {
    const { jobs: all } = (await (await asked('/jobs/overview', 'GET')).json()) as {
      readonly jobs?: readonly FlinkJob[]
    }
    if (all === undefined) throw new CallFailed('200', 'it has no list of jobs')
    return all
  }
  try {
    let found: readonly FlinkJob[] = []
    for (const until = Date.now() + COMES_MILLIS; found.length === 0 && Date.now() < until; await pause(LOOK_MILLIS))
      found = (await jobs()).filter((each) => each.name === name)
    const [job, other] = found.filter(({ state }) => !FINAL.has(state))
    if (job === undefined) return undefined
    // A name that somebody has given may be that of several.
    if (other !== undefined) return `several jobs of the cluster at ${rest} are called ${name}`
    const { jid } = job
    await asked(`/jobs/${jid}?mode=cancel`, 'PATCH')
    for (const until = Date.now() + ENDS_MILLIS; Date.now() < until; await pause(LOOK_MILLIS)) {
      const state = (await jobs()).find((each) => each.jid === jid)?.state
      if (state === undefined || FINAL.has(state)) return undefined
    }
    return `job ${jid} of the cluster at ${rest} does not end`
  } catch (error) {
    const { cause, message } = error as Error
    return `the cluster at ${rest} cannot be asked: ${cause instanceof Error ? cause.message : message}`
  }
}
