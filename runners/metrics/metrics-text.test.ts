/** The text of a real run, word for word, and what promtool says of it. */
import { execFileSync } from 'node:child_process'
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { definePipeline, fixedWindows, metric, type Pipeline, start, state, timer } from 'millrace'
import { METRICS_CONTENT_TYPE, metricsText } from 'millrace/metrics'
import { at, testStream } from 'millrace/testing'

/** A run that stands still in the middle: a call waits until it is told to go on. */
async function standing(): Promise<{ readonly text: string; readonly end: () => Promise<string> }> {
  let reached = (): void => undefined
  let goOn = (): void => undefined
  const isReached = new Promise<void>((resolve) => (reached = resolve))
  const gate = new Promise<void>((resolve) => (goOn = resolve))
  const body = (p: Pipeline): void => {
    const bad = p.errors('bad', (letters) => letters.map('of', ({ step }) => step).collect('letters'))
    const events = testStream<number>().add(at(1000, 1), at(2000, 2), at(3000, 13)).advanceWatermarkTo(12_500)
    const parsed = p.apply('events', events.add(at(2500, 2), at(13_000, 7)).add(at(14_000, 99)).end()).parDo('parse', {
      output: t.number,
      onError: bad,
      retry: { attempts: 3 },
      metrics: {
        parsedLines: metric.counter(),
        size: metric.distribution(),
        depth: metric.gauge(),
        versions: metric.stringSet(),
      },
      process(n, { emit, metrics }) {
        metrics.parsedLines.inc()
        if (n === 13) throw new Error('unlucky')
        metrics.size.update(n)
        metrics.depth.set(n / 2)
        metrics.versions.add(n < 5 ? 'old' : 'new')
        emit(n)
      },
    })
    const keyed = parsed.windowInto('seconds', fixedWindows('10 seconds')).keyBy('parity', (n) => n % 2)
    keyed.countPerKey('count').collect('counts')
    keyed.parDo('remember', {
      output: t.number,
      state: { last: state.value(t.number) },
      timers: { end: timer.eventTime() },
      process({ value }, { state: cells, timers, window }) {
        cells.last.write(value)
        timers.end.set(window.maxTimestamp)
      },
      onTimer: { end: ({ emit }) => emit(1) },
    })
    parsed.map('wait', async (n) => {
      if (n !== 99) return n
      reached()
      await gate
      return n
    })
  }
  const running = start(definePipeline({ name: 'shop "A"', build: body }))
  await isReached
  const text = metricsText(running)
  return {
    text,
    end: async () => {
      goOn()
      await running.result
      return metricsText(running)
    },
  }
}

/** What a run has counted; not what the machine did meanwhile, and none of the help, which stands in the table. */
const counted = (text: string): readonly string[] =>
  text.split('\n').filter((line) => /^millrace_(?!run_(duration|oldest)|heap|external|event_loop)/.test(line))
/** The samples of steps, as `name step value`, but for those that are zero. */
const ofSteps = (text: string): readonly string[] =>
  counted(text).flatMap((line) => {
    const [, name, step, value] =
      /^millrace_step_(\w+)\{pipeline="shop \\"A\\"",step="([^"]*)"\} (\S+)$/.exec(line) ?? []
    return name === undefined || value === '0' ? [] : [`${name} ${step} ${value}`]
  })
const promtool = process.env['PROMTOOL'] ?? 'promtool'

describe('the metrics of a run', async () => {
  const { text, end } = await standing()

  it('are what the run has done, in the middle of it', () => {
    const watermark = /^(?:input|output)_watermark|^watermark_lag/
    expect(ofSteps(text).filter((line) => !watermark.test(line))).toEqual([
      'elements_in_total parse 6',
      'elements_in_total bad 1',
      'elements_in_total bad/of 1',
      'elements_in_total bad/collect letters 1',
      'elements_in_total seconds 5',
      'elements_in_total parity 5',
      'elements_in_total wait 5',
      'elements_in_total count 5',
      'elements_in_total collect counts 2',
      'elements_in_total remember 5',
      'elements_out_total events 6',
      'elements_out_total parse 6',
      'elements_out_total bad 1',
      'elements_out_total bad/of 1',
      'elements_out_total seconds 5',
      'elements_out_total parity 5',
      'elements_out_total wait 5',
      'elements_out_total count 2',
      'elements_out_total remember 2',
      'state_keys count 1',
      'state_keys remember 1',
      'windows count 1',
      'windows remember 1',
      'timers remember 1',
      'dropped_late_elements_total count 1',
      'dropped_late_elements_total remember 1',
      'dead_letters_total parse 1',
      'retries_total parse 2',
    ])
    expect(ofSteps(text).filter((line) => watermark.test(line) && / (events|count) /.test(line))).toEqual([
      'input_watermark_timestamp_seconds events +Inf',
      'input_watermark_timestamp_seconds count 12.5',
      'output_watermark_timestamp_seconds events 12.5',
      'output_watermark_timestamp_seconds count 12.5',
      // The script has not moved its clock.
      'watermark_lag_seconds events -12.5',
      'watermark_lag_seconds count -12.5',
    ])
  })

  it('are the run, and what user code declares', () => {
    const shop = 'pipeline="shop \\"A\\""'
    expect(counted(text).filter((line) => !line.startsWith('millrace_step'))).toEqual([
      `millrace_run_info{${shop},runner="direct"} 1`,
      `millrace_run_state{${shop},state="running"} 1`,
      `millrace_run_state{${shop},state="paused"} 0`,
      `millrace_run_state{${shop},state="draining"} 0`,
      `millrace_run_state{${shop},state="stopping"} 0`,
      `millrace_run_state{${shop},state="done"} 0`,
      `millrace_run_state{${shop},state="drained"} 0`,
      `millrace_run_state{${shop},state="stopped"} 0`,
      `millrace_run_state{${shop},state="cancelled"} 0`,
      `millrace_run_state{${shop},state="failed"} 0`,
      `millrace_run_start_time_seconds{${shop}} 0`,
      `millrace_run_elements_total{${shop}} 17`,
      `millrace_run_watermark_timestamp_seconds{${shop}} 12.5`,
      `millrace_run_status_age_seconds{${shop}} 0`,
      `millrace_user_parsed_lines_total{${shop},step="parse"} 8`,
      `millrace_user_size_sum{${shop},step="parse"} 111`,
      `millrace_user_size_count{${shop},step="parse"} 5`,
      `millrace_user_size_min{${shop},step="parse"} 1`,
      `millrace_user_size_max{${shop},step="parse"} 99`,
      `millrace_user_depth{${shop},step="parse"} 49.5`,
      `millrace_user_versions_strings{${shop},step="parse"} 2`,
      `millrace_user_versions_info{${shop},step="parse",value="new"} 1`,
      `millrace_user_versions_info{${shop},step="parse",value="old"} 1`,
    ])
  })

  it('have one help and one type each, before their samples, and never the same series twice', () => {
    const lines = text.trimEnd().split('\n')
    const families = lines.flatMap((line) => /^# HELP (\S+) \S/.exec(line)?.[1] ?? [])
    expect(new Set(families).size).toBe(families.length)
    expect(lines.flatMap((line) => /^# TYPE (\S+) (?:counter|gauge|summary)$/.exec(line)?.[1] ?? [])).toEqual(families)
    const series = lines.filter((line) => !line.startsWith('#')).map((line) => line.slice(0, line.lastIndexOf(' ')))
    expect(new Set(series).size).toBe(series.length)
    for (const each of series) expect(families).toContain(/^\w+?(?=(_sum|_count)?(\{|$))/.exec(each)?.[0])
  })

  it('tell of the process and of the thread', () => {
    const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e6)
    expect(value('process_cpu_seconds_total')).toBeGreaterThan(0)
    expect(Math.abs(value('process_start_time_seconds') + process.uptime() - Date.now() / 1000)).toBeLessThan(1)
    expect(value('millrace_heap_used_bytes')).toBeGreaterThan(1e6)
    expect(value('millrace_event_loop_utilization_ratio')).toBeLessThanOrEqual(1)
  })

  it.skipIf(!hasPromtool())(`satisfy promtool (missing where it is not installed; PROMTOOL names it)`, () => {
    expect(execFileSync(promtool, ['check', 'metrics'], { input: text }).toString()).toBe('')
  })

  it('of a run that is over tell how it ended', async () => {
    const last = await end()
    expect(last).toContain('millrace_run_state{pipeline="shop \\"A\\"",state="done"} 1')
    expect(last).toContain('millrace_run_watermark_timestamp_seconds{pipeline="shop \\"A\\""} +Inf')
    expect(METRICS_CONTENT_TYPE).toBe('text/plain; version=0.0.4; charset=utf-8')
  })
})

function hasPromtool(): boolean {
  try {
    execFileSync(promtool, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
