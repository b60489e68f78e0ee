/**
 * Acknowledging sources: when what a source has read may be acknowledged to where it comes from.
 *
 * Without a promise (`guarantee: 'gap'`) that is when the source's bundle is committed. At least once, it is when everything
 * that became of the bundle has left the pipeline: every stage after it has processed what it was given, and nothing waits. A
 * round gives each stage its turn, producers before consumers, and a turn takes all that waits; so at the end of a round
 * nothing of it is under way but what a stage *holds*: elements that wait for a side input, and restrictions that are still
 * being read. What is held has the number of the round its source was read in, or of an earlier one.
 *
 * Law: a bundle is acknowledged only when nothing that is held can come from it; what is held for ever holds up its own
 * bundle and later ones of the round, never all to come.
 */
import type { StepInfo } from '../stage.js'
import { callBack, type FinalizerHost } from '../bundle-finalizers.js'
import type { UpstreamStage } from './stage-executor.js'

interface Unacknowledged {
  readonly round: number
  readonly step: StepInfo
  readonly host: FinalizerHost
  readonly callback: () => void | Promise<void>
}

/** A stage that may keep elements from round to round. */
interface Holder extends UpstreamStage {
  /** The round that the oldest thing it holds may come from; infinity when it holds nothing. */
  readonly heldSince: number
}

/** The acknowledgements of a run. */
export class Acknowledgements {
  readonly #isDeferred: boolean
  /** All stages that may hold something of an acknowledging source. */
  #holders: readonly Holder[] | undefined
  #round = 0
  #waiting: Unacknowledged[] = []
  /** For each stage, those before it that may hold something of an acknowledging source. */
  readonly #holdersBefore = new Map<UpstreamStage, readonly Holder[]>()

  /** @param isDeferred whether acknowledgement waits for everything that became of an element. */
  constructor(isDeferred: boolean) {
    this.#isDeferred = isDeferred
  }

  /** The round that what arrives now at a stage may come from. */
  arrivalRound(stage: UpstreamStage): number {
    if (!this.#isDeferred) return 0
    let holders = this.#holdersBefore.get(stage)
    if (holders === undefined) this.#holdersBefore.set(stage, (holders = holdersBefore(stage)))
    return holders.reduce((round, { heldSince }) => Math.min(round, heldSince), this.#round)
  }

  /** A bundle of a source is committed, and these callbacks wait for the rest. `isReadAgain`: after a crash from where it lies. */
  async committed(
    host: FinalizerHost,
    step: StepInfo,
    callbacks: readonly (() => void | Promise<void>)[],
    _isReadAgain: boolean,
  ): Promise<void> {
    for (const callback of callbacks) {
      if (this.#isDeferred) this.#waiting.push({ round: this.#round, step, host, callback })
      else await acknowledge({ round: 0, step, host, callback })
    }
  }

  /** Every stage has had its turn. */
  async endOfRound(stages: readonly UpstreamStage[]): Promise<void> {
    this.#round++
    if (this.#waiting.length === 0) return
    this.#holders ??= stages.filter(isHolder).filter(isBehindSource)
    const held = this.#holders.reduce((oldest, { heldSince }) => Math.min(oldest, heldSince), Infinity)
    const ready = this.#waiting.filter(({ round }) => round < held)
    this.#waiting = this.#waiting.filter(({ round }) => round >= held)
    for (const each of ready) await acknowledge(each)
  }
}

async function acknowledge({ step, host, callback }: Unacknowledged): Promise<void> {
  host.env.crashpoint('source.acknowledge')
  await callBack(host, step, 'acknowledge', callback)
  host.env.crashpoint('source.acknowledged')
}

function isHolder(stage: UpstreamStage): stage is Holder {
  return 'heldSince' in stage
}

function holdersBefore(stage: UpstreamStage): readonly Holder[] {
  return stagesBefore(stage).filter(isHolder).filter(isBehindSource)
}

/** Whether what reaches the stage comes from a source that acknowledges. What else is held holds up nobody. */
function isBehindSource(stage: UpstreamStage): boolean {
  return stagesBefore(stage).some(
    ({ stage: { root } }) => root.kind === 'splittable' && root.fn.doFn.acknowledges === true,
  )
}

function stagesBefore(stage: UpstreamStage): readonly UpstreamStage[] {
  const before = new Set<UpstreamStage>()
  const visit = (each: UpstreamStage): void => {
    for (const producer of each.producers) {
      if (before.has(producer)) continue
      before.add(producer)
      visit(producer)
    }
  }
  visit(stage)
  return [...before]
}
