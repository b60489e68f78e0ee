/**
 * The conformance suite, for anyone's runner: what a runner of Beam's model must do, case by case.
 *
 * @module millrace/conformance
 */
export { type Area, casesOf, loadCase, modules } from '../cases/index.js'
export type {
  Afterwards,
  CaseFacts,
  CheckCase,
  ConformanceCase,
  Ending,
  ExpectedFailure,
  KnownFault,
  ModeTrait,
  PipelineCase,
  RunControl,
  Transcript,
} from '../cases/case.js'
export { type LeftOutRow, leftOutRows } from '../cases/left-out.js'
export { Claims } from '../cases/claims.js'
export type { ExpectedPane, ScriptedElement, TranscriptEvent } from '../cases/transcript.js'
export { conformance, type ConformanceOptions } from './vitest.js'
export { allModes, chosenModes, type Mode, type ModeChoice } from './modes.js'
export { type Sharing } from './shared-jobs.js'
export { type CaseReport, runCase, type Setting, type Status } from './run-case.js'
export { type AddressedCase, listCases } from './suite.js'
export { conformanceCommand, type CommandOptions } from './command.js'
