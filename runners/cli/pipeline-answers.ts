/**
 * What a module's pipeline says of itself without being run: its options, its graph, and where its options would come
 * from. Text for people or JSON, made on the thread that has loaded the module.
 */
import type { PipelineDefinition } from '../../sdk/define-pipeline.js'
import { mermaid } from '../../sdk/graph/mermaid.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { preview } from '../../sdk/preview.js'
import { promiseText, sinkPromises, sourceAbilities } from '../micro-batch/sink-promises.js'
import { kebab } from './command-line.js'
import { table } from './help.js'
import { optionInfos, optionRows } from './option-info.js'
import { type OptionSources, pipelineOptions, sourcedOptions } from './pipeline-options.js'
import type { Question } from './protocol.js'
import { type Origin, variableOf } from './runner-settings.js'

/** An option as `millrace config print` shows it. */
export interface ShownOption {
  /** In kebab case. */
  readonly name: string
  /** The value as text; `***` for a secret. */
  readonly value: string
  readonly origin: Origin
  /** The variable that gives it. */
  readonly variable: string
}

/** The answer to a question. `onBuilt` is told the pipeline as soon as there is one, for errors to name its lines. */
export async function answerTo(
  question: Question,
  definition: PipelineDefinition,
  sources: OptionSources,
  onBuilt: (built: BuiltPipeline) => void,
): Promise<string> {
  if (question.kind === 'describe') return description(definition)
  if (question.kind === 'config')
    return JSON.stringify({ pipeline: definition.name, options: shownOptions(definition, sources) })
  const built = definition.build(pipelineOptions(definition, sources))
  onBuilt(built)
  if (question.kind === 'guarantees') return guaranteesOf(built, question.json)
  if (question.kind === 'state') {
    const { stateAnswer } = await import('./state-answer.js')
    return stateAnswer(built, question)
  }
  if (question.format === 'mermaid' && !question.isPhysical && question.depth === undefined)
    return mermaid(built.graph).trimEnd()
  const { drawGraph } = await import('../graph-picture/index.js')
  return (await drawGraph(built, question)).trimEnd()
}

function guaranteesOf(built: BuiltPipeline, json: boolean): string {
  const promises = sinkPromises(built, undefined, true)
  if (json) return JSON.stringify({ pipeline: built.name, sources: sourceAbilities(built), sinks: promises })
  const lines = promises.length === 0 ? ['nothing comes out of it'] : promises.map(promiseText)
  return [
    `After a crash of pipeline "${built.name}" on the micro-batch runner with a checkpoint`,
    ...lines.map((line) => `  ${line}`),
  ].join('\n')
}

function description(definition: PipelineDefinition): string {
  const rows = optionRows(definition)
  const lines =
    rows === undefined
      ? ['  its options are described by a schema that does not list them']
      : rows.length === 0
        ? ['  none']
        : table(rows)
  return [`Options of pipeline "${definition.name}"`, ...lines].join('\n')
}

function shownOptions(definition: PipelineDefinition, sources: OptionSources): readonly ShownOption[] {
  const given = sourcedOptions(definition, sources)
  const infos = optionInfos(definition.optionsCodec)
  const shown = (name: string, isSecret: boolean, otherwise: unknown): ShownOption => {
    const found = given.get(name)
    const value = found === undefined ? otherwise : found.value
    return {
      name: kebab(name),
      value: isSecret && found !== undefined ? '***' : value === undefined ? '–' : text(value),
      origin: found?.origin ?? { kind: 'default' },
      variable: variableOf(kebab(name)),
    }
  }
  if (infos !== undefined) return infos.map((info) => shown(info.name, info.isSecret, info.default))
  return [...given.keys()].map((name) => shown(name, false, undefined))
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : preview(value)
}
