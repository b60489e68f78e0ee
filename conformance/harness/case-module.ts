/**
 * Cases as workers build them: again, from an address. A worker imports this module, so a case must come out alike wherever it is built.
 *
 * Law: what is built of an address here is what `runCase` builds of the case itself.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Pipeline, PipelineError, type WorkerModule } from 'millrace'
import { type ConformanceCase, NOT_RUN } from '../cases/case.js'
import { loadCase } from '../cases/index.js'
import { buildTranscript, type Playing } from './run-transcript.js'

/** Name of the module of wrong cases. */
export const WRONG = 'wrong'

/** Where a case is found, and how it is played. */
export interface CaseAddress {
  /** Module of cases, as in `cases/index.ts`. */
  readonly module: string
  readonly id: string
  /** Of a transcript. */
  readonly playing?: Playing
}

/** The pipeline of a case. @throws {PipelineError} when there is no such case. */
export async function caseAt({ module, id, playing }: CaseAddress): Promise<Pipeline> {
  const of = await caseOf(module, id)
  const p = new Pipeline()
  if (of?.kind === 'pipeline') of.build(p, NOT_RUN)
  else if (of?.kind === 'transcript' && playing !== undefined) buildTranscript(p, of, playing)
  else throw new PipelineError('MR-7017', `there is no case ${id} in module ${module} that runs a pipeline.`)
  return p
}

async function caseOf(module: string, id: string): Promise<ConformanceCase | undefined> {
  if (module !== WRONG) return loadCase(module, id)
  const { wrongCases } = await import('./wrong-cases.js')
  return wrongCases.find(({ of }) => of.id === id)?.of
}

/** What workers of a run load. Always the compiled module: nothing translates TypeScript where a worker begins. */
export function workerModuleOf(address: CaseAddress): WorkerModule {
  const root = dirname(createRequire(import.meta.url).resolve('millrace/package.json'))
  const url = pathToFileURL(join(root, 'dist', 'conformance', 'harness', 'case-module.js')).href
  return { call: { url, name: 'caseAt', argument: address }, console: () => undefined }
}
