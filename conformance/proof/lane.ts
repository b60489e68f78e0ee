/**
 * A lane of the proof: one program that tries one claim of the project on its full set of seeds, kills, mutants or cuts.
 *
 * Law: a lane counts what it checked and what of it failed; one that checked nothing has failed.
 */

/** What a lane counted. */
export interface Tally {
  readonly passed: number
  readonly failed: number
}

/** What runs: the words of the command line after the lane's name come in, the count comes out. */
export type LaneProgram = (args: readonly string[]) => Promise<Tally>

/** A lane as the dispatcher's table lists it. */
export interface Lane {
  readonly name: string
  /** One line for people: what is claimed, and the lane's own flags. */
  readonly meaning: string
  /** The words that make it try a sample: from this seed on, for about so many minutes. A lane without has no part in samples. */
  readonly sample?: (seed: number, minutes: number) => readonly string[]
  /** Loads the program; only here may anything heavy be imported. */
  readonly load: () => Promise<LaneProgram>
}
