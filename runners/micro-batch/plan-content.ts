/**
 * The plan of a batch as bytes: the rounds in which its sources did something, and what else has to be known to do it again.
 *
 * Law: what is decoded is what was encoded, also in a graph whose stages have other numbers.
 */
import { decodeFromBytes, dynamicCoder, encodeToBytes } from '../../sdk/coders/index.js'
import { invariant } from '../../sdk/invariant.js'
import type { SourceCodec } from '../core/execution/source-codec.js'
import type { TurnRecord } from '../core/execution/source-journal.js'
import type { ShedRecord } from './load-shedding.js'

/** Rounds in which the same was done; what the last of them left is known. */
export interface Rounds {
  turns: readonly TurnRecord[]
  times: number
  /** Whether a script went on before it. */
  readonly isReleased: boolean
  /** Whether it broke off, and some sources had not told what they did. Of none that is written down. */
  readonly isPart?: boolean
}

/** What a plan has besides its rounds. */
export interface PlanRest {
  /** What load shedding drops. */
  readonly shed: readonly ShedRecord[]
  /** How many rounds follow. */
  readonly after: number
  /** Among how many partitions on workers the turns are; 0 without workers, where work is cut and counted otherwise. */
  readonly hosts: number
}

/** A plan. */
export interface PlanContent extends PlanRest {
  readonly rounds: readonly Rounds[]
}

/** What is to be known of a plan before it is done. */
export interface PlanTraits extends Pick<PlanRest, 'hosts'> {
  /** Whether nothing is done by it. */
  readonly isEmpty: boolean
  /** Whether it has elements that lie nowhere else. */
  readonly holdsElements: boolean
}

/** Rounds as they are written: sources are named, since their stages have other numbers where combines are lifted. */
type PlainRounds = readonly [
  isReleased: boolean,
  turns: readonly (readonly [source: string | number, turn: unknown, partition?: number])[],
  times: number,
]

/** Nothing besides the rounds. */
const NO_REST: PlanRest = { shed: [], after: 0, hosts: 0 }

/** As bytes. */
export function encodePlan(
  rounds: readonly Rounds[],
  codecs: ReadonlyMap<number, SourceCodec>,
  { shed, after, hosts }: PlanRest,
): Uint8Array {
  const plain = rounds.map(({ turns, times, isReleased }) => [
    isReleased,
    turns.map((turn) => {
      const codec = codecs.get(turn.stage) as SourceCodec
      return [codec.step, codec.turn(turn), turn.partition ?? 0]
    }),
    times,
  ])
  const rest = {
    ...(shed.length === 0 ? {} : { shed }),
    ...(after === 0 ? {} : { after }),
    ...(hosts === 0 ? {} : { hosts }),
  }
  return encodeToBytes(dynamicCoder, Object.keys(rest).length === 0 ? plain : [...plain, rest])
}

/** A plan by which nothing is done: what can be read again is read again by the batch after it. */
export function emptyPlan(): Uint8Array {
  return encodePlan([], new Map(), NO_REST)
}

/** From bytes that a driver has written. */
export function decodePlan(bytes: Uint8Array, codecs: ReadonlyMap<number, SourceCodec>): PlanContent {
  const { rounds, rest } = partsOf(bytes)
  const byStep = new Map([...codecs].map(([stage, codec]) => [codec.step, stage]))
  const stageOf = (source: string | number): number => {
    // Development versions wrote numbers.
    const stage = typeof source === 'number' ? source : byStep.get(source)
    invariant(stage !== undefined, 'a plan is of sources that there are', { source })
    return stage
  }
  return {
    ...rest,
    rounds: rounds.map(([isReleased, turns, times]) => ({
      isReleased,
      turns: turns.map(([source, turn, partition = 0]) => {
        const stage = stageOf(source)
        return { ...(codecs.get(stage) as SourceCodec).turnFrom(stage, turn), partition }
      }),
      times,
    })),
  }
}

/** What can be said of a plan without the graph that it is of. */
export function planTraits(bytes: Uint8Array): PlanTraits {
  const { rounds, rest } = partsOf(bytes)
  const reads = rounds.flatMap(([, turns]) =>
    turns.flatMap(([, turn]) => (turn as { readonly reads: readonly { readonly elements: unknown }[] }).reads),
  )
  return { hosts: rest.hosts, isEmpty: rounds.length === 0, holdsElements: reads.some(({ elements }) => elements !== null) } // prettier-ignore
}

function partsOf(bytes: Uint8Array): { readonly rounds: readonly PlainRounds[]; readonly rest: PlanRest } {
  const parts = decodeFromBytes(dynamicCoder, bytes) as readonly (PlainRounds | Partial<PlanRest>)[]
  const isRounds = (part: PlainRounds | Partial<PlanRest>): part is PlainRounds => Array.isArray(part)
  const rest = parts.find((part): part is Partial<PlanRest> => !isRounds(part))
  return { rounds: parts.filter(isRounds), rest: { ...NO_REST, ...rest } }
}
