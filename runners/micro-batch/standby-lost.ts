/**
 * Why a standby cannot go on as it is.
 */
import type { ErrorCode } from '../../sdk/error-codes.js'

/** Why a standby cannot go on as it is; another one may, from the newest commit. */
export class StandbyLost extends Error {
  override readonly name = 'StandbyLost'
  readonly code: ErrorCode = 'MR-6073'
  readonly why: 'behind' | 'differs' | 'failed'

  constructor(why: StandbyLost['why'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.why = why
  }
}
