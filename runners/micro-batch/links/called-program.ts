/**
 * A pipeline that a function of a module builds, of an argument: how suites of tests hand cases to workers, where no file has the
 * pipeline as its default export.
 */
import { isPipelineDefinition } from '../../../sdk/define-pipeline.js'
import { PipelineError } from '../../../sdk/errors.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import { Pipeline } from '../../../sdk/pipeline.js'
import type { WorkerProgram } from './worker-boot.js'

/** Calls the function. @throws {PipelineError} when there is none, or it gives no pipeline. */
export async function builtFrom({
  url,
  name,
  argument,
}: Extract<WorkerProgram, { readonly kind: 'call' }>): Promise<BuiltPipeline> {
  const exports = (await import(url)) as Readonly<Record<string, unknown>>
  const make = exports[name]
  if (typeof make !== 'function') throw new PipelineError('MR-7007', `${url} exports no function "${name}".`)
  const made: unknown = await (make as (argument: unknown) => unknown)(argument)
  if (made instanceof Pipeline) return made.build()
  if (isPipelineDefinition(made)) return made.build({})
  if (typeof made === 'object' && made !== null && 'graph' in made) return made as BuiltPipeline
  throw new PipelineError('MR-7007', `"${name}" of ${url} gives no pipeline.`)
}
