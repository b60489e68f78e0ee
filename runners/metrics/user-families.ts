/**
 * What DoFns declare, as metrics of Prometheus: a counter as a counter, a distribution as a summary without quantiles and
 * two gauges, a gauge as a gauge, a set of strings as how many there are and, while they are few, which.
 *
 * Law: two metrics that are not the same never share a family. Names differ only in what Prometheus' names cannot have:
 * then the later, in the order of kinds and names, has a mark behind it that depends on nothing but kind and name.
 */
import { textHash } from './text-hash.js'
import type { DistributionResult, MetricKind } from '../../sdk/metrics.js'
import type { MetricReading } from '../runner.js'
import { type Family, type Labels, metricName, type Sample } from './exposition.js'

/** Strings that are listed; beyond that many only their number is told. */
export const STRINGS_LISTED_MAX = 20

const KINDS: readonly MetricKind[] = ['counter', 'distribution', 'gauge', 'stringSet']

/** One metric with its readings in all steps. */
interface Declared {
  readonly kind: MetricKind
  readonly name: string
  readonly readings: readonly MetricReading[]
}

/** The families of declared metrics. */
export function userFamilies(readings: readonly MetricReading[], run: Labels): readonly Family[] {
  const claimed = new Set<string>()
  return declaredIn(readings).flatMap((declared) => {
    const plain = familiesOf(declared, `millrace_user_${metricName(declared.name)}`, run)
    const isFree = plain.every((each) => namesOf(each).every((name) => !claimed.has(name)))
    const marked = `millrace_user_${metricName(declared.name)}_${textHash(`${declared.kind} ${declared.name}`)}`
    const families = isFree ? plain : familiesOf(declared, marked, run)
    for (const each of families) for (const name of namesOf(each)) claimed.add(name)
    return families
  })
}

function declaredIn(readings: readonly MetricReading[]): readonly Declared[] {
  const groups = new Map<string, MetricReading[]>()
  for (const reading of readings) {
    const key = `${KINDS.indexOf(reading.kind)} ${reading.name}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [reading])
    else group.push(reading)
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, group]) => group.slice(0, 1).map(({ kind, name }) => ({ kind, name, readings: group })))
}

/** Names that no other family may have. */
function namesOf({ name, type }: Family): readonly string[] {
  return type === 'summary' ? [name, `${name}_sum`, `${name}_count`, `${name}_bucket`] : [name]
}

function familiesOf({ kind, name, readings }: Declared, base: string, run: Labels): readonly Family[] {
  const each = (samples: (reading: MetricReading, labels: Labels) => readonly Sample[]): readonly Sample[] =>
    readings.flatMap((reading) => samples(reading, { ...run, step: reading.step }))
  const number = (value: number | bigint | undefined, labels: Labels): readonly Sample[] =>
    value === undefined ? [] : [{ labels, value }]
  const text = JSON.stringify(name)
  switch (kind) {
    case 'counter':
      return [
        {
          name: `${base.replace(/_total$/, '')}_total`,
          type: 'counter',
          help: `Counter ${text} of user code.`,
          samples: each(({ value }, labels) => number(value as number | bigint, labels)),
        },
      ]
    case 'gauge':
      return [
        {
          name: withoutReserved(base),
          type: 'gauge',
          help: `Gauge ${text} of user code.`,
          samples: each(({ value }, labels) => number(value as number | undefined, labels)),
        },
      ]
    case 'distribution': {
      const plain = withoutReserved(base)
      const of = ({ value }: MetricReading): DistributionResult => value as DistributionResult
      return [
        {
          name: plain,
          type: 'summary',
          help: `Distribution ${text} of user code.`,
          samples: each((reading, labels) => [
            { suffix: '_sum', labels, value: of(reading).sum },
            { suffix: '_count', labels, value: of(reading).count },
          ]),
        },
        {
          name: `${plain}_min`,
          type: 'gauge',
          help: `Smallest value of distribution ${text} of user code.`,
          samples: each((reading, labels) => number(of(reading).min, labels)),
        },
        {
          name: `${plain}_max`,
          type: 'gauge',
          help: `Largest value of distribution ${text} of user code.`,
          samples: each((reading, labels) => number(of(reading).max, labels)),
        },
      ]
    }
    case 'stringSet': {
      const strings = ({ value }: MetricReading): readonly string[] => value as readonly string[]
      return [
        {
          name: `${base}_strings`,
          type: 'gauge',
          help: `How many strings set ${text} of user code has.`,
          samples: each((reading, labels) => number(strings(reading).length, labels)),
        },
        {
          name: `${base}_info`,
          type: 'gauge',
          help: `Strings of set ${text} of user code, while there are at most ${STRINGS_LISTED_MAX}; always 1.`,
          samples: each((reading, labels) =>
            strings(reading).length > STRINGS_LISTED_MAX
              ? []
              : strings(reading).map((value) => ({ labels: { ...labels, value }, value: 1 })),
          ),
        },
      ]
    }
  }
}

/** Endings that mean something: `_total` a counter, `_count` a part of a summary. */
function withoutReserved(base: string): string {
  return /_(total|count|sum|bucket|info)$/.test(base) ? `${base}_value` : base
}
