/**
 * Loads an author's module and takes the pipeline out of it. While the module loads, `run()` and `start()` throw: a
 * module that runs its pipeline by itself would otherwise start it in every worker that only wants to know it.
 */
import { basename } from 'node:path'
import { definePipeline, isPipelineDefinition, type PipelineDefinition } from '../../sdk/define-pipeline.js'
import { PipelineError } from '../../sdk/errors.js'
import { Pipeline } from '../../sdk/pipeline.js'
import { preview } from '../../sdk/preview.js'
import { markLoadingModule } from './loading.js'
import type { ModuleText } from './module-text.js'
import type { AuthorMap } from './stacks.js'

/** The pipeline that a module exports. @throws whatever the module throws; {@link PipelineError} when it exports none. */
export async function loadPipeline(module: ModuleText, map: AuthorMap): Promise<PipelineDefinition> {
  return definitionIn(await loadExports(module, map), module.file)
}

/** What a module exports. @throws whatever the module throws. */
export async function loadExports(module: ModuleText, map: AuthorMap): Promise<Readonly<Record<string, unknown>>> {
  const text = `${module.code}\n//# sourceURL=${module.sourceUrl}\n`
  const url = `data:text/javascript;base64,${Buffer.from(text).toString('base64')}`
  markLoadingModule(true)
  try {
    return (await import(url)) as Readonly<Record<string, unknown>>
  } catch (error) {
    throw named(error, url, module, map)
  } finally {
    markLoadingModule(false)
  }
}

/** The text of the module is its address; messages that quote it get the author's file instead. */
function named(error: unknown, url: string, { file }: ModuleText, map: AuthorMap): unknown {
  if (!(error instanceof Error)) return error
  const place = error instanceof SyntaxError ? placeOf(error.stack, map) : undefined
  error.message = map.inText(error.message.replaceAll(url, file)) + (place === undefined ? '' : `\n  at ${place}`)
  return error
}

/** A module that does not link (a name that a package does not export) tells its place only in the first line. */
function placeOf(stack: string | undefined, map: AuthorMap): string | undefined {
  const first = stack?.split('\n', 1)[0] ?? ''
  const place = map.inText(first)
  return place === first ? undefined : place
}

function definitionIn(exports: Readonly<Record<string, unknown>>, file: string): PipelineDefinition {
  const exported = transpiledDefault(exports['default'])
  const shown = basename(file)
  const name = shown.replace(/\.\w+$/, '')
  if (isPipelineDefinition(exported)) return exported
  if (exported instanceof Pipeline) {
    return { ...definePipeline({ name, build: () => undefined }), build: () => exported.build(name) }
  }
  if (typeof exported === 'function' && !isClass(exported)) {
    const build = exported as (p: Pipeline) => unknown
    return definePipeline({ name, build: (p) => void build(p) })
  }
  const example = 'export default definePipeline({ name, options, build })'
  if (exported === undefined) {
    const named = Object.entries(exports).find(([, value]) => isPipelineDefinition(value) || value instanceof Pipeline)
    throw new PipelineError(
      'MR-7007',
      named === undefined
        ? `${shown} has no default export, so there is nothing to run. Write: ${example}.`
        : `${shown} exports the pipeline as "${named[0]}", but not as its default. Write: export default ${named[0]}.`,
    )
  }
  throw new PipelineError(
    'MR-7007',
    `the default export of ${shown} is ${kindOf(exported)}, and not a pipeline. Write: ${example}.`,
  )
}

/** What a compiler has made CommonJS of has its default export inside. */
function transpiledDefault(exported: unknown): unknown {
  if (typeof exported !== 'object' || exported === null || !('__esModule' in exported)) return exported
  return (exported as { readonly default?: unknown }).default
}

function isClass(value: object): boolean {
  return Function.prototype.toString.call(value).startsWith('class')
}

function kindOf(value: unknown): string {
  if (value instanceof Promise) return 'a promise (of a result?)'
  return typeof value === 'function' ? 'a class' : preview(value)
}
