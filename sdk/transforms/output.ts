/**
 * Ends of a pipeline that every runner knows: printing for people, collecting for the program that ran it.
 */
import { PipelineError } from '../errors.js'
import { type CollectionRef, nameText, type StepName } from '../graph/builder.js'
import * as urns from '../graph/urns.js'
import { refuseUnknownOptions } from '../known-options.js'

/** Options of `print`. */
export interface PrintOptions {
  /** Elements printed before the rest is only counted. Default 20. */
  readonly limit?: number
}

export function addPrint(input: CollectionRef, name: StepName, options: PrintOptions = {}): void {
  refuseUnknownOptions(`print "${nameText(name)}"`, options, { limit: true }, nameText(name))
  const { limit = 20 } = options
  if (!(limit >= 0))
    throw new PipelineError(
      'MR-1002',
      `print "${nameText(name)}" has limit ${String(limit)}; it must be 0 or more.`,
      nameText(name),
    )
  const path = input.builder.pathOf(name)
  input.builder.leaf({
    name: sinkName('print', name),
    spec: { urn: urns.PRINT, payload: { name: path, limit } },
    inputs: new Map([['in', input.id]]),
    outputs: [],
  })
}

export function addCollect(input: CollectionRef, name: StepName): void {
  const path = input.builder.pathOf(name)
  input.builder.leaf({
    name: sinkName('collect', name),
    spec: { urn: urns.COLLECT, payload: { name: path } },
    inputs: new Map([['in', input.id]]),
    outputs: [],
  })
}

/** Name of the step: what is collected as "orders" must not keep the step that makes orders from being called so. */
function sinkName(verb: string, name: StepName): StepName {
  return typeof name === 'string' && name !== '' ? `${verb} ${name}` : name
}
