/**
 * What workers in other processes have told their client.
 *
 * Law: a job is not called done by whoever has heard of none of its workers.
 */
import type { Env, TimerHandle } from '../../sdk/env.js'
import { errorKind, PipelineError } from '../../sdk/errors.js'
import type { RunnerOptions } from '../runner.js'
import type { Told } from './worker/reports.js'

/** Whether a failure is one of the author's code. */
export const isOfUser = (failure: unknown): boolean => errorKind(failure) === 'UserCodeError'

/** So long after a job has begun to run its first worker is waited for, before a word is said. */
const COMES_MILLIS = 20_000

/** What is known of workers before there are any. */
export interface WorkersOfRun {
  readonly module: RunnerOptions['module']
  /** What to do where one was not let in. */
  readonly letIn: string
  /** What the engine is asked for. */
  readonly asked: string
}

/** Keeps count. */
export class ToldByWorkers {
  readonly #env: Env
  readonly #module: RunnerOptions['module']
  readonly #failed: (error: Error) => void
  readonly #letIn: string
  readonly #asked: string
  #waiting: TimerHandle | undefined
  #linked = 0
  #refused = 0
  /** The first thing that went wrong; in the author's code, if anything did there. */
  failure: Error | undefined

  /** @param failed is told of each failure. */
  constructor(env: Env, { module, letIn, asked }: WorkersOfRun, failed: (error: Error) => void) {
    this.#env = env
    this.#module = module
    this.#letIn = letIn
    this.#asked = asked
    this.#failed = failed
  }

  /** The job runs: if no worker comes, nothing else may ever be heard of it. @param say is told so, once. */
  runs(say: (text: string) => void): void {
    if (this.#linked > 0) return
    this.#waiting ??= this.#env.setTimer(COMES_MILLIS, () => {
      const seconds = COMES_MILLIS / 1000
      if (this.#linked + this.#refused === 0)
        say(`warning: the job has run for ${seconds} s, and no worker has reached this process. A busy engine may need longer. ${this.#asked} Workers on other machines need an address of this one: linkHost (--link-host).`) // prettier-ignore
    })
  }

  /** Nobody is waited for any more. */
  close(): void {
    this.#waiting?.cancel()
  }

  /** A worker has come. */
  linked(): void {
    this.#linked++
    this.#waiting?.cancel()
  }

  /** A worker was not let in. @returns what to say of it. */
  refused(): string {
    this.#refused++
    return `warning: a worker was not let in, which does not know the token of this run. ${this.#letIn}`
  }

  /** What is to be done about a job that has failed because none of its workers was let in, or has come. */
  get advice(): string {
    if (this.#linked > 0 || this.#asked === '') return ''
    return this.#refused > 0 ? this.#letIn : `No worker has reached this process. ${this.#asked}`
  }

  take(told: Told): void {
    if (told.kind === 'failure') {
      // When an engine stops one worker's bundles because another's have failed, those fail too, and may be heard first.
      if (this.failure === undefined || (isOfUser(told.error) && !isOfUser(this.failure))) this.failure = told.error
      this.#failed(told.error)
    } else if (told.kind === 'console') this.#write(told)
  }

  /** What user code has written. */
  #write({ text, isError, step }: Extract<Told, { kind: 'console' }>): void {
    const sink = typeof this.#module === 'object' ? this.#module.console : undefined
    const stream = isError ? 'err' : 'out'
    if (sink === undefined) this.#env.print(text.replace(/\n$/, ''), stream)
    else sink(text, stream, step === '' ? undefined : step)
  }

  /** @throws {PipelineError} when there was no worker. */
  mustBeLinked(engine: string): void {
    if (this.#linked > 0) return
    throw new PipelineError(
      'MR-6208',
      `${engine} has ended the job, and none of its workers has reached this process, so nothing is known of what was collected and counted. Workers on other machines need an address of this one: linkHost.`,
    )
  }
}
