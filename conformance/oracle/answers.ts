/**
 * What we answer to the oracle's questions, one line of JSON at a time: the same line with our results in the places of the
 * recorded ones, everything else kept.
 *
 * Law: results on a line are never looked at. What we do not have is said on the line, as `error`; nothing is left out.
 */
import { type CoderSample, runCoderSample } from './coder-sample.js'
import { runConstruction, runScenario } from './run-scenario.js'
import type { Construction, Scenario } from './scenario.js'
import type { ScenarioEngine } from './scenario-engine.js'

/** Kinds of lines. */
export type QuestionKind = 'scenarios' | 'constructions' | 'coders'

/** Gives a line's answer, of an engine where one is asked. May reject; the line then says why. */
export type Answer = (line: object, engine?: ScenarioEngine) => Promise<object>

/** Who answers what. A kind that nobody answers is refused by name. */
export const answers: ReadonlyMap<QuestionKind, Answer> = new Map<QuestionKind, Answer>([
  ['scenarios', (line, engine) => runScenario(line as Scenario, {}, engine)],
  ['constructions', (line) => Promise.resolve(runConstruction(line as Construction))],
  ['coders', (line) => Promise.resolve(runCoderSample(line as CoderSample))],
])
