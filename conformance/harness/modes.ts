/**
 * The ways in which a correct runner cannot be told apart: both stage compilers, bundles of any size, strict mode under
 * several seeds. One case runs in all of them; its expectation is written once.
 *
 * Law: a seed decides everything that is random, so that a mode's name repeats it.
 */
import { type Feature, PipelineError, type Runner, type RunnerOptions, seededRandom } from 'millrace'
import type { ModeTrait } from '../cases/case.js'
import type { Sharing } from './shared-jobs.js'

/** A way of running a case. */
export interface Mode {
  /** Unique among the modes of a run. */
  readonly name: string
  readonly options: RunnerOptions
  /** Those of pipelines that an engine runs as streams, besides. */
  readonly streamOptions?: RunnerOptions
  /** What the runner has, though not with these options. */
  readonly lacks?: readonly Feature[]
  /** What a case may leave out. */
  readonly traits: readonly ModeTrait[]
  /** Whether each input of a script stays one bundle, so that panes come exactly as written. */
  readonly keepsScripts: boolean
  /** Whether a runner may do without it, refusing it with `UnsupportedFeature`. */
  readonly isOptional?: boolean
  /** Whether functions run in workers, each of which builds the case anew; what a case notes in variables is not seen then. */
  readonly isElsewhere?: boolean
  /** Whether cases share jobs, where beginning one takes seconds. Scripts are played once then, by all keys, and to their end. */
  readonly shares?: Sharing
  /** How many cases run at once, each in jobs of its own, where a job waits longer than it works. Default: 1. */
  readonly atOnce?: number
  /** Ends what runs share, after a run that was stopped: what it has left behind works on beside others. The next run makes it anew. */
  readonly renew?: () => Promise<void>
  /** Whether what runs share is not this process's to end. */
  readonly cannotRenew?: boolean
  /** Makes the runner of this mode, where it is not the one that every mode gives its options to. */
  readonly makeRunner?: () => Runner
}

/** A choice of modes: one for a quick answer, all, or by name. */
export type ModeChoice = 'one' | 'all' | readonly string[]

/** All modes under a seed. */
export function allModes(seed: number): readonly Mode[] {
  const random = seededRandom(seed)
  const size = 3 + Math.floor(random() * 40)
  return [
    fast('generated', 'generated'),
    fast('closures', 'closures'),
    fast('bundles of 1', 'generated', 1),
    fast('bundles of 2', 'closures', 2),
    fast('bundles of 7', 'generated', 7),
    fast(`bundles of ${size}, by seed`, 'closures', size),
    strict(seed, 'generated'),
    strict(seed + 1, 'closures'),
    strict(seed + 2, 'generated', 1),
    reexecuted(seed + 3),
  ]
}

/** The modes of a choice. @throws when there is no mode of a name. */
export function chosenModes(choice: ModeChoice, seed: number): readonly Mode[] {
  return chosenAmong(allModes(seed), choice)
}

/** Those of a choice among `all`. @throws when there is no mode of a name. */
export function chosenAmong(all: readonly Mode[], choice: ModeChoice): readonly Mode[] {
  if (choice === 'all') return all
  if (choice === 'one') return all.slice(0, 1)
  return choice.map((name) => {
    const mode = all.find((each) => each.name === name)
    if (mode !== undefined) return mode
    const names = ['one', 'all', ...all.map((each) => each.name)].map((each) => `"${each}"`)
    throw new PipelineError('MR-7017', `there is no mode "${name}". Modes: ${names.join('; ')}.`)
  })
}

function fast(name: string, stageCompiler: 'generated' | 'closures', bundleSize?: number): Mode {
  const sized = bundleSize === undefined ? {} : { bundleSize }
  return {
    name,
    options: { stageCompiler, ...sized },
    traits: bundleSize === undefined ? ['fast', stageCompiler] : ['fast', stageCompiler, 'bundles'],
    // A script decides its own bundles; their size is a matter of sources.
    keepsScripts: true,
  }
}

function strict(seed: number, stageCompiler: 'generated' | 'closures', bundleSize?: number): Mode {
  const sized = bundleSize === undefined ? {} : { bundleSize }
  return {
    name: `strict, seed ${seed}, ${stageCompiler}${bundleSize === undefined ? '' : `, bundles of ${bundleSize}`}`,
    options: { strict: true, seed, stageCompiler, ...sized },
    traits: ['strict', 'bundles', stageCompiler],
    keepsScripts: false,
  }
}

/** Every bundle is attempted twice, and the first attempt thrown away. */
function reexecuted(seed: number): Mode {
  const { options, traits, keepsScripts } = strict(seed, 'closures')
  return {
    name: `strict, seed ${seed}, each bundle twice`,
    options: { ...options, reexecute: true },
    traits: [...traits, 'reexecuted'],
    keepsScripts,
    isOptional: true,
  }
}
