/**
 * Cases that are wrong on purpose: the harness must reject each, with the right words. What no wrong case has shown to be
 * noticed is not known to be noticed.
 */
import {
  afterCount,
  fixedWindows,
  type PipelineResult,
  type Runner,
  type RunnerOptions,
  sessionWindows,
} from 'millrace'
import { assertThat } from 'millrace/testing'
import { type ConformanceCase, constructionCase, pipelineCase, transcript } from '../cases/case.js'
import { dropped, end, expectPanes, input, pane, watermark } from '../cases/transcript.js'
import { ASSERTION_STEP } from '../../sdk/testing/verdict.js'
import { WRONG } from './case-module.js'
import { type CaseReport, runCase, type Setting } from './run-case.js'

/** A wrong case, and what must be said of it. */
export interface WrongCase {
  readonly of: ConformanceCase
  readonly rejected: RegExp
  /** The runner to run it on, where it is the runner that is wrong. */
  readonly on?: (runner: Runner) => Runner
}

const tens = fixedWindows(10)

/** The wrong cases. */
export const wrongCases: readonly WrongCase[] = [
  {
    of: transcript({
      id: 'WRONG-01',
      name: 'a pane with another value is noticed',
      windowFn: tens,
      events: [input(1, 2), watermark(10), expectPanes(pane([0, 10], [1, 3], 'onTime', 0))],
    }),
    rejected: /missing \[k \[0, 10\) \{1, 3\}.*unexpected \[k \[0, 10\) \{1, 2\}/,
  },
  {
    of: transcript({
      id: 'WRONG-02',
      name: 'a pane that does not come at the end is noticed',
      windowFn: tens,
      events: [
        input(1),
        watermark(10),
        expectPanes(pane([0, 10], [1], 'onTime', 0)),
        end(),
        expectPanes(pane([0, 10], [], 'late', 1)),
      ],
    }),
    rejected: /missing \[k \[0, 10\) \{\} late #1/,
  },
  {
    of: transcript({
      id: 'WRONG-03',
      name: 'a pane in another window is noticed',
      windowFn: sessionWindows(5),
      events: [input(1, 3), end(), expectPanes(pane([1, 9], [1, 3], 'onTime', 0))],
    }),
    rejected: /missing \[k \[1, 9\)/,
  },
  {
    of: transcript({
      id: 'WRONG-04',
      name: 'a pane that is not listed is noticed',
      windowFn: tens,
      events: [input(1, 11), end(), expectPanes(pane([0, 10], [1], 'onTime', 0))],
    }),
    rejected: /unexpected \[k \[10, 20\) \{11\}/,
  },
  {
    of: transcript({
      id: 'WRONG-05',
      name: 'a pane of another timing is noticed',
      windowFn: tens,
      events: [input(1), end(), expectPanes(pane([0, 10], [1], 'late', 0))],
    }),
    rejected: /missing .* late #0/,
  },
  {
    of: transcript({
      id: 'WRONG-06',
      name: 'a pane at another timestamp is noticed',
      windowFn: tens,
      options: { timestampCombiner: 'earliest' },
      events: [input(1), end(), expectPanes(pane([0, 10], [1], 'onTime', 0, { at: 9 }))],
    }),
    rejected: /missing .* @9\], unexpected .* @1\]/,
  },
  {
    of: transcript({
      id: 'WRONG-07',
      name: 'an element that is dropped without being listed is noticed',
      windowFn: tens,
      events: [watermark(20), input(1), end()],
    }),
    rejected: /expected 0 elements dropped due to lateness, got 1/,
  },
  {
    of: transcript({
      id: 'WRONG-08',
      name: 'an element that is not dropped although it is listed is noticed',
      windowFn: tens,
      events: [input(1), end(), expectPanes(pane([0, 10], [1], 'onTime', 0)), dropped(1)],
    }),
    rejected: /expected 1 elements dropped due to lateness, got 0/,
  },
  {
    of: pipelineCase({
      id: 'WRONG-09',
      name: 'an assertion that does not hold is noticed',
      build: (p) => assertThat('numbers', p.create('numbers', [1, 2])).containsInAnyOrder(1, 3),
    }),
    rejected: /assert numbers.*missing: \[?3/,
  },
  {
    of: pipelineCase({
      id: 'WRONG-10',
      name: 'an assertion that is never judged is noticed, though the runner says nothing',
      build: (p) => assertThat('numbers', p.create('numbers', [1, 2])).containsInAnyOrder(1, 2),
    }),
    rejected: /assert numbers was to be judged once, and was judged 0 times/,
    on: losingVerdicts,
  },
  {
    of: pipelineCase({
      id: 'WRONG-11',
      name: 'a failure that does not happen is noticed',
      build: (p) => void p.create('numbers', [1]).map('fine', (n) => n),
      fails: { message: /never/ },
    }),
    rejected: /expected a failure that says \/never\/, and there was none/,
  },
  {
    of: pipelineCase({
      id: 'WRONG-12',
      name: 'a failure of another step is noticed',
      build: (p) =>
        void p.create('numbers', [1]).map('breaks', (): number => {
          throw new Error('it breaks')
        }),
      fails: { message: /it breaks/, step: 'numbers' },
    }),
    rejected: /expected the error to name step "numbers", and it names "breaks"/,
  },
  {
    of: pipelineCase({
      id: 'WRONG-13',
      name: 'a case that claims nothing is noticed',
      build: (p) => void p.create('numbers', [1]),
    }),
    rejected: /it claims nothing/,
  },
  {
    of: constructionCase({
      id: 'WRONG-14',
      name: 'a refusal that does not come is noticed',
      check: (claims) => void claims.refuses(() => fixedWindows(10), { message: /size/ }),
    }),
    rejected: /expected a failure that says \/size\//,
  },
  {
    of: pipelineCase({
      id: 'WRONG-15',
      name: 'a runner that runs what it says it cannot is noticed',
      needs: ['reshuffle'],
      build: (p) => assertThat('numbers', p.create('numbers', [1]).reshuffle('spread')).containsInAnyOrder(1),
    }),
    rejected: /lacks and does not refuse: it ran/,
    on: (runner) => ({
      ...runner,
      features: new Set([...runner.features].filter((feature) => feature !== 'reshuffle')),
    }),
  },
  {
    of: pipelineCase({
      id: 'WRONG-16',
      name: 'a fault that is listed as known and is gone is noticed',
      brokenOn: [{ runner: 'mended', reason: 'it was broken once' }],
      build: (p) => assertThat('numbers', p.create('numbers', [1])).containsInAnyOrder(1),
    }),
    rejected: /it passes, and is listed as broken on mended/,
    on: (runner) => ({ ...runner, name: 'mended' }),
  },
  {
    of: pipelineCase({
      id: 'WRONG-17',
      name: 'a check after the run that does not hold is noticed',
      build(p) {
        p.create('numbers', [1]).collect('all')
        return ({ result }, claims) => claims.same(result.collect('all'), [2], 'collected')
      },
    }),
    rejected: /collected: expected \[2\], got \[1\]/,
  },
  {
    of: transcript({
      id: 'WRONG-18',
      name: 'an element that is dropped because its window is closed is noticed',
      needs: ['triggers.early'],
      windowFn: tens,
      options: { trigger: afterCount(1), allowUnsafeTrigger: true },
      events: [input(1), expectPanes(pane([0, 10], [1], 'early', 0)), input(2), end()],
    }),
    rejected: /expected 0 elements dropped because their window was closed, got 1/,
  },
]

/** Passes when the harness rejects the case with the right words. */
export async function rejectionReport({ of, rejected, on }: WrongCase, setting: Setting): Promise<CaseReport> {
  const { makeRunner } = setting
  const { id, name } = of
  const report = await runCase(
    of,
    { ...setting, makeRunner: on === undefined ? makeRunner : () => on(makeRunner()) },
    WRONG,
  )
  const { runs, status, why } = report
  if (status === 'refused' || status === 'leftOut') return report
  if (status === 'failed' && rejected.test(why)) return { id, name, status: 'passed', why: '', runs, claims: 1 }
  const fault =
    status === 'failed'
      ? `the harness rejects it, and says "${why}" instead of ${rejected}`
      : `the harness takes it for ${status}`
  return { id, name, status: 'failed', why: fault, runs, claims: 1 }
}

/** A runner that forgets verdicts, and does not look at them. */
function losingVerdicts(runner: Runner): Runner {
  return {
    ...runner,
    start(built, options?: RunnerOptions) {
      const running = runner.start(built, options)
      return { ...running, result: running.result.then(withoutVerdicts) }
    },
  }
}

function withoutVerdicts(result: PipelineResult): PipelineResult {
  return {
    state: result.state,
    metrics: result.metrics,
    collect: <T>(name: string) => (name.endsWith(ASSERTION_STEP) ? [] : result.collect<T>(name)),
    collectWindowed: <T>(name: string) => result.collectWindowed<T>(name),
  }
}
