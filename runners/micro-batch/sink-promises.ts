/**
 * What each end of a pipeline sees of its elements when a run with a checkpoint crashes and goes on: it follows from what the sources
 * before it do after a crash, and from what a repetition means to the sink.
 *
 * Law: a promise is never more than its weakest source and its sink keep; what cannot be seen is said to be so.
 */
import { authorPath } from '../../sdk/graph/names.js'
import { type BuiltPipeline, leafTransforms, type TransformNode } from '../../sdk/graph/model.js'
import * as urns from '../../sdk/graph/urns.js'
import { type AfterCrash, afterCrashOf, type AnySplittable } from '../../sdk/source/splittable.js'
import type { StepFunction } from '../../sdk/transforms/do-fn.js'
import { type Guarantee, UnsupportedFeature } from '../runner.js'

/** A source, and what it does after a crash. */
export interface SourceAbility {
  /** Path of the step. */
  readonly step: string
  readonly afterCrash: AfterCrash
}

/**
 * An end of the pipeline: what a step delivers, by what its repetition means; what is collected, and kept with the checkpoint; what is
 * printed; a step whose output nobody reads, which may do anything or nothing.
 */
export type SinkKind = 'recognised' | 'harmless' | 'visible' | 'collected' | 'printed' | 'unseen'

/** What an end of the pipeline sees of its elements, crashes or not. */
export interface SinkPromise {
  /** Path of the step. */
  readonly step: string
  readonly sink: SinkKind
  /** `'gap'`: some may be missing, and some may come twice. */
  readonly promise: Guarantee
  /** What stands in the way of more; `undefined` with `'exactly-once'`. */
  readonly because: string | undefined
}

/** Sources of a pipeline, in topological order. */
export function sourceAbilities(built: BuiltPipeline): readonly SourceAbility[] {
  return leafTransforms(built.graph).flatMap(([, node]) => sourceOf(built, node) ?? [])
}

/**
 * What each end of a pipeline is promised, in topological order.
 *
 * @param guarantee as the option `guarantee` of the run; `undefined` for its default.
 * @param isKept whether the run has a checkpoint.
 */
export function sinkPromises(
  built: BuiltPipeline,
  guarantee?: Guarantee,
  isKept: boolean = guarantee !== undefined,
): readonly SinkPromise[] {
  const leaves = leafTransforms(built.graph)
  const read = new Set(leaves.flatMap(([, node]) => [...node.inputs.values()]))
  const sources = new Map<string, ReadonlySet<SourceAbility>>()
  const promises: SinkPromise[] = []
  for (const [, node] of leaves) {
    const own = sourceOf(built, node)
    const reaching = new Set([...node.inputs.values()].flatMap((id) => [...(sources.get(id) ?? [])]))
    if (own !== undefined) reaching.add(own)
    const outputs = [...node.outputs.values()]
    for (const output of outputs) sources.set(output, reaching)
    const sink = sinkOf(
      node,
      outputs.some((output) => read.has(output)),
    )
    if (sink === undefined) continue
    const step = authorPath(node.uniqueName)
    promises.push({ step, sink, ...promiseOf([...reaching], sink, guarantee, isKept) })
  }
  return promises
}

/**
 * Refuses a guarantee that a source or a sink of the pipeline cannot keep. What prints, and a step that sends by itself, is no sink that
 * anything can be promised for.
 *
 * @throws {UnsupportedFeature} naming the step, why, and what to do.
 */
export function checkGuarantee(built: BuiltPipeline, guarantee: Guarantee): void {
  for (const source of sourceAbilities(built)) {
    const why = sourceFault(source, guarantee)
    if (why !== undefined) refuse('MR-6070', built, guarantee, source.step, why)
  }
  if (guarantee !== 'exactly-once') return
  for (const { step, sink } of sinkPromises(built, guarantee)) {
    if (sink !== 'visible') continue
    const why = `delivers to a sink in which a repetition shows (repeats: 'visible'): what a crash interrupts there comes once more. Write to a sink that recognises it (writeTable, writeLog, writeLines), or take guarantee: 'at-least-once' or 'at-most-once'`
    refuse('MR-6071', built, guarantee, step, why)
  }
}

function sourceFault({ afterCrash }: SourceAbility, guarantee: Guarantee): string | undefined {
  if (afterCrash === 'loses' && (guarantee === 'exactly-once' || guarantee === 'at-least-once'))
    return `reads what nobody can read again: what it had read and not yet logged is gone after a crash. Put its records into a file or a log first, and read that (tailLines, readLog), or take guarantee: 'gap'`
  if (afterCrash === 'repeats' && guarantee === 'exactly-once')
    return `is given again what it had read and not yet acknowledged or remembered, so a record may count twice after a crash. Read by position (readLog without a group, readChanges, files), or take guarantee: 'at-least-once' and a sink to which the same twice is as once`
  if (afterCrash === 'repeats' && guarantee === 'at-most-once')
    return `is given again what it had read and not yet acknowledged or remembered, so a record may come twice after a crash. Read by position, or take guarantee: 'gap'`
  return undefined
}

function refuse(
  code: 'MR-6070' | 'MR-6071',
  { name }: BuiltPipeline,
  guarantee: Guarantee,
  step: string,
  why: string,
): never {
  const feature = guarantee === 'exactly-once' ? 'guarantee.exactlyOnce' : 'guarantee.atLeastOnce'
  throw new UnsupportedFeature(
    code,
    guarantee === 'at-most-once' ? 'guarantee.atMostOnce' : feature,
    `guarantee: '${guarantee}' cannot be kept by pipeline "${name}": step "${step}" ${why}.`,
    step,
  )
}

function sourceOf(built: BuiltPipeline, { spec, uniqueName }: TransformNode): SourceAbility | undefined {
  if (spec?.urn !== urns.PAR_DO || spec.payload.restrictionCoderId === '') return undefined
  const fn = built.functions.resolve(spec.payload.doFn.payload) as StepFunction | AnySplittable
  if (fn.kind !== 'splittable') return undefined
  return { step: authorPath(uniqueName), afterCrash: afterCrashOf(fn.doFn) }
}

function sinkOf({ spec }: TransformNode, isRead: boolean): SinkKind | undefined {
  switch (spec?.urn) {
    case urns.COLLECT:
      return 'collected'
    case urns.PRINT:
      return 'printed'
    case urns.PAR_DO:
      return spec.payload.delivery?.repeats ?? (isRead ? undefined : 'unseen')
    default:
      return undefined
  }
}

type Outcome = Pick<SinkPromise, 'promise' | 'because'>

function promiseOf(
  sources: readonly SourceAbility[],
  sink: SinkKind,
  guarantee: Guarantee | undefined,
  isKept: boolean,
): Outcome {
  if (!isKept) return { promise: 'gap', because: 'the run has no checkpoint' }
  const loses = sources.find(({ afterCrash }) => afterCrash === 'loses')
  const repeats = sources.find(({ afterCrash }) => afterCrash === 'repeats')
  const own = ofSink(sink, guarantee === 'gap' || guarantee === 'at-most-once')
  const mayLose = own.mayLose || loses !== undefined
  const mayRepeat = own.mayRepeat || repeats !== undefined
  const reasons = [
    ...(loses === undefined ? [] : [`what source "${loses.step}" had read and not yet logged is gone`]),
    ...(repeats === undefined ? [] : [`source "${repeats.step}" is given some records again`]),
    ...(own.because === undefined ? [] : [own.because]),
  ]
  const promise = mayLose ? (mayRepeat ? 'gap' : 'at-most-once') : mayRepeat ? 'at-least-once' : 'exactly-once'
  return { promise, because: reasons.length === 0 ? undefined : reasons.join('; ') }
}

interface OfSink {
  readonly mayLose: boolean
  readonly mayRepeat: boolean
  readonly because: string | undefined
}

function ofSink(sink: SinkKind, deliversOnce: boolean): OfSink {
  switch (sink) {
    case 'collected':
      return { mayLose: false, mayRepeat: false, because: undefined }
    case 'printed':
      return { mayLose: true, mayRepeat: false, because: 'what is printed is not kept' }
    case 'unseen':
      return {
        mayLose: false,
        mayRepeat: true,
        because: 'if it sends anything by itself, a batch that is done again sends it again; millrace cannot see that',
      }
    default:
      if (deliversOnce)
        return { mayLose: true, mayRepeat: false, because: 'what was not delivered before a crash is not delivered' }
      return sink === 'visible'
        ? { mayLose: false, mayRepeat: true, because: 'the sink shows what is delivered again' }
        : { mayLose: false, mayRepeat: false, because: undefined }
  }
}

/** One promise as a line for people. */
export function promiseText({ step, promise, because }: SinkPromise): string {
  return `${step}: ${promise}${because === undefined ? '' : `, as ${because}`}`
}
