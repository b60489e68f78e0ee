/**
 * Transforms of other SDKs of Beam. What one of them becomes is asked of an expansion service when the pipeline is submitted; its steps
 * are executed by that SDK's workers, on engines that run workers of several SDKs.
 *
 * Law: elements cross by coders that both sides have; what is between is the other SDK's own.
 */
import { type CollectionRef, reservedName } from '../graph/builder.js'
import { authorPath } from '../graph/names.js'
import type { ExternalConfiguration } from '../graph/model.js'
import * as urns from '../graph/urns.js'
import { type OptionNames, refuseUnknownOptions } from '../known-options.js'
import type { PCollection } from '../pcollection.js'
import type { Pipeline } from '../pipeline.js'
import { preview } from '../preview.js'
import { refuse } from '../refuse.js'
import { globalStrategy } from '../windowing/windowing-strategy.js'
import { addStep } from './step.js'
import type { WireType } from './wire-type.js'

/** What a transform of another SDK is called there, and what it is made with. */
export interface ExternalTransform {
  /** As its SDK has registered it. */
  readonly urn: string
  /** Bytes, or a row, which is sent as Beam's ExternalConfigurationPayload. Default: nothing. */
  readonly configuration?: Uint8Array | ExternalConfiguration
}

/** Declares a transform of another SDK that reads a collection. */
export interface ExternalDeclaration<In, Out> extends ExternalSourceDeclaration<Out> {
  /** How its input is written for it. */
  readonly input: WireType<In>
}

/** Declares a transform of another SDK that reads from outside. */
export interface ExternalSourceDeclaration<Out> {
  /** `host:port` of the expansion service. */
  readonly service: string
  readonly transform: ExternalTransform
  /** What its output is asked to be written as. */
  readonly output: WireType<Out>
  /** Whether its output ends. Default: whether its input does; `true` where it has none. */
  readonly bounded?: boolean
}

const NAMES: OptionNames<ExternalDeclaration<unknown, unknown>> = {
  service: true,
  transform: true,
  input: true,
  output: true,
  bounded: true,
}

/** What the step that writes elements for the other side sees. */
interface PassContext {
  readonly emit: (value: unknown) => void
}

/**
 * A transform of another SDK, by its expansion service. Its output is in the windows of its input. Only engines with workers of several
 * SDKs run it (Flink): others refuse `external` by name.
 *
 * Start a service first, such as `python -m apache_beam.runners.portability.expansion_service_main --port 8097
 * --fully_qualified_name_glob '*' --environment_type …`: the environment is where the engine will have its workers.
 *
 * @throws {PipelineError} for an option that there is not, or an address that is none.
 * @example
 * ```ts
 * import { external, pipeline, pythonCallable, pythonTransform, wireType } from 'millrace'
 * const upper = external({
 *   service: 'localhost:8097',
 *   transform: pythonTransform('apache_beam.Map', [pythonCallable('lambda word: word.upper()')]),
 *   input: wireType.string,
 *   output: wireType.string,
 * })
 * pipeline().create('words', ['a', 'b']).apply('upper', upper).collect('out')
 * ```
 */
export function external<In, Out>(
  declaration: ExternalDeclaration<In, Out>,
): (input: PCollection<In>) => PCollection<Out>
export function external<Out>(declaration: ExternalSourceDeclaration<Out>): (p: Pipeline) => PCollection<Out>
export function external(
  declaration: ExternalSourceDeclaration<unknown> & { readonly input?: WireType<unknown> },
): (input: never) => PCollection<unknown> {
  refuseUnknownOptions('external', declaration, NAMES)
  const { service, transform, input: inputType } = declaration
  if (typeof service !== 'string' || !/^[^\s/]+:\d+$/.test(service))
    refuse('MR-1004', `external needs the address of an expansion service, host:port, but got ${preview(service)}.`)
  if (typeof transform?.urn !== 'string' || transform.urn === '')
    refuse('MR-1003', 'external needs the transform: its urn, or what pythonTransform gives.')
  return (given: PCollection<unknown> | Pipeline) => {
    const { builder } = given
    const isCollection = 'id' in given
    const path = authorPath(builder.pathOf(reservedName('external')))
    if (isCollection !== (inputType !== undefined))
      refuse('MR-1003', `step "${path}" ${isCollection ? 'reads a collection: say with input how its elements are written' : 'reads no collection, and input says how one is written: leave it out'}.`, path) // prettier-ignore
    const sent = isCollection ? written(given, inputType as WireType<unknown>) : undefined
    const { output, bounded = sent === undefined || builder.collection(sent.id).isBounded } = declaration
    const [made] = builder.leaf({
      name: reservedName('external'),
      spec: {
        urn: urns.EXTERNAL,
        payload: { service, urn: transform.urn, configuration: transform.configuration ?? new Uint8Array(0) },
      },
      inputs: new Map(sent === undefined ? [] : [['in', sent.id]]),
      outputs: [
        {
          tag: 'out',
          coderId: output.coderId(builder, builder.pathOf(reservedName('external')), 0),
          strategy: sent === undefined ? globalStrategy : builder.strategyOf(sent),
          isBounded: bounded,
        },
      ],
    })
    return isCollection ? given.derive(made as CollectionRef) : given.collection(made as CollectionRef)
  }
}

/** The same elements, by the coder that the other side has. */
function written(input: PCollection<unknown>, type: WireType<unknown>): CollectionRef {
  const process = (value: unknown, { emit }: PassContext): void => emit(value)
  return addStep(input, {
    name: reservedName('written'),
    fn: { kind: 'doFn', tags: ['out'], allowedSkewMillis: 0, options: {}, doFn: { process } },
    outputs: (path) => [{ tag: 'out', coderId: type.coderId(input.builder, path, 0) }],
  })[0] as CollectionRef
}
