/**
 * What stands behind the steps of a fragment that keep something: state and timers of the engine, and its side inputs.
 */
import { coderOf } from '../../../sdk/graph/coders.js'
import { invariant } from '../../../sdk/invariant.js'
import { windowCoderOf } from '../../../sdk/windowing/window-coder.js'
import { cellCodersOf } from '../../core/cells/cell-place.js'
import { cellKeeping } from '../../core/cells/kept-cells.js'
import { type ParDoOperator, type Stage, sideInputs } from '../../core/stage.js'
import type { BundleName, CacheTokens } from '../wire/messages.js'
import type { Fragment, KeptStep } from './fragment.js'
import { RemoteSides } from './remote-sides.js'
import { RemoteState } from './remote-state.js'
import { type RemoteTimer, RemoteTimers } from './remote-timers.js'
import type { BundleCache } from './state-cache.js'
import type { StageAtWork } from './stage-at-work.js'
import type { WorkerRun } from './worker-run.js'

/** Whose steps they are. */
export interface BehindSteps {
  readonly run: WorkerRun
  readonly fragment: Fragment
  /** The bundle at work. */
  bundle(): BundleName
  tokens(): CacheTokens
  readonly cache: BundleCache
}

function keptStep({ fragment }: BehindSteps, step: string): KeptStep {
  const found = fragment.kept.get(step)
  invariant(found !== undefined, 'a step that keeps something is one of the engine', { step })
  return found
}

/** State and timers of a step. */
export function keptOf(operator: ParDoOperator, behind: BehindSteps): NonNullable<StageAtWork['kept']> {
  const { info, fn, payload, strategy } = operator
  const step = keptStep(behind, info.id)
  const { run, fragment } = behind
  const { built, coders, stateUrl } = fragment
  const { transformId } = step
  const specs = (fn.kind === 'doFn' ? fn.doFn.state : undefined) ?? {}
  const nodes = [...payload.stateSpecs.values()]
  const cells = Object.entries(specs).map(([name, spec], cell) => ({
    name,
    keeping: cellKeeping(
      info.path,
      spec,
      cellCodersOf(nodes[cell] as (typeof nodes)[number], (id) => coderOf(built, id)),
    ),
  }))
  const [keyId = ''] = coders.partsOf(step.inputCoderId)
  const [ownKeyId = ''] = built.graph.components.coders.get(operator.inputCoderId)?.componentCoderIds ?? []
  const state = new RemoteState({
    transformId,
    cells,
    timerCount: payload.timerSpecs.size,
    key: coders.of(keyId),
    ownKey: coderOf(built, ownKeyId),
    window: windowCoderOf(strategy.windowFn),
    read: (wanted) =>
      behind.cache.read(wanted, behind.tokens().state, (keys) =>
        run.wire.read({ kind: 'get', bundle: behind.bundle(), url: stateUrl, keys }),
      ),
    kept: (key) => behind.cache.takeDecoded(key, behind.tokens().state),
    keep: (key, cell) => behind.cache.keepDecoded(key, behind.tokens().state, cell),
    change: (key, content) => {
      behind.cache.changed(key, behind.tokens().state, content)
      const put = { kind: 'put', bundle: behind.bundle(), url: stateUrl, key } as const
      run.wire.send({ ...put, change: { kind: 'clear' } })
      if (content !== undefined) run.wire.send({ ...put, change: { kind: 'append', data: content } })
    },
  })
  const families = [...payload.timerSpecs].map(([name, { timeDomain }]): RemoteTimer => ({
    name,
    isProcessingTime: timeDomain === 'processingTime',
    coder: coders.of(step.payload.timerFamilySpecs[name]?.timerFamilyCoderId ?? '') as RemoteTimer['coder'],
  }))
  const timers = new RemoteTimers(
    families,
    () => run.clock.now(),
    () => run.env.now(),
  )
  return { transformId, families, state, timers }
}

/** Side inputs of a stage, where it has some. */
export function sidesOf(stage: Stage, behind: BehindSteps): RemoteSides | undefined {
  const sides = sideInputs(stage)
  if (sides.length === 0) return undefined
  const { info } = stage.root
  const { run, fragment } = behind
  const { built, coders, stateUrl } = fragment
  const step = keptStep(behind, info.id)
  return new RemoteSides(built, coders, step, sides, info, (key, side) => {
    const token = behind.tokens().sides.get(`${step.transformId} ${side}`)
    const [bytes] = behind.cache.read([key], token, (keys) =>
      run.wire.read({ kind: 'get', bundle: behind.bundle(), url: stateUrl, keys }),
    )
    return bytes ?? new Uint8Array(0)
  })
}
