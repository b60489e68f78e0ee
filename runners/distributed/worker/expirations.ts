/**
 * Timers by which an engine tells that windows expire: engines that know expirations set them by themselves, for others they are set for
 * every key and window that a bundle has met. All must hear that no more will come.
 */
import { ByteWriter, type Coder, type TimerElement } from '../../../sdk/coders/index.js'
import { expiryOf } from '../../../sdk/windowing/expiry.js'
import type { BoundedWindow } from '../../../sdk/windowing/window.js'
import type { ParDoOperator } from '../../core/stage.js'
import type { StateRecord } from '../../core/state-internals.js'
import { EXPIRATION_FAMILY } from '../translation/par-do.js'
import type { Fragment } from './fragment.js'
import { expirationTimer } from './remote-timers.js'
import type { StageAtWork } from './stage-at-work.js'

/** Timers that a bundle leaves, by step; no bytes where the engine sets them. @param expires whether a window expires in the bundle. */
export function expirationsOf(
  stages: readonly StageAtWork[],
  fragment: Fragment,
  expires: (record: StateRecord) => boolean,
): readonly { readonly transformId: string; readonly bytes: Uint8Array | undefined }[] {
  type Told = { readonly transformId: string; readonly bytes: Uint8Array | undefined }
  return [...fragment.kept].flatMap(([step, { transformId, payload }]): readonly Told[] => {
    const family = payload.timerFamilySpecs[EXPIRATION_FAMILY]
    const at = stages.find(({ stage }) => stage.root.info.id === step)
    if (family === undefined) return []
    if (at?.kept === undefined || payload.onWindowExpirationTimerFamilySpec !== '')
      return [{ transformId, bytes: undefined }]
    const coder = fragment.coders.of(family.timerFamilyCoderId) as Coder<TimerElement<unknown, BoundedWindow>>
    const { allowedLatenessMillis } = (at.stage.root as { readonly operator: ParDoOperator }).operator.strategy
    const out = new ByteWriter()
    for (const record of at.kept.state.met())
      if (!record.isEmpty && !expires(record))
        coder.encode(expirationTimer(record, expiryOf(record.window, allowedLatenessMillis)), out, true)
    return [{ transformId, bytes: out.take() }]
  })
}
