/**
 * Picture of a step with state and a timer: it counts the beats of each key and says so when none has come for ten minutes.
 * Each beat moves the timer. What is drawn is what the step did in a run.
 */
import * as t from 'io-ts'
import { pipeline, state, timer, typed } from 'millrace'
import { directRunner } from 'millrace/direct'
import { at, testStream } from 'millrace/testing'
import { path, picture, type Role, tag, text } from './svg.js'
import { clockText, scale, ticks } from './time-time.js'

const MINUTE = 60_000
const EIGHT = Date.UTC(2026, 2, 1, 8)
const minute = (n: number): number => EIGHT + n * MINUTE

/** A beat and what the step had counted after it, or the timer and what it said. */
interface Step {
  readonly kind: 'beat' | 'silence'
  readonly key: string
  /** Event time of the beat, or to which the timer was set. */
  readonly time: number
  readonly count: number
}

async function stepsOf(): Promise<readonly Step[]> {
  const steps: Step[] = []
  const beats: readonly (readonly [minute: number, key: string])[] = [
    [2, 'ann'],
    [5, 'bob'],
    [8, 'ann'],
    [12, 'bob'],
    [15, 'ann'],
    [29, 'bob'],
    [34, 'bob'],
    [38, 'ann'],
  ]
  let script = testStream<string>()
  for (const [n, key] of beats) script = script.advanceWatermarkTo(minute(n)).add(at(minute(n), key))
  const p = pipeline()
  p.apply('beats', script.advanceWatermarkTo(minute(50)).end())
    .keyBy('by name', (name) => name)
    .parDo('watch', {
      output: typed<string>(),
      state: { beats: state.value(t.number, { initial: 0 }) },
      timers: { silence: timer.eventTime() },
      process({ key }, { state, timers, timestamp }) {
        state.beats.write(state.beats.read() + 1)
        timers.silence.set(timestamp + 10 * MINUTE)
        steps.push({ kind: 'beat', key, time: timestamp, count: state.beats.read() })
      },
      onTimer: {
        silence({ key, fireTimestamp, state, emit }) {
          steps.push({ kind: 'silence', key, time: fireTimestamp, count: state.beats.read() })
          emit(`${key} is silent after ${state.beats.read()} beats`)
          state.beats.clear()
        },
      },
    })
  await directRunner().start(p.build()).result
  return steps
}

const [WIDTH, LEFT, RIGHT, ROW] = [680, 60, 26, 96]
const TITLE = 'State and a timer: who has been silent for ten minutes?'

/** The picture. */
export async function timerPicture(): Promise<string> {
  const steps = await stepsOf()
  const span = [minute(0), minute(50)] as const
  const x = scale(span, [LEFT, WIDTH - RIGHT])
  const bottom = 52 + 2 * ROW
  const body = [text(LEFT, 24, TITLE, { class: 'title' })]
  for (const at of ticks(span, 5 * MINUTE)) {
    body.push(tag('line', { x1: x(at), x2: x(at), y1: 40, y2: bottom, class: 's-grid' }))
    body.push(text(x(at), bottom + 16, clockText(at), { class: 'small mid f-soft' }))
  }
  const roles: readonly Role[] = ['first', 'second']
  ;['ann', 'bob'].forEach((key, n) => {
    const y = 84 + n * ROW
    const role = roles[n] as Role
    const own = steps.filter((step) => step.key === key)
    body.push(text(LEFT - 12, y + 4, key, { class: `end strong f-${role}` }))
    body.push(tag('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y, class: 's-edge' }))
    own.forEach((step, i) => {
      const next = own[i + 1]
      if (step.kind === 'silence') {
        const words = `silent after ${step.count}`
        body.push(tag('circle', { cx: x(step.time), cy: y, r: 8, class: 'f-late' }))
        body.push(text(x(step.time), y + 4, '!', { class: 'mid strong f-ground' }))
        body.push(text(x(step.time), y + 26, words, { class: 'small mid f-late' }))
        return
      }
      const fires = next?.kind === 'silence'
      const set = step.time + 10 * MINUTE
      const curve = `M${Math.round(x(step.time))} ${y - 11}Q${Math.round((x(step.time) + x(set)) / 2)} ${y - 48} ${Math.round(x(set))} ${y - 10}`
      const line = {
        d: curve,
        fill: 'none',
        class: fires ? 's-late' : 's-edge',
        'stroke-dasharray': fires ? undefined : '3 3',
      }
      body.push(tag('path', { ...line, 'stroke-width': 1.5 }))
      if (!fires) {
        const [cx, cy] = [x(set), y - 10]
        body.push(
          path(
            [
              [cx - 4, cy - 4],
              [cx + 4, cy + 4],
            ],
            { class: 's-edge', 'stroke-width': 1.5 },
          ),
        )
        body.push(
          path(
            [
              [cx - 4, cy + 4],
              [cx + 4, cy - 4],
            ],
            { class: 's-edge', 'stroke-width': 1.5 },
          ),
        )
      }
      body.push(tag('circle', { cx: x(step.time), cy: y, r: 11, class: `f-ground s-${role}`, 'stroke-width': 1.6 }))
      body.push(text(x(step.time), y + 4, String(step.count), { class: `mid strong f-${role}` }))
    })
  })
  const words =
    'circle: a beat, with the count kept in state   ·   arc: the timer it sets; ✕ where a later beat moved it on'
  body.push(text(LEFT, bottom + 38, words, { class: 'small f-soft' }))
  const description =
    'Two people send beats. Each beat adds one to a count in state and sets the timer of its key to ten minutes later, in place of what it was set to before. Where no beat comes in time, the timer fires and the count starts anew.'
  return picture({ width: WIDTH, height: bottom + 54, title: TITLE, description }, body)
}
