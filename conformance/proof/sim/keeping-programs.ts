/**
 * Programs in which every kind of thing that a run in batches keeps, or must not do twice, shows in the result: what a broker was told,
 * what was there to be read when, instants and random numbers, counters, budgets, alarms, and totals that must be 0.
 *
 * Law: what a program must give is known beforehand, or by what the world outside has seen.
 */
import * as t from 'io-ts'
import {
  type KV,
  metric,
  type PCollection,
  pipeline,
  type Pipeline,
  type PipelineResult,
  readFrom,
  state,
  timer,
  typed,
  watermarks,
} from 'millrace'
import { replay } from 'millrace/io/generate'
import { type RedeliveringSource, redeliveringSource } from 'millrace/testing'
import { CONSISTENCY_KINDS, type ConsistencyKind, totals } from '../consistency.js'
import { differenceText, type Draw, drawOf } from '../draw.js'

/** What a program is about. */
type Topic = 'broker' | 'growing' | 'counts' | 'alarms' | ConsistencyKind

const TOPICS: readonly Topic[] = [
  'broker',
  'broker',
  'broker',
  'broker',
  'growing',
  'growing',
  'counts',
  'alarms',
  ...CONSISTENCY_KINDS,
]

/** A record of the input. */
interface Item {
  readonly id: number
  readonly key: string
  readonly to: string
  readonly at: number
  readonly isBad: boolean
}

/** A program and its input. */
export interface Program {
  readonly seed: number
  readonly topic: Topic
  readonly input: readonly Item[]
  /** So many milliseconds pass from one record that is there to the next. */
  readonly everyMillis: number
  /** Dead letters that are allowed. */
  readonly lettersMax: number
  readonly disorderMillis: number
}

/** What is outside of the run, and outlives its lives. */
export interface Outside {
  readonly broker: RedeliveringSource<Item>
  /** Milliseconds that have passed. */
  elapsed(): number
}

/** How a run has ended. */
export interface Ended {
  readonly result: PipelineResult | undefined
  readonly error: Error | undefined
}

/** A program as a pipeline, and what is wrong with how it ended. */
export interface KeepingPipeline {
  readonly pipeline: Pipeline
  /** @param delivered what the sink has. */
  check(ended: Ended, delivered: readonly string[]): string | undefined
}

const WINDOW_MILLIS = 40

/** The program of a seed. @param most elements that its input has at most. */
export function programOf(seed: number, most: number): Program {
  const draw = drawOf(seed ^ 0x2545f491)
  const topic = draw.pick(TOPICS)
  const disorderMillis = topic === 'late' ? draw.int(0, 60) : 0
  const input = inputOf(draw, disorderMillis).slice(0, most)
  const bad = input.filter(({ isBad }) => isBad).length
  return {
    seed,
    topic,
    input,
    everyMillis: draw.pick([0, 1, 20]),
    // One too many, just so many, or more than there are.
    lettersMax: Math.max(0, bad + draw.pick([-1, 0, 3])),
    disorderMillis,
  }
}

function inputOf(draw: Draw, disorderMillis: number): readonly Item[] {
  const keys = draw.int(1, 6)
  let clock = 0
  return Array.from({ length: draw.int(0, 40) }, (_, id) => {
    clock += draw.chance(0.1) ? draw.int(20, 80) : draw.int(0, 9)
    return {
      id,
      key: `k${draw.int(1, keys)}`,
      to: `k${draw.int(1, keys)}`,
      at: clock - (draw.chance(0.4) ? draw.int(0, disorderMillis) : 0),
      isBad: draw.chance(0.15),
    }
  })
}

/** Makes what is outside. */
export function outsideOf(program: Program, elapsed: () => number): Outside {
  return { broker: redeliveringSource(program.input), elapsed }
}

/** The program as a pipeline; `write` brings texts to the sink. */
export function toPipeline(
  program: Program,
  outside: Outside,
  write: (texts: PCollection<string>) => void,
): KeepingPipeline {
  const p = pipeline()
  const { topic } = program
  switch (topic) {
    case 'broker':
      write(numbered(p.apply('broker', outside.broker.read())))
      return { pipeline: p, check: (ended, delivered) => brokerFault(outside.broker, ended, delivered) }
    case 'growing':
      write(numbered(growing(p, program, outside)))
      return { pipeline: p, check: (ended, delivered) => growingFault(program, ended, delivered) }
    case 'counts':
      write(counted(p, program, outside))
      return { pipeline: p, check: (ended, delivered) => countsFault(program, ended, delivered) }
    case 'alarms':
      write(alarms(growing(p, program, outside), program))
      return { pipeline: p, check: (ended, delivered) => ended.error?.stack ?? idsFault(program.input, delivered) }
    default:
      write(totalTexts(p, program, topic))
      return { pipeline: p, check: (ended, delivered) => totalsFault(program, ended, delivered) }
  }
}

/** Each record with its number among those of its key, the instant of its batch, and chance. */
function numbered(items: PCollection<Item>): PCollection<string> {
  return items
    .keyBy('by key', ({ key }) => key)
    .parDo('number', {
      output: typed<string>(),
      state: { count: state.value(t.number, { initial: 0 }) },
      process({ value: { id, key } }, { state: { count }, now, random, emit }) {
        const n = count.read() + 1
        count.write(n)
        emit([id, key, n, now, Math.floor(random() * 1e9)].join(' '))
      },
    })
}

/** A log that grows while it is read: whoever asks later finds more. */
function growing(p: Pipeline, { input, everyMillis }: Program, { elapsed }: Outside): PCollection<Item> {
  const there = (): number => (everyMillis === 0 ? input.length : Math.floor(elapsed() / everyMillis))
  return p.apply(
    'growing',
    readFrom({
      output: typed<Item>(),
      bounded: false,
      replayable: true,
      watermark: watermarks.none(),
      pollEvery: 3,
      open: (mark: number | undefined) => {
        let next = mark ?? 0
        return {
          read: () => {
            const item = input[next]
            if (item === undefined) return 'end'
            if (next >= there()) return 'idle'
            next++
            return { value: item, timestamp: item.at }
          },
          mark: () => next,
          backlog: () => Math.max(0, Math.min(there(), input.length) - next),
        }
      },
    }),
  )
}

/** Records are counted, and bad ones become dead letters, of which only so many are allowed. */
function counted(p: Pipeline, program: Program, outside: Outside): PCollection<string> {
  const onError = p.errors('bad ones', (letters) => letters.map('letter', ({ step }) => step).collect('letters'), {
    maxDeadLetters: program.lettersMax,
  })
  return growing(p, program, outside).parDo('count', {
    output: typed<string>(),
    onError,
    metrics: { seen: metric.counter(), ids: metric.distribution() },
    process({ id, key, isBad }, { metrics, emit }) {
      if (isBad) throw new Error('a bad one')
      metrics.seen.inc()
      metrics.ids.update(id)
      emit(`${id} ${key}`)
    },
  })
}

/** Of each record an alarm some time after it came, at which it is told. */
function alarms(items: PCollection<Item>, { everyMillis }: Program): PCollection<string> {
  return items
    .keyBy('by id', ({ id }) => id)
    .parDo('alarm', {
      output: typed<string>(),
      state: { came: state.value(t.number), name: state.value(t.string) },
      timers: { bell: timer.processingTime() },
      process({ value: { key } }: KV<number, Item>, { state: { came, name }, timers, now }) {
        came.write(now)
        name.write(key)
        timers.bell.setRelative(2 * everyMillis)
      },
      onTimer: {
        bell({ key: id, state: { came, name }, now, emit }) {
          const late = now - (came.read() ?? Number.NaN)
          emit(`${id} ${name.read() ?? 'nobody'} ${late >= 2 * everyMillis ? 'in time' : `after ${late}`}`)
        },
      },
    })
}

function totalTexts(p: Pipeline, { input, disorderMillis }: Program, kind: ConsistencyKind): PCollection<string> {
  const watermark = kind === 'late' ? watermarks.outOfOrder(disorderMillis / 2) : 'perfect'
  const transfers = p
    .apply('transfers', replay(input, { timestamp: ({ at }) => at, watermark }))
    .map('transfer', ({ id, key, to }) => ({ id, from: key, to }))
  return totals(kind, transfers, { windowMillis: WINDOW_MILLIS, latenessMillis: disorderMillis }).map(
    'total text',
    ({ amount, ids }) => [amount, ...ids].join(' '),
  )
}

/** Fields of what was delivered. */
function fieldsOf(delivered: readonly string[]): readonly (readonly string[])[] {
  return delivered.map((text) => text.split(' '))
}

/** The numbers of a key are 1, 2, … whatever happened. */
function numbersFault(delivered: readonly string[]): string | undefined {
  const byKey = new Map<string, number[]>()
  for (const [, key = '', n] of fieldsOf(delivered)) byKey.set(key, [...(byKey.get(key) ?? []), Number(n)])
  for (const [key, numbers] of byKey) {
    const wrong = numbers.sort((a, b) => a - b).findIndex((n, at) => n !== at + 1)
    if (wrong >= 0) return `key ${key} has ${numbers[wrong]} where ${wrong + 1} should be`
  }
  return undefined
}

/** Ids of the input are there, each once. */
function idsFault(input: readonly Item[], delivered: readonly string[]): string | undefined {
  return differenceText(
    input.map(({ id, key }) => `${id} ${key}`),
    fieldsOf(delivered).map(([id, key]) => `${id} ${key}`),
  )
}

/** Records that are not acknowledged come again; those that were are never asked for again, so they must be there. */
function brokerFault(
  broker: RedeliveringSource<Item>,
  { error }: Ended,
  delivered: readonly string[],
): string | undefined {
  if (error !== undefined) return error.stack
  const given = new Map<number, number>()
  for (const { kind, record } of broker.history)
    if (kind === 'delivered') given.set(record, (given.get(record) ?? 0) + 1)
  const there = new Map<number, number>()
  for (const [id] of fieldsOf(delivered)) there.set(Number(id), (there.get(Number(id)) ?? 0) + 1)
  // Those of a batch whose plan was durable and whose end was a crash are never acknowledged where nothing is left to be read.
  for (const { id } of [...broker.acknowledged, ...broker.unacknowledged])
    if (!there.has(id)) return `record ${id} is lost`
  for (const [id, count] of there)
    if (count > (given.get(id) ?? 0))
      return `record ${id} came ${given.get(id) ?? 0} times, and is there ${count} times`
  return numbersFault(delivered)
}

/** Instants follow the log: what was there later has not an earlier one. */
function growingFault({ input }: Program, { error }: Ended, delivered: readonly string[]): string | undefined {
  if (error !== undefined) return error.stack
  const inOrder = fieldsOf(delivered).toSorted(([a], [b]) => Number(a) - Number(b))
  const back = inOrder.findIndex(([, , , now], at) => at > 0 && Number(now) < Number(inOrder[at - 1]?.[3]))
  if (back >= 0) return `the clock goes back at ${inOrder[back]?.join(' ')}`
  return idsFault(input, delivered) ?? numbersFault(delivered)
}

/** The budget is that of the whole run, however often it was begun again. */
function countsFault(
  { input, lettersMax }: Program,
  { result, error }: Ended,
  delivered: readonly string[],
): string | undefined {
  const good = input.filter(({ isBad }) => !isBad)
  const bad = input.length - good.length
  if (bad > lettersMax)
    return /maxDeadLetters/.test(String(error))
      ? undefined
      : `${bad} bad ones, of which ${lettersMax} may be, gave ${String(error)}`
  if (result === undefined) return error?.stack
  const seen = result.metrics.get('count', 'seen')
  if ((seen ?? 0) !== good.length) return `the counter is ${JSON.stringify(seen)}, not ${good.length}`
  const ids = result.metrics.get('count', 'ids') as { readonly sum: number; readonly count: number } | undefined
  const sum = good.reduce((before, { id }) => before + id, 0)
  if ((ids?.sum ?? 0) !== sum || (ids?.count ?? 0) !== good.length)
    return `the distribution is ${JSON.stringify(ids)}, not ${good.length} with sum ${sum}`
  if (result.collect('bad ones/letters').length !== bad)
    return `${result.collect('bad ones/letters').length} dead letters, not ${bad}`
  return idsFault(good, delivered)
}

/** Every total is 0, and every transfer is in one. */
function totalsFault({ input }: Program, { error }: Ended, delivered: readonly string[]): string | undefined {
  if (error !== undefined) return error.stack
  const wrong = delivered.find((text) => text.split(' ')[0] !== '0')
  if (wrong !== undefined) return `a total is not 0: ${wrong}`
  return differenceText(
    input.map(({ id }) => String(id)),
    fieldsOf(delivered).flatMap(([, ...ids]) => ids),
  )
}
