/**
 * What a conformance case is: one statement about the model, with what a runner must be able to do for it, and code that
 * finds out. Cases are written against the public package; the runner arrives from outside.
 *
 * Law: a case is rebuilt from its address (module, id) alone and shares no variable with another; one that claims
 * nothing has failed.
 */
import type { EndState, Feature, Pipeline, PipelineResult, Progress, WindowFn, WindowingOptions } from 'millrace'
import type { Claims } from './claims.js'
import type { TranscriptEvent } from './transcript.js'

/** A property of modes by which a case leaves some of them out. */
export type ModeTrait =
  | 'fast'
  | 'strict'
  | 'bundles'
  | 'generated'
  | 'closures'
  | 'reexecuted'
  | 'batches'
  | 'smallBatches'
  | 'restarts'
  | 'workers'

/** What all cases say of themselves. */
export interface CaseFacts {
  /** The catalogue's id, such as `TRG-15`; where an id covers several statements, with a suffix: `TRG-15/accumulating`. */
  readonly id: string
  /** The statement, as a sentence. */
  readonly name: string
  /** What a runner must have. Creating, grouping and flattening are taken for granted: assertions are made of them. */
  readonly needs?: readonly Feature[]
  /** Runners known to do it wrong, and why. An entry that starts to pass fails. */
  readonly brokenOn?: readonly KnownFault[]
  /** Modes that the case may not run in, each with the reason. */
  readonly notIn?: Readonly<Partial<Record<ModeTrait, string>>>
}

/** A runner that is known to break a case. */
export interface KnownFault {
  /** Name of the runner. */
  readonly runner: string
  readonly reason: string
  /** Whether the run does not end: it comes last, and alone. */
  readonly isEndless?: boolean
  /** Whether it holds now and then, by chance: that it has held says nothing. */
  readonly isByChance?: boolean
}

/** How a run ended, for checks that are made afterwards. */
export interface Ending {
  /** Of a run that succeeded. @throws when it failed. */
  readonly result: PipelineResult
  /** Of a run that failed; `undefined` for one that succeeded. */
  readonly error: Error | undefined
}

/** A check made after the run, on its result, its error, or on what the case's functions noted. */
export type Afterwards = (ending: Ending, claims: Claims) => void | Promise<void>

/** A failure that must happen. */
export interface ExpectedFailure {
  /** While the pipeline is built, or when it runs. Default `'run'`. */
  readonly when?: 'construction' | 'run'
  /** Kind of the error. Default: `PipelineError` at construction, `UserCodeError` at run. */
  readonly error?: string
  /** What the message must say. */
  readonly message: RegExp
  /** Path of the step that the error must name. */
  readonly step?: string
}

/** A pipeline with claims about it: assertions that run inside it, checks afterwards, or a failure that must happen. */
export interface PipelineCase extends CaseFacts {
  readonly kind: 'pipeline'
  /** Builds the pipeline with its assertions. May give a check to be made after the run. */
  readonly build: (p: Pipeline, control: RunControl) => void | Afterwards
  /** The case holds when building or running fails like this. */
  readonly fails?: ExpectedFailure
  /**
   * Its functions note things in variables of this process; left out where a runner's functions run in others, and where
   * attempts are thrown away, which a variable does not notice.
   */
  readonly inProcess?: boolean
  /** How the run must end. Default `'DONE'`; what a cancelled run would have asserted is not asked for. */
  readonly ends?: EndState
  /** Whether it takes an engine long, and so has minutes there and a job of its own: every bundle costs it what a process costs. */
  readonly isLong?: boolean
  /** Whether it sets the wall clock: `control.setClock` works, and the run has a world of its own. */
  readonly setsClock?: boolean
}

/** What functions of a case may do to the run that they are part of. */
export interface RunControl {
  /** As `RunningPipeline.drain`. */
  readonly drain: () => void
  /** As `RunningPipeline.cancel`. */
  readonly cancel: () => void
  /** As `RunningPipeline.progress`; nothing before the run has begun. */
  readonly progress: () => Progress | undefined
  /** Sets the wall clock, ahead or back, while the time of waiting goes on as it does. */
  readonly setClock: (byMillis: number) => void
}

/** For building a pipeline that is not run. */
export const NOT_RUN: RunControl = {
  drain: () => undefined,
  cancel: () => undefined,
  progress: () => undefined,
  setClock: () => undefined,
}

/** Statements that need no runner: about construction, or about a function or coder of the SDK. */
export interface CheckCase<Kind extends 'construction' | 'unit' = 'construction' | 'unit'> extends CaseFacts {
  readonly kind: Kind
  /** Makes the claims; throws, as they do, when one does not hold. */
  readonly check: (claims: Claims) => void | Promise<void>
}

/** A script of events, and every pane that must come out, where it must come out. */
export interface Transcript extends CaseFacts {
  readonly kind: 'transcript'
  readonly windowFn: WindowFn
  readonly options?: WindowingOptions
  readonly events: readonly TranscriptEvent[]
  /** Ways of reducing that the transcript does not speak of, each with the reason. */
  readonly notBy?: Readonly<Partial<Record<'grouping' | 'combine', string>>>
}

/** Any case. */
export type ConformanceCase = PipelineCase | CheckCase<'construction'> | CheckCase<'unit'> | Transcript

/** A pipeline with assertions: `assertThat` inside, a returned check for what is known only afterwards. */
export function pipelineCase(of: Omit<PipelineCase, 'kind'>): PipelineCase {
  return { kind: 'pipeline', ...of }
}

/** A statement about what construction refuses or makes. */
export function constructionCase(of: Omit<CheckCase, 'kind'>): CheckCase<'construction'> {
  return { kind: 'construction', ...of }
}

/** A statement about a function of the SDK: a coder, a window function. */
export function unitCase(of: Omit<CheckCase, 'kind'>): CheckCase<'unit'> {
  return { kind: 'unit', ...of }
}

/** A script and its panes. */
export function transcript(of: Omit<Transcript, 'kind'>): Transcript {
  return { kind: 'transcript', ...of }
}
