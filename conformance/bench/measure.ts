/**
 * Measuring two programs against each other: in one process, in turn, their results compared before their times are
 * looked at. Only the ratio is meant to be believed; absolute times belong to the machine and the minute.
 */

/** Two programs that compute the same. */
export interface Contest {
  readonly name: string
  /** What is counted: elements, words. */
  readonly unit: string
  readonly count: number
  /** The program written by hand. */
  readonly hand: () => unknown
  /** The same as a pipeline. */
  readonly ours: () => Promise<unknown>
}

/** Times of one program, in nanoseconds per unit. */
export interface Times {
  /** As long as the quicker quarter takes at most. */
  readonly quarter: number
  readonly median: number
  readonly fastest: number
  readonly slowest: number
}

/** The outcome of a contest. */
export interface Outcome {
  readonly name: string
  readonly hand: Times
  readonly ours: Times
  /** Ratio of the medians. */
  readonly ratio: number
}

/**
 * Runs contests in rounds, every contest once a round, so that none meets a process warmed for it alone. Garbage is not
 * collected by force in between: that also throws away the compiled code of whatever has not run for a while.
 */
export async function compete(contests: readonly Contest[], rounds: number): Promise<readonly Outcome[]> {
  const times = contests.map(() => ({ hand: [] as number[], ours: [] as number[] }))
  for (let round = -1; round < rounds; round++) {
    for (const [i, contest] of contests.entries()) {
      const handFirst = round % 2 === 0
      const results: unknown[] = []
      for (const who of handFirst ? (['hand', 'ours'] as const) : (['ours', 'hand'] as const)) {
        const start = performance.now()
        results.push(who === 'hand' ? contest.hand() : await contest.ours())
        const millis = performance.now() - start
        // The round before the first warms up and is not counted.
        if (round >= 0) times[i]?.[who].push((millis * 1e6) / contest.count)
      }
      if (JSON.stringify(results[0]) !== JSON.stringify(results[1])) {
        throw new Error(`${contest.name}: the two programs differ: ${JSON.stringify(results)}`)
      }
    }
  }
  return contests.map((contest, i) => {
    const hand = timesOf(times[i]?.hand ?? [])
    const ours = timesOf(times[i]?.ours ?? [])
    return { name: contest.name, hand, ours, ratio: ours.median / hand.median }
  })
}

/** Median and spread. */
export function timesOf(values: readonly number[]): Times {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? Number.NaN
  return {
    quarter: at(sorted.length >> 2),
    median: at(sorted.length >> 1),
    fastest: at(0),
    slowest: at(sorted.length - 1),
  }
}

/** One value for several contests of a kind: the median of their ratios. */
export function medianRatio(outcomes: readonly Outcome[]): number {
  return timesOf(outcomes.map(({ ratio }) => ratio)).median
}
