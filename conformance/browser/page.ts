/**
 * What both pages do besides running the program: watch whether code is generated, and tell the server how it went.
 */
import type { RunnerOptions } from 'millrace'
import { type Collected, type Outcome, outcomeOf } from './programs.js'

/** What a page tells the server. */
export interface Report {
  readonly outcome?: Outcome
  readonly error?: string
  /** Functions that were made from text. */
  readonly functionsMade: number
  /** Times the page's policy refused to make one. */
  readonly refusals: number
}

/** Runs a program in the page, with the stage compiler that the page's address names, and reports. */
export async function report(run: (options: RunnerOptions) => Promise<Collected>): Promise<void> {
  let functionsMade = 0
  let refusals = 0
  addEventListener('securitypolicyviolation', () => refusals++)
  globalThis.Function = new Proxy(Function, {
    construct(target, args: readonly unknown[]) {
      const made = Reflect.construct(target, args) as object
      functionsMade++
      return made
    },
  })
  const message = await run({ stageCompiler: location.hash.slice(1) as 'auto' | 'generated' }).then(
    (result) => ({ outcome: outcomeOf(result) }),
    (error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
  // Events of the policy come as tasks of their own.
  await new Promise((resolve) => setTimeout(resolve, 50))
  await fetch('/report', { method: 'POST', body: JSON.stringify({ ...message, functionsMade, refusals }) })
}
