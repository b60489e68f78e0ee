/**
 * Jobs of a cluster of Flink, asked by its REST service. Beam's job server calls a job cancelled and does not tell Flink (seen with 2.62):
 * its steps go on until somebody ends it here.
 *
 * Source: https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/ops/rest_api/ (`/jobs/overview`, `PATCH /jobs/:jobid`).
 */

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

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/**
 * Ends what a cluster still does of a job.
 *
 * @param rest `host:port` of its REST service. @param jobId the job server's: the job's name, which is drawn, `_`, and a number.
 * @returns why it could not be ended; `undefined` when it has ended, or the cluster never had it.
 */
export async function endOnFlink(rest: string, jobId: string): Promise<string | undefined> {
  const name = jobId.slice(0, jobId.lastIndexOf('_'))
  const find = async (): Promise<FlinkJob | undefined> => {
    const answer = await fetch(`http://${rest}/jobs/overview`, { signal: AbortSignal.timeout(COMES_MILLIS) })
    const { jobs = [] } = (await answer.json()) as { readonly jobs?: readonly FlinkJob[] }
    return jobs.find((each) => each.name === name)
  }
  try {
    let job = await find()
    for (const until = Date.now() + COMES_MILLIS; job === undefined && Date.now() < until; job = await find())
      await pause(LOOK_MILLIS)
    if (job === undefined) return undefined
    if (!FINAL.has(job.state)) await fetch(`http://${rest}/jobs/${job.jid}?mode=cancel`, { method: 'PATCH' })
    for (const until = Date.now() + ENDS_MILLIS; job !== undefined && !FINAL.has(job.state); job = await find()) {
      if (Date.now() > until) return `job ${job.jid} of the cluster at ${rest} is still ${job.state}`
      await pause(LOOK_MILLIS)
    }
    return undefined
  } catch (error) {
    const { cause, message } = error as Error
    return `the cluster at ${rest} does not answer: ${cause instanceof Error ? cause.message : message}`
  }
}
