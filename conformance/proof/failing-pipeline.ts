/**
 * A random program of failing steps as a pipeline, and a watch over its calls: how often each was made, whether too many
 * were under way at once, and whether two of one key were.
 */
import {
  type DeadLetter,
  type ErrorHandler,
  fixedWindows,
  type PCollection,
  pipeline,
  type Pipeline,
  state,
  type StepOptions,
  timer,
  typed,
} from 'millrace'
import { complaint, type Fate, fateOf, type Program, type Step } from './random-failures.js'

/** What a key's timer says at the end of a window. */
export interface Ending {
  readonly key: number
  readonly timestamp: number
  readonly texts: readonly string[]
}

/** A call of a step with state: how many calls of its key and window have left a trace, its own included. */
export interface Seen {
  readonly text: string
  readonly position: number
}

/** Looks at the calls of one run. */
export class Watch {
  /** What should not have been, in words. */
  readonly faults: string[] = []
  readonly #program: Program
  readonly #calls = new Map<string, number>()
  readonly #underWay = new Map<string, number>()

  constructor(program: Program) {
    this.#program = program
  }

  /** A call begins. */
  begin(step: Step, text: string): Call {
    const id = `${step.name} ${text}`
    const attempt = (this.#calls.get(id) ?? 0) + 1
    this.#calls.set(id, attempt)
    if (attempt > step.attempts) this.faults.push(`${id} is called ${attempt} times of ${step.attempts}`)
    const fate = fateOf(this.#program, step, text)
    return { text, fate, attempt, fails: attempt <= fate.failures }
  }

  /** The key of an element. */
  keyOf(step: Step, text: string): number {
    return fateOf(this.#program, step, text).key
  }

  /** Waits as long as a call does, while others may be under way: at most `limit` that share the name. */
  async wait(names: readonly (readonly [name: string, limit: number])[], { fate }: Call): Promise<void> {
    for (const [name, limit] of names) {
      const underWay = (this.#underWay.get(name) ?? 0) + 1
      this.#underWay.set(name, underWay)
      if (underWay > limit) this.faults.push(`${underWay} calls of ${name} are under way, of ${limit}`)
    }
    await turns(fate.waits ?? 0)
    for (const [name] of names) this.#underWay.set(name, (this.#underWay.get(name) ?? 0) - 1)
  }
}

/** A call of user code. */
interface Call {
  readonly text: string
  readonly fate: Fate
  readonly attempt: number
  readonly fails: boolean
}

/** Turns of the event loop: mostly of the kind that costs nothing. */
async function turns(count: number): Promise<void> {
  if (count >= 9) await new Promise((resolve) => setTimeout(resolve, 1))
  else if (count >= 6) await new Promise((resolve) => setImmediate(resolve))
  else for (let i = 0; i < count; i++) await Promise.resolve()
}

function failIfDue({ fails, text, attempt }: Call): void {
  if (fails) throw new RangeError(complaint(text, attempt))
}

/** The program as a pipeline: what leaves the last step is collected as `out`, letters as `bad/letters`. */
export function toPipeline(program: Program, watch: Watch): Pipeline {
  const p = pipeline()
  const onError = p.errors('bad', (letters) => letters.map('text', letterText).collect('letters'))
  let texts = p
    .create('input', program.input, { timestamp: ({ timestamp }) => timestamp })
    .windowInto('windows', fixedWindows(program.windowSize))
    .map('text', ({ text }) => text)
  for (const step of program.steps) texts = applyStep(texts, step, optionsOf(step, onError), watch)
  texts.collect('out')
  return p
}

function letterText({ step, element, error, timestamp }: DeadLetter): string {
  const text = typeof element === 'string' ? element : (element as { readonly value: string }).value
  return `${step} ${text} @${timestamp} ${error.name}: ${error.message}`
}

function optionsOf(
  { hasLetters, attempts, backoff, concurrency, isOrdered }: Step,
  onError: ErrorHandler,
): StepOptions {
  return {
    ...(hasLetters ? { onError } : {}),
    ...(attempts > 1 ? { retry: { attempts, backoff } } : {}),
    concurrency,
    ordered: isOrdered,
  }
}

function applyStep(texts: PCollection<string>, step: Step, options: StepOptions, watch: Watch): PCollection<string> {
  const { name, concurrency } = step
  /** A call that gives its result at once or after a while, or fails then. */
  const call = <T>(text: string, result: (fate: Fate) => T): T | Promise<T> => {
    const call = watch.begin(step, text)
    const finish = (): T => {
      failIfDue(call)
      return result(call.fate)
    }
    return call.fate.waits === undefined ? finish() : watch.wait([[name, concurrency]], call).then(finish)
  }
  switch (step.form) {
    case 'map':
      return texts.map(name, (text) => call(text, ({ outputs }) => outputs[0] as string), options)
    case 'filter':
      return texts.filter(name, (text) => call(text, ({ outputs }) => outputs.length > 0), options)
    case 'array':
      return texts.flatMap(name, (text) => call(text, ({ outputs }) => outputs) as readonly string[], options)
    case 'generator':
      return texts.flatMap(name, (text) => generated(watch.begin(step, text)), options)
    case 'asyncGenerator':
      return texts.flatMap(name, (text) => generatedLater(watch, step, watch.begin(step, text)), options)
    case 'keyed':
      return texts
        .keyBy(name, (text) => call(text, ({ key }) => key), options)
        .map(`${name} text`, ({ value }) => value)
    case 'parDo':
      return emitting(texts, step, options, watch)
    case 'state':
      return remembering(texts, step, options, watch)
  }
}

function* generated(call: Call): Generator<string> {
  const { outputs, outputsBefore } = call.fate
  yield* outputs.slice(0, outputsBefore)
  failIfDue(call)
  yield* outputs.slice(outputsBefore)
}

async function* generatedLater(watch: Watch, { name, concurrency }: Step, call: Call): AsyncGenerator<string> {
  const { outputs, outputsBefore } = call.fate
  yield* outputs.slice(0, outputsBefore)
  await watch.wait([[name, concurrency]], call)
  failIfDue(call)
  yield* outputs.slice(outputsBefore)
}

/** A DoFn with two outputs; what the second has is collected under the step's name. */
function emitting(texts: PCollection<string>, step: Step, options: StepOptions, watch: Watch): PCollection<string> {
  const { name, concurrency } = step
  const { main, other } = texts.parDo(name, {
    outputs: { main: typed<string>(), other: typed<string>() },
    ...options,
    process(text, { emit }) {
      const call = watch.begin(step, text)
      const { outputs, outputsBefore, waits } = call.fate
      for (const output of outputs.slice(0, outputsBefore)) emit.main(output)
      emit.other(text)
      const finish = (): void => {
        failIfDue(call)
        for (const output of outputs.slice(outputsBefore)) emit.main(output)
      }
      return waits === undefined ? finish() : watch.wait([[name, concurrency]], call).then(finish)
    },
  })
  other.collect(`${name} other`)
  return main
}

/** A DoFn that keeps its key's texts and has a timer say them at the window's end. A failing call spoils everything first. */
function remembering(texts: PCollection<string>, step: Step, options: StepOptions, watch: Watch): PCollection<string> {
  const { name, concurrency, changesInPlace } = step
  const keyOf = (text: string): number => watch.keyOf(step, text)
  const { main, seen, end } = texts.keyBy(`${name} key`, keyOf).parDo(name, {
    outputs: { main: typed<string>(), seen: typed<Seen>(), end: typed<Ending>() },
    ...options,
    state: {
      texts: state.value(typed<string[]>(), { initial: [] }),
      count: state.value(typed<number>(), { initial: 0 }),
    },
    timers: { end: timer.eventTime() },
    process({ key, value: text }, { state: { texts, count }, timers, window, emit }) {
      const call = watch.begin(step, text)
      const { outputsBefore, waits } = call.fate
      const remember = (): void => {
        const list = changesInPlace ? texts.read() : [...texts.read()]
        list.push(text)
        texts.write(list)
        count.write(count.read() + 1)
        emit.seen({ text, position: count.read() })
        emit.main(text)
      }
      const spoil = (): void => {
        if (outputsBefore === 0) return
        remember()
        if (outputsBefore === 1) timers.end.clear()
        else timers.end.set(window.start)
      }
      const finish = (): void => {
        failIfDue(call)
        remember()
        timers.end.set(window.maxTimestamp)
      }
      if (call.fails) spoil()
      const place = `${name}, key ${key} in ${window.start}`
      return waits === undefined
        ? finish()
        : watch
            .wait(
              [
                [name, concurrency],
                [place, 1],
              ],
              call,
            )
            .then(finish)
    },
    onTimer: {
      end: ({ key, fireTimestamp, state: { texts, count }, emit }) => {
        const all = texts.read()
        if (all.length !== count.read()) watch.faults.push(`${name} counts ${count.read()} of ${all.length}`)
        emit.end({ key, timestamp: fireTimestamp, texts: [...all] })
      },
    },
  })
  seen.collect(`${name} seen`)
  end.collect(`${name} end`)
  return main
}
