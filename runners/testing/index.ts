/**
 * The testing kit: scripted sources and assertions that run on every runner, a tester of DoFns, checkers of laws, and the
 * simulation of an author's own pipeline.
 *
 * @module millrace/testing
 */
export * from '../../sdk/testing/index.js'
export type { Change, Perturbation, Scenario } from './scenario.js'
export {
  type Finding,
  simulate,
  type SimulateOptions,
  type SimulationReport,
  type SimulationVerdict,
} from './simulate.js'
