/**
 * Random pipelines over random timed input, each computed twice: by a runner, and by a naive reference that keeps whole
 * collections in arrays and shares no code with the engine. Whatever the bundling, the compiler or the seed, the results
 * must be equal.
 *
 * A program is a list of steps, all made from one seed; the seed is the command that repeats it.
 */
import {
  type BoundedWindow,
  coGroupByKey,
  count,
  fixedWindows,
  flatten,
  globalWindows,
  type KV,
  kv,
  max,
  mean,
  type PCollection,
  pipeline,
  type Pipeline,
  seededRandom,
  sessionWindows,
  slidingWindows,
  state,
  sum,
  timer,
  typed,
  type WindowFn,
} from 'millrace'

/** An element with time and window, as the reference keeps it. */
export interface Timed {
  readonly value: number
  readonly timestamp: number
  readonly start: number
  readonly end: number
}

/** How elements are windowed, as data. */
export type Windowing =
  | { readonly kind: 'global' }
  | { readonly kind: 'fixed'; readonly size: number; readonly offset: number }
  | { readonly kind: 'sliding'; readonly size: number; readonly every: number }
  | { readonly kind: 'sessions'; readonly gap: number }

/** A step of a program. Numbers are its parameters. */
export type Step =
  | { readonly op: 'map'; readonly by: number }
  | { readonly op: 'asyncMap'; readonly by: number }
  | { readonly op: 'filter'; readonly mod: number }
  | { readonly op: 'flatMap'; readonly times: number }
  | { readonly op: 'later'; readonly by: number }
  | { readonly op: 'window'; readonly windowing: Windowing }
  | {
      readonly op: 'sumPerKey' | 'maxPerKey' | 'meanPerKey' | 'groupPerKey' | 'countPerKey'
      readonly keys: number
      readonly objectKeys: boolean
    }
  | { readonly op: 'sumGlobally' }
  | { readonly op: 'distinct' }
  | { readonly op: 'countPerElement' }
  | { readonly op: 'reshuffle' }
  | { readonly op: 'double' }
  | { readonly op: 'split'; readonly parts: number }
  | { readonly op: 'stateful'; readonly keys: number }
  | { readonly op: 'parDo'; readonly mod: number }
  | { readonly op: 'side'; readonly mod: number }
  | { readonly op: 'join'; readonly keys: number }

/** A program and its input. */
export interface Program {
  readonly seed: number
  readonly input: readonly { readonly value: number; readonly timestamp: number }[]
  readonly steps: readonly Step[]
}

/** The program of a seed. */
export function programOf(seed: number): Program {
  const random = seededRandom(seed)
  const int = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1))
  const pick = <T>(items: readonly T[]): T => items[int(0, items.length - 1)] as T
  const input = Array.from({ length: int(0, 60) }, () => ({ value: int(-20, 20), timestamp: int(-50, 300) }))
  const windowing = (): Windowing =>
    pick<Windowing>([
      { kind: 'global' },
      { kind: 'fixed', size: int(1, 60), offset: int(0, 5) },
      { kind: 'sliding', size: int(5, 60), every: int(5, 40) },
      { kind: 'sessions', gap: int(1, 30) },
    ])
  const step = (): Step =>
    pick<() => Step>([
      () => ({ op: 'map', by: int(-5, 5) }),
      () => ({ op: 'asyncMap', by: int(-5, 5) }),
      () => ({ op: 'filter', mod: int(2, 4) }),
      () => ({ op: 'flatMap', times: int(0, 3) }),
      () => ({ op: 'later', by: int(0, 20) }),
      () => ({ op: 'window', windowing: windowing() }),
      () => ({ op: 'window', windowing: windowing() }),
      () => ({
        op: pick(['sumPerKey', 'maxPerKey', 'meanPerKey', 'groupPerKey', 'countPerKey'] as const),
        keys: int(1, 5),
        objectKeys: random() < 0.3,
      }),
      () => ({ op: 'sumGlobally' }),
      () => ({ op: 'distinct' }),
      () => ({ op: 'countPerElement' }),
      () => ({ op: 'reshuffle' }),
      () => ({ op: 'double' }),
      () => ({ op: 'split', parts: int(1, 3) }),
      () => ({ op: 'stateful', keys: int(1, 4) }),
      () => ({ op: 'parDo', mod: int(2, 4) }),
      () => ({ op: 'side', mod: int(2, 4) }),
      () => ({ op: 'join', keys: int(1, 4) }),
    ])()
  return { seed, input, steps: Array.from({ length: int(1, 8) }, step) }
}

const modulo = (a: number, n: number): number => ((a % n) + n) % n

// ---- the program as a pipeline --------------------------------------------------------------------------------------

function windowFnOf(windowing: Windowing): WindowFn {
  switch (windowing.kind) {
    case 'global':
      return globalWindows()
    case 'fixed':
      return fixedWindows(windowing.size, { offset: windowing.offset })
    case 'sliding':
      return slidingWindows(windowing.size, { every: windowing.every })
    case 'sessions':
      return sessionWindows(windowing.gap)
  }
}

/** Windowing of the collection after `steps` steps: some steps are not allowed on merging windows. */
function windowingAfter(steps: readonly Step[]): { readonly windowing: Windowing; readonly merged: boolean } {
  let windowing: Windowing = { kind: 'global' }
  let merged = false
  for (const step of steps) {
    if (step.op === 'window') {
      ;({ windowing } = step)
      merged = false
    } else if (groups(step)) merged = true
  }
  return { windowing, merged }
}

function groups({ op }: Step): boolean {
  return /PerKey$|^sumGlobally$|^distinct$|^countPerElement$|^join$/.test(op)
}

/** Whether a step may stand after the ones before it; others are left out, in pipeline and reference alike. */
export function isAllowed(step: Step, before: readonly Step[]): boolean {
  const { windowing, merged } = windowingAfter(before)
  if (step.op === 'side') return windowing.kind === 'global' || windowing.kind === 'fixed'
  // Moved, an element no longer holds the watermark where its session begins: what it joins may have closed.
  if (step.op === 'later' || step.op === 'stateful') return windowing.kind !== 'sessions' || merged
  return true
}

/** The steps that are actually done. */
export function effectiveSteps({ steps }: Program): readonly Step[] {
  return steps.reduce<readonly Step[]>((done, step) => (isAllowed(step, done) ? [...done, step] : done), [])
}

/** The program as a pipeline that collects its result under `out`; `also` may do more with it. */
export function toPipeline(program: Program, also?: (out: PCollection<number>) => void): Pipeline {
  const p = pipeline()
  let c: PCollection<number> = p
    .create('input', program.input, { timestamp: ({ timestamp }) => timestamp })
    .map('value', ({ value }) => value)
  effectiveSteps(program).forEach((step, i) => {
    c = c.apply(`${i} ${step.op}`, (input) => applyStep(input, step))
  })
  c = c.collect('out')
  also?.(c)
  return p
}

function applyStep(input: PCollection<number>, step: Step): PCollection<number> {
  switch (step.op) {
    case 'map':
      return input.map('f', (x) => x + step.by)
    case 'asyncMap':
      return input.map('f', (x) => (x % 3 === 0 ? Promise.resolve(x + step.by) : x + step.by))
    case 'filter':
      return input.filter('f', (x) => modulo(x, step.mod) !== 0)
    case 'flatMap':
      return input.flatMap('f', (x) => Array.from({ length: step.times }, (_, i) => x + i))
    case 'later':
      return input.parDo('f', {
        output: typed<number>(),
        process: (x, { timestamp, emit }) => emit(x, timestamp < 1e15 ? timestamp + step.by : timestamp),
      })
    case 'window':
      return input.windowInto('f', windowFnOf(step.windowing))
    case 'sumPerKey':
    case 'maxPerKey':
    case 'meanPerKey':
    case 'groupPerKey':
    case 'countPerKey':
      return perKey(input, step)
    case 'sumGlobally':
      return input.combineGlobally('f', sum())
    case 'distinct':
      return input.distinct('f')
    case 'countPerElement':
      return input.countPerElement('f').map('g', ({ key, value }) => key * 100 + value)
    case 'reshuffle':
      return input.reshuffle('f')
    case 'double':
      return flatten('f', [input, input.map('again', (x) => x + 1)])
    case 'split': {
      const [first, ...rest] = input.partition('f', step.parts, (x) => modulo(x, step.parts))
      return flatten('g', [first as PCollection<number>, ...rest.map((part, i) => part.map(`h${i}`, (x) => -x))])
    }
    case 'stateful':
      return runningCounts(input, step.keys)
    case 'parDo':
      return input.parDo('f', {
        outputs: { even: typed<number>(), odd: typed<number>() },
        process(x, { emit, window }) {
          if (modulo(x, step.mod) === 0) emit.even(x)
          else {
            emit.odd(x)
            emit.odd(window.maxTimestamp % 7)
          }
        },
      }).odd
    case 'side': {
      const total = input.combineGlobally('total', sum()).asSingleton('view', { default: 0 })
      return input.parDo('f', {
        output: typed<number>(),
        sides: { total },
        process: (x, { sides, emit }) => emit(x + modulo(sides.total, step.mod)),
      })
    }
    case 'join':
      return coGroupByKey('f', {
        a: input.keyBy('ka', (x) => modulo(x, step.keys)),
        b: input.filter('fb', (x) => x > 0).keyBy('kb', (x) => modulo(x, step.keys)),
      }).map('g', ({ key, value }) => key + 10 * [...value.a].length + 1000 * [...value.b].length)
  }
}

type PerKeyStep = Extract<Step, { keys: number; objectKeys: boolean }>

function perKey(input: PCollection<number>, step: PerKeyStep): PCollection<number> {
  if (step.objectKeys) {
    // The same key in two shapes: equal bytes, one group.
    const keyed = input.keyBy('k', (x) =>
      x % 2 === 0 ? { a: modulo(x, step.keys), b: 0 } : { b: -0, a: modulo(x, step.keys) },
    )
    return reduced(keyed, step).map('v', ({ key, value }) => key.a * 1000 + Math.round(value))
  }
  return reduced(
    input.keyBy('k', (x) => modulo(x, step.keys)),
    step,
  ).map('v', ({ key, value }) => key * 1000 + Math.round(value))
}

function reduced<K>(keyed: PCollection<KV<K, number>>, { op }: PerKeyStep): PCollection<KV<K, number>> {
  switch (op) {
    case 'sumPerKey':
      return keyed.combinePerKey('f', sum())
    case 'maxPerKey':
      return keyed.combinePerKey('f', max())
    case 'meanPerKey':
      return keyed.combinePerKey('f', mean())
    case 'countPerKey':
      return keyed.combinePerKey('f', count())
    case 'groupPerKey':
      return keyed.groupByKey('f').map('s', ({ key, value }) =>
        kv(
          key,
          [...value].reduce((a, b) => a + b, 0),
        ),
      )
  }
}

/** Per key and window: how many elements there were, said once by a timer at the window's end. */
function runningCounts(input: PCollection<number>, keys: number): PCollection<number> {
  return input
    .keyBy('k', (x) => modulo(x, keys))
    .parDo('f', {
      output: typed<number>(),
      state: { seen: state.value(typed<number>(), { initial: 0 }) },
      timers: { end: timer.eventTime() },
      process(_element, { state: { seen }, timers, window }) {
        seen.write(seen.read() + 1)
        timers.end.set(window.maxTimestamp)
      },
      onTimer: {
        end: ({ key, state: { seen }, emit }) => {
          emit(key * 1000 + seen.read())
          seen.clear()
        },
      },
    })
}

// ---- the reference --------------------------------------------------------------------------------------------------

const globalWindow = globalWindows().assign(0) as BoundedWindow

/** What the program must give, computed the naive way. */
export function reference(program: Program): readonly Timed[] {
  let elements: readonly Timed[] = program.input.map(({ value, timestamp }) => ({
    value,
    timestamp,
    start: globalWindow.start,
    end: globalWindow.end,
  }))
  const done: Step[] = []
  for (const step of effectiveSteps(program)) {
    elements = referenceStep(elements, step, done)
    done.push(step)
  }
  return elements
}

function referenceStep(elements: readonly Timed[], step: Step, before: readonly Step[]): readonly Timed[] {
  const { windowing, merged } = windowingAfter(before)
  const sessions = windowing.kind === 'sessions' && !merged
  const values = (f: (x: number, element: Timed) => readonly number[]): readonly Timed[] =>
    elements.flatMap((element) => f(element.value, element).map((value) => ({ ...element, value })))
  const grouped = (
    keyOf: (x: number) => number,
    f: (key: number, all: readonly number[]) => readonly number[],
  ): readonly Timed[] =>
    groupsOf(elements, keyOf, sessions).flatMap(({ key, start, end, members }) =>
      f(
        key,
        members.map(({ value }) => value),
      ).map((value) => ({ value, start, end, timestamp: end - 1 })),
    )
  const total = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0)
  switch (step.op) {
    case 'map':
    case 'asyncMap':
      return values((x) => [x + step.by])
    case 'filter':
      return values((x) => (modulo(x, step.mod) !== 0 ? [x] : []))
    case 'flatMap':
      return values((x) => Array.from({ length: step.times }, (_, i) => x + i))
    case 'later':
      return elements.map((element) => ({
        ...element,
        timestamp: element.timestamp < 1e15 ? element.timestamp + step.by : element.timestamp,
      }))
    case 'window':
      return elements.flatMap((element) =>
        windowsOf(step.windowing, element.timestamp).map((window) => ({ ...element, ...window })),
      )
    case 'sumPerKey':
    case 'maxPerKey':
    case 'meanPerKey':
    case 'groupPerKey':
    case 'countPerKey':
      return grouped(
        (x) => modulo(x, step.keys),
        (key, all) => {
          const value =
            step.op === 'maxPerKey'
              ? Math.max(...all)
              : step.op === 'meanPerKey'
                ? total(all) / all.length
                : step.op === 'countPerKey'
                  ? all.length
                  : total(all)
          return [key * 1000 + Math.round(value)]
        },
      )
    case 'sumGlobally': {
      const sums = grouped(
        () => 0,
        (_key, all) => [total(all)],
      )
      if (sums.length > 0 || windowing.kind !== 'global') return sums
      return [{ value: 0, start: globalWindow.start, end: globalWindow.end, timestamp: globalWindow.end - 1 }]
    }
    case 'distinct':
      return grouped(
        (x) => x,
        (key) => [key],
      )
    case 'countPerElement':
      return grouped(
        (x) => x,
        (key, all) => [key * 100 + all.length],
      )
    case 'reshuffle':
      return elements
    case 'double':
      return [...elements, ...values((x) => [x + 1])]
    case 'split':
      return values((x) => [modulo(x, step.parts) === 0 ? x : -x])
    case 'stateful':
      return groupsOf(elements, (x) => modulo(x, step.keys), false).map(({ key, start, end, members }) => ({
        value: key * 1000 + members.length,
        start,
        end,
        timestamp: end - 1,
      }))
    case 'parDo':
      return values((x, { end }) => (modulo(x, step.mod) === 0 ? [] : [x, (end - 1) % 7]))
    case 'side': {
      const sums = groupsOf(elements, () => 0, false)
      const totalIn = (start: number): number =>
        total(sums.find((group) => group.start === start)?.members.map(({ value }) => value) ?? [])
      return values((x, { start }) => [x + modulo(totalIn(start), step.mod)])
    }
    case 'join': {
      return grouped(
        (x) => modulo(x, step.keys),
        (key, all) => [key + 10 * all.length + 1000 * all.filter((x) => x > 0).length],
      )
    }
  }
}

function windowsOf(
  windowing: Windowing,
  timestamp: number,
): readonly { readonly start: number; readonly end: number }[] {
  switch (windowing.kind) {
    case 'global':
      return [{ start: globalWindow.start, end: globalWindow.end }]
    case 'fixed': {
      const start = timestamp - modulo(timestamp - windowing.offset, windowing.size)
      return [bounded(start, windowing.size)]
    }
    case 'sliding': {
      const windows: { start: number; end: number }[] = []
      const last = timestamp - modulo(timestamp, windowing.every)
      for (let start = last; start > timestamp - windowing.size; start -= windowing.every)
        windows.push(bounded(start, windowing.size))
      return windows
    }
    case 'sessions':
      return [bounded(timestamp, windowing.gap)]
  }
}

/** Windows end with the global one. */
function bounded(start: number, size: number): { readonly start: number; readonly end: number } {
  return { start, end: Math.min(start + size, globalWindow.end) }
}

interface Group {
  readonly key: number
  readonly start: number
  readonly end: number
  readonly members: readonly Timed[]
}

function groupsOf(elements: readonly Timed[], keyOf: (x: number) => number, sessions: boolean): readonly Group[] {
  const keys = [...new Set(elements.map(({ value }) => keyOf(value)))]
  return keys.flatMap((key): readonly Group[] => {
    const ofKey = elements.filter(({ value }) => keyOf(value) === key)
    return sessions ? sessionsOf(key, ofKey) : sameWindows(key, ofKey)
  })
}

function sameWindows(key: number, elements: readonly Timed[]): readonly Group[] {
  const windows = [...new Set(elements.map(({ start, end }) => `${start} ${end}`))]
  return windows.map((window) => {
    const members = elements.filter(({ start, end }) => `${start} ${end}` === window)
    const { start, end } = members[0] as Timed
    return { key, start, end, members }
  })
}

function sessionsOf(key: number, elements: readonly Timed[]): readonly Group[] {
  const sorted = [...elements].sort((a, b) => a.start - b.start)
  const groups: { key: number; start: number; end: number; members: Timed[] }[] = []
  for (const element of sorted) {
    const last = groups.at(-1)
    if (last !== undefined && element.start < last.end) {
      last.members.push(element)
      last.end = Math.max(last.end, element.end)
    } else {
      groups.push({ key, start: element.start, end: element.end, members: [element] })
    }
  }
  return groups
}

/** Text of an element for comparison; a sorted list of these is a multiset. */
export function textOf({ value, timestamp, start, end }: Timed): string {
  return `${value} @${timestamp} [${start}, ${end})`
}
