/**
 * What a seed of the simulation stands for: a program with its input, how batches are cut, and every fault that happens.
 *
 * Law: the seed decides all of it; what is left out of it (faults, input) is named by number, so that the rest stays as it is.
 */
import { type Draw, drawOf } from '../draw.js'
import { type Program as PipelineProgram, programOf as pipelineProgramOf } from '../random-pipelines.js'
import { type Program as StreamProgram, programOf as streamProgramOf } from '../random-streams.js'
import { ALWAYS_POINTS, FIRST_POINTS, LATER_POINTS, SELDOM_POINTS, TOLD_POINTS } from './crash-points.js'
import { type Program as KeepingProgram, programOf as keepingProgramOf } from './keeping-programs.js'

/** A fault of one life. */
export type Fault =
  /** The life ends at the crash point that it passes as its `pass`-th, of all or of one name. */
  | { readonly kind: 'process' | 'power'; readonly point: string | undefined; readonly pass: number }
  /** The disk fails once, at its so many-th write or sync. */
  | { readonly kind: 'disk'; readonly operation: number }

/** A program: over what is there at once, over a stream, or one in which all that is kept shows. */
export type AnyProgram =
  | { readonly kind: 'pipeline'; readonly program: PipelineProgram }
  | { readonly kind: 'stream'; readonly program: StreamProgram }
  | { readonly kind: 'keeping'; readonly program: KeepingProgram }

/** What happens to a message of a worker. */
export type MessageFault = 'kill' | 'late' | 'twice'

/** A scenario. */
export interface Scenario {
  readonly seed: number
  readonly of: AnyProgram
  readonly batchSize: number | undefined
  readonly bundleSize: number | undefined
  readonly intervalMillis: number
  /** What a look at the clock costs at most. */
  readonly momentMillis: number
  readonly strict: boolean
  /** Fewer bytes of changes than these are not merged into a snapshot. */
  readonly compactAboveBytes: number
  /** By how much the clock of the wall is set back at each restart. */
  readonly setBackMillis: number
  /** How many workers do the work; none where it is 0. */
  readonly workers: number
  readonly partitions: number
  /** The same of the lives that follow, in turns; none where all lives are as the first. */
  readonly later: readonly Pick<Scenario, 'workers' | 'partitions'>[]
  /** What happens to messages of workers, by their number over all lives. */
  readonly messages: ReadonlyMap<number, MessageFault>
  /** Of the lives in turn; the life after the last of them has none. */
  readonly faults: readonly Fault[]
}

/** What is left out of a scenario. */
export interface Cut {
  /** Numbers of the faults that stay, from 0; all by default. */
  readonly faults?: readonly number[]
  /** Elements of the input that stay, from its beginning. */
  readonly input?: number
  /** Whether the program has all the elements that were drawn for it, though its seed makes it a small one. */
  readonly isLarge?: boolean
}

const FAULTS_MAX = 8
const MESSAGE_FAULTS_MAX = 6
/** Which of its messages something happens to: so many are said about a program. */
const MESSAGES_OF_LARGE = 400
const MESSAGES_OF_SMALL = 200

/** So many programs are given no more than … */
const SMALL_SHARE = 0.8
/** … so many elements: what a crash can break mostly breaks with few, and many such take the time of one that is large. */
const SMALL_MAX = 8

/** So many have other workers in each life. */
const LATER_SHARE = 0.3
const LATER_LIVES = 3

/** The scenario of a seed, without what is cut. */
export function scenarioOf(seed: number, cut: Cut = {}): Scenario {
  const draw = drawOf(seed ^ 0x51ed270b)
  const most = cut.isLarge === true ? Infinity : mostOf(drawOf(seed ^ 0x6c8e9cf5))
  const of = draw.pick([
    (): AnyProgram => ({ kind: 'pipeline', program: smallPipeline(pipelineProgramOf(seed), most) }),
    (): AnyProgram => ({ kind: 'stream', program: smallStreams(streamProgramOf(seed), most) }),
    (): AnyProgram => ({ kind: 'keeping', program: keepingProgramOf(seed, most) }),
  ])()
  const all = Array.from({ length: draw.int(0, FAULTS_MAX) }, (_, life) => faultOf(draw, of, life))
  return {
    seed,
    of: shortened(of, cut.input),
    batchSize: draw.pick([undefined, 1, 2, 7, draw.int(3, 40)]),
    bundleSize: draw.pick([undefined, undefined, 1, draw.int(2, 9)]),
    intervalMillis: draw.pick([1, 10, 500]),
    momentMillis: draw.pick([0.001, 0.1, 5]),
    strict: draw.chance(0.25),
    compactAboveBytes: draw.pick([1, 500, 1 << 16]),
    setBackMillis: draw.pick([0, 0, 0, 10, 86_400_000]),
    ...sharedBy(drawOf(seed ^ 0x2f6b1c3d), most === Infinity ? MESSAGES_OF_LARGE : MESSAGES_OF_SMALL),
    faults: cut.faults === undefined ? all : all.filter((_, at) => cut.faults?.includes(at)),
  }
}

/** How many elements of its input a program is left, of each of its streams. */
function mostOf(draw: Draw): number {
  return draw.chance(SMALL_SHARE) ? draw.int(1, SMALL_MAX) : Infinity
}

function smallPipeline(program: PipelineProgram, most: number): PipelineProgram {
  return { ...program, input: program.input.slice(0, most) }
}

function smallStreams(program: StreamProgram, most: number): StreamProgram {
  const streams = program.streams.map((stream) => ({ ...stream, arrivals: stream.arrivals.slice(0, most) }))
  return { ...program, streams }
}

/** How much of it is done by workers, and what happens to them. */
function sharedBy(draw: Draw, said: number): Pick<Scenario, 'workers' | 'partitions' | 'later' | 'messages'> {
  const workers = draw.chance(0.5) ? 0 : draw.int(1, 4)
  const count = workers === 0 ? 0 : draw.int(0, MESSAGE_FAULTS_MAX)
  const messages = new Map(
    Array.from({ length: count }, () => [draw.int(0, said), draw.pick(['kill', 'kill', 'late', 'twice'] as const)]),
  )
  const partitions = draw.int(1, 5)
  const later = draw.chance(LATER_SHARE)
    ? Array.from({ length: LATER_LIVES }, () => ({ workers: draw.int(0, 3), partitions: draw.int(1, 5) }))
    : []
  return { workers, partitions, later, messages }
}

/** Points are asked for where they are passed, so that each ends about as many lives as another. */
function faultOf(draw: Draw, of: AnyProgram, life: number): Fault {
  if (draw.chance(0.1)) return { kind: 'disk', operation: draw.int(1, 60) }
  const kind = draw.chance(0.4) ? 'power' : 'process'
  if (draw.chance(0.3)) return { kind, point: undefined, pass: draw.int(1, 40) }
  if (life === 0 && draw.chance(0.4)) return { kind, point: draw.pick(FIRST_POINTS), pass: 1 }
  if (life > 0 && draw.chance(0.1)) return { kind, point: draw.pick(LATER_POINTS), pass: 1 }
  const isTold = of.kind === 'keeping' && of.program.topic === 'broker'
  if (isTold && draw.chance(0.75)) return { kind, point: draw.pick(TOLD_POINTS), pass: 1 }
  if (draw.chance(0.2)) return { kind, point: draw.pick(SELDOM_POINTS), pass: 1 }
  return { kind, point: draw.pick(ALWAYS_POINTS), pass: draw.chance(0.7) ? 1 : draw.int(2, 4) }
}

/** Elements of a program's input. */
export function inputOf(of: AnyProgram): number {
  if (of.kind !== 'stream') return of.program.input.length
  return of.program.streams.reduce((sum, { arrivals }) => sum + arrivals.length, 0)
}

function shortened(of: AnyProgram, length: number | undefined): AnyProgram {
  if (length === undefined) return of
  if (of.kind === 'pipeline')
    return { kind: 'pipeline', program: { ...of.program, input: of.program.input.slice(0, length) } }
  if (of.kind === 'keeping')
    return { kind: 'keeping', program: { ...of.program, input: of.program.input.slice(0, length) } }
  let left = length
  const streams = of.program.streams.map((stream) => {
    const arrivals = stream.arrivals.slice(0, left)
    left -= arrivals.length
    return { ...stream, arrivals }
  })
  return { kind: 'stream', program: { ...of.program, streams } }
}
