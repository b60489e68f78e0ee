import { describe, expect, it } from 'vitest'
import type { MetricReading } from 'millrace'
import { exposition } from './exposition.js'
import { STRINGS_LISTED_MAX, userFamilies } from './user-families.js'

function linesOf(...readings: readonly MetricReading[]): readonly string[] {
  return exposition(userFamilies(readings, { pipeline: 'p' }))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# HELP'))
}

const counter = (name: string, value: number | bigint = 1, step = 's'): MetricReading => ({
  step,
  name,
  kind: 'counter',
  value,
})

describe('metrics of user code', () => {
  it('a counter ends in _total, once', () => {
    expect(linesOf(counter('parsedLines', 7), counter('grand_total', 2n ** 60n))).toEqual([
      '# TYPE millrace_user_grand_total counter',
      'millrace_user_grand_total{pipeline="p",step="s"} 1152921504606846976',
      '# TYPE millrace_user_parsed_lines_total counter',
      'millrace_user_parsed_lines_total{pipeline="p",step="s"} 7',
    ])
  })

  it('steps that declare the same metric share a family', () => {
    expect(linesOf(counter('seen', 1, 'a'), counter('seen', 2, 'b'))).toEqual([
      '# TYPE millrace_user_seen_total counter',
      'millrace_user_seen_total{pipeline="p",step="a"} 1',
      'millrace_user_seen_total{pipeline="p",step="b"} 2',
    ])
  })

  it('a distribution is a summary without quantiles, and two gauges where it has values', () => {
    const value = { count: 2, sum: 5, min: 1, max: 4, mean: 2.5 }
    const empty = { count: 0, sum: 0, min: undefined, max: undefined, mean: undefined }
    const distribution = (step: string, of: typeof value | typeof empty): MetricReading => ({
      step,
      name: 'bytes',
      kind: 'distribution',
      value: of,
    })
    expect(linesOf(distribution('s', value), distribution('e', empty))).toEqual([
      '# TYPE millrace_user_bytes summary',
      'millrace_user_bytes_sum{pipeline="p",step="s"} 5',
      'millrace_user_bytes_count{pipeline="p",step="s"} 2',
      'millrace_user_bytes_sum{pipeline="p",step="e"} 0',
      'millrace_user_bytes_count{pipeline="p",step="e"} 0',
      '# TYPE millrace_user_bytes_min gauge',
      'millrace_user_bytes_min{pipeline="p",step="s"} 1',
      '# TYPE millrace_user_bytes_max gauge',
      'millrace_user_bytes_max{pipeline="p",step="s"} 4',
    ])
  })

  it('a gauge that was never set is not there', () => {
    const gauge = (value: number | undefined): MetricReading => ({ step: 's', name: 'depth', kind: 'gauge', value })
    expect(linesOf(gauge(undefined))).toEqual([])
    expect(linesOf(gauge(-1.5))[1]).toBe('millrace_user_depth{pipeline="p",step="s"} -1.5')
  })

  it('a set tells how many strings it has, and which while they are few', () => {
    const set = (value: readonly string[]): MetricReading => ({ step: 's', name: 'versions', kind: 'stringSet', value })
    expect(linesOf(set(['1.0', '2"0']))).toEqual([
      '# TYPE millrace_user_versions_strings gauge',
      'millrace_user_versions_strings{pipeline="p",step="s"} 2',
      '# TYPE millrace_user_versions_info gauge',
      'millrace_user_versions_info{pipeline="p",step="s",value="1.0"} 1',
      'millrace_user_versions_info{pipeline="p",step="s",value="2\\"0"} 1',
    ])
    const many = Array.from({ length: STRINGS_LISTED_MAX + 1 }, (_, i) => String(i))
    expect(linesOf(set(many))).toEqual([
      '# TYPE millrace_user_versions_strings gauge',
      `millrace_user_versions_strings{pipeline="p",step="s"} ${STRINGS_LISTED_MAX + 1}`,
    ])
  })

  it('metrics that are not the same never share a family, in whatever order they come', () => {
    const distribution = { count: 1, sum: 1, min: 1, max: 1, mean: 1 }
    const readings: readonly MetricReading[] = [
      counter('userId'),
      counter('user_id'),
      { step: 's', name: 'x', kind: 'distribution', value: distribution },
      { step: 's', name: 'x_min', kind: 'gauge', value: 1 },
      { step: 's', name: 'x_min', kind: 'distribution', value: distribution },
      { step: 's', name: 'user_id_total', kind: 'gauge', value: 1 },
      { step: 's', name: 'x', kind: 'gauge', value: 1 },
    ]
    const families = userFamilies(readings, { pipeline: 'p' })
    const names = families.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    const samples = families.flatMap(({ name, samples: all }) => all.map(({ suffix = '' }) => name + suffix))
    expect(new Set(samples).size).toBe(samples.length)
    expect(userFamilies([...readings].reverse(), { pipeline: 'p' })).toEqual(families)
    expect(names).toContain('millrace_user_user_id_total')
    expect(names.filter((name) => /^millrace_user_user_id_[0-9a-f]{8}_total$/.test(name))).toHaveLength(1)
  })
})
