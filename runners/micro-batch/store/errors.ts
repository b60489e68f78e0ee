/**
 * What can go wrong with a CheckpointStore, and nothing else.
 *
 * Law: whoever meets one of these has lost nothing that was committed; the message names the place or file.
 */
import type { ErrorCode } from '../../../sdk/error-codes.js'
import { messageOf } from '../../../sdk/errors.js'

/** Another holder's lease lasts. */
export class LeaseHeld extends Error {
  override readonly name = 'LeaseHeld'
  readonly code: ErrorCode = 'MR-6101'
  /** Who holds it. */
  readonly holder: string
  /** Until when, milliseconds since 1970, unless it is renewed. */
  readonly until: number

  constructor(place: string, holder: string, until: number, now: number) {
    super(
      `the checkpoint ${place} is held by ${holder}, for another ${Math.ceil((until - now) / 100) / 10} s unless it is renewed. Stop that run, or wait until it has given the checkpoint back.`,
    )
    this.holder = holder
    this.until = until
  }
}

/** A newer lease was given out, or this one was given back: whoever holds it writes nothing more. */
export class StoreFenced extends Error {
  override readonly name = 'StoreFenced'
  readonly code: ErrorCode = 'MR-6102'

  constructor(place: string, epoch: number, newest: number, holder: string) {
    const now = epoch < newest ? `${holder} has taken it over with epoch ${newest}` : 'it was given back'
    super(
      `the checkpoint ${place} is no longer held with epoch ${epoch}: ${now}. Nothing was written. End this run. A run that has not renewed its hold for 10 s may be taken over from: a step that keeps the thread for so long keeps it from that; let it wait for what takes long (await), or do less in a call.`,
    )
  }
}

/** What is stored does not fit together. */
export class StoreDamaged extends Error {
  override readonly name = 'StoreDamaged'
  readonly code: ErrorCode = 'MR-6103'
  /** The file that is damaged. */
  readonly file: string

  constructor(file: string, what: string, cause?: unknown) {
    super(
      `the checkpoint file ${file} is damaged: ${what}. Nothing was written. Put back the newest savepoint, which is a query of its own, so that what was delivered since is delivered again; or begin a new query in a new folder. A copy of the whole folder, all files of the same moment, helps if nothing was delivered since (MR-6109).`,
      cause === undefined ? undefined : { cause },
    )
    this.file = file
  }
}

/** What is stored is of a format that is not read here. */
export class StoreFormatUnknown extends Error {
  override readonly name = 'StoreFormatUnknown'
  readonly code: ErrorCode = 'MR-6104'
  readonly file: string

  constructor(file: string, what: string) {
    super(
      `the checkpoint file ${file} is not read by this version: ${what}. Nothing was written. Run the version that wrote it, or give the query a folder of its own.`,
    )
    this.file = file
  }
}

/** The system refused. */
export class StoreFailed extends Error {
  override readonly name = 'StoreFailed'
  /** `MR-6106` when there is no room. */
  readonly code: ErrorCode
  readonly file: string

  constructor(file: string, what: string, isFull: boolean, cause?: unknown) {
    super(
      isFull
        ? `there is no room for the checkpoint file ${file}: ${what}. What was committed is kept. Make room and try again.`
        : `the checkpoint file ${file} cannot be written or read: ${what}. What was committed is kept. Start the run again when the cause is gone.`,
      cause === undefined ? undefined : { cause },
    )
    this.code = isFull ? 'MR-6106' : 'MR-6105'
    this.file = file
  }
}

/** Something is where something new was to begin. */
export class StoreOccupied extends Error {
  override readonly name = 'StoreOccupied'
  readonly code: ErrorCode = 'MR-6107'

  constructor(place: string, what: string) {
    super(`${place} ${what}, and is not replaced. Give a new place.`)
  }
}

/** A copy that is a query of its own would deliver once more what was not delivered to the end. */
export class DeliveriesPending extends Error {
  override readonly name = 'DeliveriesPending'
  readonly code: ErrorCode = 'MR-6108'

  constructor(place: string, batch: number) {
    super(
      `batch ${batch} of the checkpoint ${place} is committed, and its sinks have not taken all of it: a savepoint would deliver it once more, as a query of its own. Start the run again and let it deliver, then take the savepoint.`,
    )
  }
}

/** A sink has more of the query than the checkpoint: a copy from before was put back, or runs beside its original. */
export class CheckpointOutdated extends Error {
  override readonly name = 'CheckpointOutdated'
  readonly code: ErrorCode = 'MR-6109'

  /** @param known the newest batch that was known before `newest`. @param committed the newest committed batch by now. */
  constructor(place: string, step: string, newest: number, known: number, committed: number) {
    const isBegun = committed > known
    super(
      `the checkpoint ${place} is older than what was delivered: the sink of step "${step}" has batch ${newest} of this query already, and the checkpoint knew of ${known === 0 ? 'none' : `batch ${known}`} when it was begun from. So it is a copy from before that was put back, or that runs beside its original, and what it delivers would be taken for repetitions and be lost. ${isBegun ? `What this run had for batch ${newest} was not delivered; nothing more is done` : 'Nothing was done'}. Go on from the newest checkpoint, or make a savepoint of the copy${isBegun ? ' as it was before this run' : ''} (millrace savepoint COPY TARGET) and run with checkpoint: TARGET: that is a query of its own, and what was delivered since is delivered again.`,
    )
  }
}

/** The message of whatever was thrown, for the end of a sentence. */
export function reasonOf(error: unknown): string {
  return messageOf(error).replace(/\.$/, '')
}
