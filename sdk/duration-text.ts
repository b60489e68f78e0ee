/**
 * Spans of time as text: `'90 seconds'`, `'1.5 hours'`, `'250ms'`. The program's texts and the command line's are read by
 * the same lines.
 *
 * Law: every text that Effect reads as a duration means the same here.
 */

/** Milliseconds of each unit, by all its names. */
const units: ReadonlyMap<string, number> = new Map(
  (
    [
      [1e-6, 'nano', 'nanos'],
      [1e-3, 'micro', 'micros'],
      [1, 'ms', 'milli', 'millis', 'millisecond', 'milliseconds'],
      [1000, 's', 'second', 'seconds'],
      [60_000, 'm', 'minute', 'minutes'],
      [3_600_000, 'h', 'hour', 'hours'],
      [86_400_000, 'd', 'day', 'days'],
      [604_800_000, 'week', 'weeks'],
    ] as const
  ).flatMap(([millis, ...names]) => names.map((name) => [name, millis] as const)),
)

/**
 * Milliseconds of a text, to the nanosecond; `undefined` when it is none. A number alone could mean anything and is none.
 */
export function textMillis(text: string): number | undefined {
  if (text === 'Infinity' || text === '-Infinity') return Number(text)
  const [, number, name = ''] = /^(-?\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(text.trim()) ?? []
  const unit = units.get(name)
  // To the nearest nanosecond: 1.001 × 1000 is a little less than 1001.
  return unit === undefined ? undefined : Math.round(Number(number) * unit * 1e6) / 1e6
}
