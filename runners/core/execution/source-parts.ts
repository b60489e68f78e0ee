/**
 * What stands behind a splittable step.
 */
import type { Env } from '../../../sdk/env.js'
import type { BuiltPipeline } from '../../../sdk/graph/model.js'
import type { Acknowledgements } from './acknowledgements.js'
import type { WorkShare } from './exchange.js'
import type { Inbox } from './inbox.js'
import type { BundleLimits } from './reading-disorder.js'
import type { GateParts } from './side-gate.js'
import type { SourceJournal } from './source-journal.js'

/** What stands behind a splittable step. */
export interface SourceParts extends GateParts {
  readonly built: BuiltPipeline
  readonly inbox: Inbox
  readonly env: Env
  readonly limits: BundleLimits
  readonly acknowledgements: Acknowledgements
  /** Whether scripted events move the clock that delays are measured by; else they are real time. */
  readonly isScripted: boolean
  /** Where turns are written down, to be done again. */
  readonly journal: SourceJournal | undefined
  /** Set where others share the work. */
  readonly share: WorkShare | undefined
}
