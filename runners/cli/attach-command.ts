/**
 * `millrace attach`: comes to a job that an engine has, and follows it until it is over.
 *
 * Law: whoever follows holds nothing: Ctrl-C ends the following, and never the job.
 */
import { errorKind } from '../../sdk/errors.js'
import { errorCode } from '../../sdk/error-codes.js'
import { attach } from '../attach.js'
import type { AttachedJob, AttachOptions, JobNews } from '../distributed/attached-job.js'
import type { EndState, PipelineResult } from '../runner.js'
import { type CommandInvocation, type Options, UsageError } from './command-line.js'
import { engineRunners } from './commands.js'
import { readConfig } from './config-file.js'
import { EXIT } from './exit-codes.js'
import { findConfig } from './find-config.js'
import { type Settings, settingsFrom } from './runner-settings.js'
import { withToldErrors } from './told-errors.js'

/** Does the command. @returns the exit code. */
export function attachCommand({ operands, options }: CommandInvocation): Promise<number> {
  return withToldErrors(options, async () => {
    const [jobId = ''] = operands
    const isJson = options.get('json') === true
    const wants = wantedOf(options)
    const say = (news: Readonly<Record<string, unknown>>, text: string): void =>
      void process.stderr.write(`${isJson ? JSON.stringify(news) : text}\n`)
    const { runner, engine } = await placeOf(options)
    const heard = (news: JobNews): void => {
      if (news.kind === 'state') return say({ type: 'state', job: jobId, state: news.state }, `${jobId} is ${news.state}`) // prettier-ignore
      // Engines tell much, down to each step that begins.
      const { level, text } = news
      if (isJson || level !== 'debug') say({ type: 'message', job: jobId, level, text }, `${runner}: ${text}`)
    }
    const job = attached(jobId, { runner, engine, heard })
    let code: number = EXIT.done
    const leave = (signal: number) => (): void => {
      code = signal
      say({ type: 'note', text: `job ${jobId} goes on` }, `job ${jobId} goes on`)
      job.detach()
    }
    process.once('SIGINT', leave(EXIT.interrupted))
    process.once('SIGTERM', leave(EXIT.terminated))
    if (wants !== undefined) job[wants]()
    const result = await job.result
    if (result.state === 'DETACHED') return code
    process.stdout.write(`${isJson ? JSON.stringify(ended(jobId, result)) : endLine(jobId, result)}\n`)
    return codeOf(result.state, wants)
  })
}

function wantedOf(options: Options): 'cancel' | 'drain' | undefined {
  const wants = (['cancel', 'drain'] as const).filter((each) => options.get(each) === true)
  if (wants.length < 2) return wants[0]
  throw new UsageError('MR-1016', '--cancel gives the job up, and --drain lets it finish what it has read. Leave one of them out.', '') // prettier-ignore
}

/** Which engine, as for `millrace run`. */
async function placeOf(options: Options): Promise<Required<Pick<AttachOptions, 'runner' | 'engine'>>> {
  const path = findConfig(process.cwd())
  const file = path === undefined ? undefined : await readConfig(path)
  const settings = settingsFrom({ flags: options, environment: process.env, file })
  const runner = engineRunners.find((each) => each === settings.get('runner')?.value)
  if (runner === undefined)
    throw new UsageError('MR-7003', `jobs are on engines: --runner is one of ${engineRunners.join(', ')}, not "${String(settings.get('runner')?.value)}".`, '') // prettier-ignore
  return { runner, engine: engineOf(settings) }
}

function engineOf(settings: Settings): NonNullable<AttachOptions['engine']> {
  const [endpoint, master] = ['job-endpoint', 'flink-master'].map((name) => settings.get(name)?.value)
  return {
    ...(endpoint === undefined ? {} : { jobEndpoint: String(endpoint) }),
    // Without an endpoint it is for runs, which start a job server of their own.
    ...(master === undefined || endpoint === undefined ? {} : { flinkMaster: String(master) }),
  }
}

/** What is wrong with what was asked for is no fault of the job. */
function attached(jobId: string, options: AttachOptions): AttachedJob {
  try {
    return attach(jobId, options)
  } catch (error) {
    const code = errorCode(error)
    if (errorKind(error) !== 'PipelineError' || code === undefined) throw error
    throw new UsageError(code, (error as Error).message, '')
  }
}

function ended(jobId: string, { state, metrics }: PipelineResult): Readonly<Record<string, unknown>> {
  return { job: jobId, state, elements: elementsOf(metrics), counters: metrics.system, metrics: metrics.user }
}

function endLine(jobId: string, { state, metrics }: PipelineResult): string {
  const elements = elementsOf(metrics)
  return `${jobId}: ${state.toLowerCase()}${elements === 0 ? '' : `, ${elements} elements counted`}`
}

function elementsOf({ elements }: PipelineResult['metrics']): number {
  return [...elements.values()].reduce((sum, count) => sum + count, 0)
}

/** A job that somebody else has cancelled did not do what it was to do. */
function codeOf(state: EndState, wants: 'cancel' | 'drain' | undefined): number {
  return state === 'CANCELLED' && wants !== 'cancel' ? EXIT.failed : EXIT.done
}
