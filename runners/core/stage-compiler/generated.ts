/**
 * The back end of generated functions: one function per stage, its steps written out one inside the other, so that the
 * JavaScript engine sees each author's function at a call site of its own.
 *
 * Law: the generated text is made of fixed templates and numbers only; names, keys and data of a pipeline never enter
 * it, they are handed in as arguments. It handles what is usual and synchronous; anything else (a promise, a dead
 * letter, a generator) it hands to the closures, which define the meaning.
 */
import type { Windows } from '../../../sdk/windowing/window.js'
import { keyOf } from '../do-fn-runtime.js'
import type { Push } from '../element-buffer.js'
import { NOTHING } from '../reduce-fn.js'
import type { Operator, Output, ParDoOperator } from '../stage.js'
import type { StageRuntime } from '../stage-runtime.js'
import { type ClosureStage, newTimestamp, oneOrMany } from './closures.js'
import type { CompiledStage, StageParts, StageReceiver } from './compiled-stage.js'

/** Whether this environment allows code to be generated. */
export function canGenerate(): boolean {
  try {
    return new Function('return 1')() === 1
  } catch {
    return false
  }
}

/** Compiles a stage to generated functions over its closures. */
export function compileGenerated(parts: StageParts, closures: ClosureStage): CompiledStage {
  const writer = new StageWriter(parts, closures)
  const { begin, run, runUniform, push } = writer.compile()
  const { runtime } = parts
  return {
    begin,
    doFns: closures.doFns,
    precombines: closures.precombines,
    push: (value, timestamp, windows, pane) => (runtime.exit ? closures.push : push)(value, timestamp, windows, pane),
    run: (values, timestamps, windows, panes, from, to) =>
      (runtime.exit ? closures.run : run)(values, timestamps, windows, panes, from, to),
    runUniform: (values, timestamps, windows, pane, from, to) =>
      (runtime.exit ? closures.runUniform : runUniform)(values, timestamps, windows, pane, from, to),
  }
}

/** Names of the variables that hold an element at some point of the generated text. */
interface Here {
  readonly value: string
  readonly timestamp: string
  readonly windows: string
  /** Set when the value is a KV that has not been made: its key. Then `value` is the KV's value. */
  readonly key?: string
}

/** A call of user code in one generated function, for its catch clause. */
interface CallSite {
  readonly at: number
  readonly handler: string
  readonly element: string
  readonly here: Here
}

/** Text of one generated function body under construction. */
interface Body {
  readonly sites: CallSite[]
  /** Variables that the catch clause must see. */
  readonly variables: string[]
}

const newBody = (): Body => ({ sites: [], variables: [] })

class StageWriter {
  readonly #parts: StageParts
  readonly #closures: ClosureStage
  /** Values handed to the generated text, by position. */
  readonly #constants: unknown[] = []
  readonly #constantIndex = new Map<unknown, number>()
  readonly #declarations: string[] = []
  readonly #resets: string[] = []
  #next = 0

  constructor(parts: StageParts, closures: ClosureStage) {
    this.#parts = parts
    this.#closures = closures
  }

  compile(): Pick<CompiledStage, 'begin' | 'run' | 'runUniform' | 'push'> {
    const functions = [this.#loop('run', true), this.#loop('runUniform', false), this.#single()]
    const text = [
      '"use strict"',
      this.#constants.map((_, i) => `const k${i} = K[${i}]`).join('\n'),
      ...this.#declarations,
      ...functions,
      `function begin() { ${this.#resets.join(';')} }`,
      'return { begin, run, runUniform, push }',
    ].join('\n')
    const make = new Function('K', 'rt', 'C', text) as (
      constants: readonly unknown[],
      runtime: StageRuntime,
      counters: Float64Array,
    ) => Pick<CompiledStage, 'begin' | 'run' | 'runUniform' | 'push'>
    return make(this.#constants, this.#parts.runtime, this.#parts.runtime.metrics.elements)
  }

  /** The loop over a batch. `rt.exit` ends it between elements: the closures go on from there. */
  #loop(name: string, hasColumns: boolean): string {
    const { root } = this.#parts
    const count = (by: string): string => (root.kind === 'parDo' ? '' : this.#count(root.output, by))
    const columns = hasColumns ? 'const w = W[i], p = P[i];' : ''
    return `
function ${name}(values, ts, ${hasColumns ? 'W, P' : 'w, p'}, from, to) {
  for (let i = from; i < to; i++) {
    const v = values[i], t = ts[i]; ${columns}
    ${this.#whole()}
    if (rt.exit) { i++; ${count('i - from')} return i }
  }
  ${count('to - from')}
  return to
}`
  }

  /** One element, counted. */
  #single(): string {
    const { root } = this.#parts
    return `function push(v, t, w, p) { ${root.kind === 'parDo' ? '' : this.#count(root.output, '1')} ${this.#whole()} }`
  }

  /** What happens to an element from the root on. */
  #whole(): string {
    const { root } = this.#parts
    const here: Here = { value: 'v', timestamp: 't', windows: 'w' }
    const body = newBody()
    const inner = root.kind === 'parDo' ? this.#operator(root.operator, here, body) : this.#readers(root.output, here, body)
    return this.#guarded(inner, body)
  }

  #count(output: Output, by: string): string {
    return by === '1' ? `C[${output.counter}]++;` : `C[${output.counter}] += ${by};`
  }

  /** Wraps text in a try whose catch knows, by `at`, which user call threw. */
  #guarded(inner: string, body: Body): string {
    if (body.sites.length === 0) return inner
    const at = this.#fresh('at')
    const el = this.#fresh('el')
    const cases = body.sites
      .map(({ at: site, handler, here }) => `case ${site}: ${handler}(e, ${el}, ${here.timestamp}, ${here.windows}); break;`)
      .join(' ')
    const named = inner.replaceAll('$AT', at).replaceAll('$EL', el)
    return `let ${[`${at} = 0`, el, ...body.variables].join(', ')}; try { ${named} } catch (e) { switch (${at}) { ${cases} default: throw e } }`
  }

  /** The text that hands an element to everything that reads an output. */
  #readers(output: Output, here: Here, body: Body): string {
    const receivers = this.#parts.receiversOf(output)
    const blocks = [
      ...output.consumers.map((consumer) => (inner: Body) => this.#operator(consumer, here, inner)),
      ...receivers.map((receiver) => (inner: Body) => this.#receiver(receiver, here, inner)),
    ]
    if (blocks.length === 1) return (blocks[0] as (inner: Body) => string)(body)
    // Each reader has a try of its own: what one does with an element is no business of the others.
    return blocks
      .map((block) => {
        const own = newBody()
        const text = block(own)
        return `{ ${this.#guarded(text, own)} }`
      })
      .join('\n')
  }

  #operator(operator: Operator, here: Here, body: Body): string {
    switch (operator.kind) {
      case 'parDo':
        return operator.fn.kind === 'doFn' ? this.#doFn(operator, here, body) : this.#elementWise(operator, here, body)
      case 'window':
        return this.#window(operator, here, body)
      case 'flatten':
        return this.#counted(operator.outputs[0], here, body)
      default:
        return this.#viaClosure(this.#closures.entry(operator), here)
    }
  }

  /** Count, then readers. */
  #counted(output: Output, here: Here, body: Body): string {
    const count = output.derivedFrom === undefined ? this.#count(output, '1') : ''
    return `${count} ${this.#readers(output, here, body)}`
  }

  #viaClosure(push: Push, here: Here): string {
    const [make, { value, timestamp, windows }] = this.#made(here)
    return `${make} ${this.#constant(push)}(${value}, ${timestamp}, ${windows}, p);`
  }

  // ---- element-wise steps ----------------------------------------------------------------------------------------

  #elementWise(operator: ParDoOperator, before: Here, body: Body): string {
    const { fn } = operator
    if (fn.kind === 'keyBy' && fn.constant) {
      const key = this.#fresh('key')
      const [make, here] = this.#made(before)
      return `${make} const ${key} = null; ${this.#counted(operator.outputs[0] as Output, { ...here, key }, body)}`
    }
    const [make, here] = this.#made(before)
    const step = this.#closures.elementSteps.get(operator)
    if (step === undefined) throw new Error('an element-wise step has been prepared')
    const call = this.#constant(step.call)
    const resume = this.#constant(step.resume)
    const site = this.#site(here, body, (error: unknown, element: unknown, timestamp: number, windows: Windows) =>
      this.#parts.runtime.failed(operator.info, 'process', error, element, timestamp, windows, step.letters),
    )
    const r = this.#fresh('r')
    const { value, timestamp, windows } = here
    const called = `${make} $AT = ${site}; $EL = ${value}; const ${r} = ${call}(${value});`
    const odd = `${resume}(${r}, ${value}, ${timestamp}, ${windows}, p)`
    const isOdd = `typeof ${r} === 'object' && ${r} !== null && typeof ${r}.then === 'function'`
    const output = operator.outputs[0] as Output
    switch (fn.kind) {
      case 'map':
        return `${called} if (${isOdd}) ${odd}; else { ${this.#counted(output, { value: r, timestamp, windows }, body)} }`
      case 'filter':
        return `${called} if (${r} === true) { ${this.#counted(output, here, body)} } else if (${r}) ${odd};`
      case 'keyBy':
        return `${called} if (${isOdd}) ${odd}; else { ${this.#counted(output, { ...here, key: r }, body)} }`
      case 'flatMap':
        return this.#flatMap(called, r, odd, output, here)
      case 'timestamps': {
        const at = this.#variable('t', body)
        const check = this.#constant(newTimestamp)
        return `${called} if (${isOdd}) ${odd}; else { ${at} = ${check}(${r}, ${timestamp}, ${fn.allowedSkewMillis}); ${this.#counted(output, { value, timestamp: at, windows }, body)} }`
      }
      case 'partition':
        return `${called} ${odd};`
      default:
        throw new Error('a DoFn is no element-wise step')
    }
  }

  /** Items of an array are handed on in place; each has a try of its own, so that a bad one does not take its siblings along. */
  #flatMap(called: string, r: string, odd: string, output: Output, here: Here): string {
    const x = this.#fresh('x')
    const j = this.#fresh('j')
    const own = newBody()
    const inner = this.#counted(output, { value: x, timestamp: here.timestamp, windows: here.windows }, own)
    const rest = this.#constant(this.#closures.outputEntry(output))
    return `${called} if (Array.isArray(${r})) {
      for (let ${j} = 0; ${j} < ${r}.length; ${j}++) {
        const ${x} = ${r}[${j}];
        if (rt.exit) { ${rest}(${x}, ${here.timestamp}, ${here.windows}, p); continue }
        ${this.#guarded(inner, own)}
      }
    } else ${odd};`
  }

  #window(operator: Extract<Operator, { kind: 'window' }>, before: Here, body: Body): string {
    const [make, here] = this.#made(before)
    const { runtime } = this.#parts
    const { info, windowFn, outputs } = operator
    const site = this.#site(here, body, (error: unknown, element: unknown, timestamp: number, windows: Windows) =>
      runtime.failed(info, 'windowFn', error, element, timestamp, windows, undefined),
    )
    const w = this.#variable('w', body)
    const assign = `${make} $AT = ${site}; $EL = ${here.value}; ${w} =`
    const next = this.#counted(outputs[0], { value: here.value, timestamp: here.timestamp, windows: w }, body)
    const fn = this.#constant(windowFn)
    if (windowFn.assignsToOneWindow) return `${assign} ${fn}.assign(${here.timestamp}); ${next}`
    const normal = this.#constant(oneOrMany)
    return `${assign} ${normal}(${fn}.assign(${here.timestamp})); if (${w} === undefined) rt.loseWithoutWindow(${this.#constant(info)}); else { ${next} }`
  }

  // ---- DoFns -----------------------------------------------------------------------------------------------------

  #doFn(operator: ParDoOperator, before: Here, body: Body): string {
    const doFn = this.#closures.doFnOf.get(operator)
    if (doFn === undefined) throw new Error('a DoFn has been prepared')
    if (doFn.isBuffered) return this.#viaClosure(this.#closures.entry(operator), before)
    const [make, here] = this.#made(before)
    const { value, timestamp, windows } = here
    const site = this.#site(here, body, (error: unknown, element: unknown, at: number, w: Windows) =>
      doFn.fail(error, element, at, w),
    )
    const n = this.#next++
    const rt = this.#constant(doFn)
    const process = this.#constant(doFn.process)
    const downs = operator.outputs.map((output) => this.#down(output))
    const emits = downs.map(
      (down, o) =>
        `(v, at) => { if (x.mode !== 0) ${rt}.emitSlow(x, ${o}, v, at); else ${down}(v, at === undefined ? x.timestamp : ${rt}.outputTimestamp(x, at), x.window, x.pane) }`,
    )
    this.#declarations.push(`let x${n}; function fresh${n}() { const x = ${rt}.newContext(); x.emit = ${rt}.emitOf([${emits.join(', ')}]); return x }`)
    this.#resets.push(`x${n} = undefined`)
    const r = this.#fresh('r')
    const select = operator.isStateful
      ? `const rec${n} = ${rt}.recordFor(${value}, ${timestamp}, ${windows}); if (rec${n} !== undefined) { x.record = rec${n};`
      : '{'
    const single = `{
      const x = x${n} === undefined ? (x${n} = fresh${n}()) : x${n};
      ${select}
      x.timestamp = ${timestamp}; x.window = ${windows}; x.pane = p;
      $AT = ${site}; $EL = ${value};
      const ${r} = ${process}(${value}, x);
      if (${r} !== undefined && ${rt}.returned(${r}, x, ${value})) x${n} = undefined;
      ${operator.isStateful ? `else if (rec${n}.wasCleared) ${rt}.pruned(rec${n});` : ''}
      } }`
    const many = this.#viaClosure(this.#closures.entry(operator), here)
    return operator.strategy.windowFn.assignsToOneWindow ? `${make} ${single}` : `${make} if (Array.isArray(${windows})) { ${many} } else ${single}`
  }

  /** A function from an output on, for the emit of a DoFn; declared once. */
  #down(output: Output): string {
    const name = this.#fresh('down')
    const body = newBody()
    const inner = this.#counted(output, { value: 'v', timestamp: 't', windows: 'w' }, body)
    const rest = this.#constant(this.#closures.outputEntry(output))
    this.#declarations.push(`function ${name}(v, t, w, p) { if (rt.exit) return ${rest}(v, t, w, p); ${this.#guarded(inner, body)} }`)
    return name
  }

  // ---- what leaves the stage -------------------------------------------------------------------------------------

  #receiver(receiver: StageReceiver, before: Here, body: Body): string {
    if (receiver.kind === 'buffer') {
      const [make, here] = this.#made(before)
      return `${make} ${this.#constant(receiver.receiver)}.add(${here.value}, ${here.timestamp}, ${here.windows}, p);`
    }
    const { runner, info } = receiver
    const isKeyed = before.key !== undefined
    const site = this.#site(before, body, (error: unknown, element: unknown, timestamp: number, windows: Windows) =>
      this.#parts.runtime.failed(info, 'addInput', error, element, timestamp, windows, undefined),
    )
    const g = this.#constant(runner)
    const key = isKeyed ? (before.key as string) : this.#fresh('key')
    const value = isKeyed ? before.value : this.#fresh('val')
    const unpack = isKeyed ? '' : `const ${key} = ${this.#constant(keyOf)}(${before.value}), ${value} = ${before.value}.value;`
    const start = `$AT = ${site}; $EL = ${before.value}; ${unpack}`
    const { timestamp, windows } = before
    if (runner.merges) return `${start} ${g}.add(${key}, ${value}, ${timestamp}, ${windows});`
    const n = this.#next++
    this.#declarations.push(`let gw${n}, gt${n};`)
    this.#resets.push(`gw${n} = undefined`)
    const find = (table: string): string => `
      let c${n} = ${runner.primitivesAreIds ? `typeof ${key} === 'object' && ${key} !== null ? ${table}.cells.get(${key}) : ${table}.cells.primitives.get(${key})` : `${table}.cells.get(${key})`};
      if (c${n} === undefined) c${n} = ${g}.open(${table}, ${key});
      ${this.#addTo(`c${n}`, value, receiver)}`
    const into = (table: string): string =>
      `if (${table} === undefined) ${g}.dropLate(1); else if (${table}.isFast) { ${find(table)} } else ${g}.addToTable(${table}, ${key}, ${value}, ${timestamp});`
    const one = `if (${windows} !== gw${n}) { gt${n} = ${g}.table(${windows}); gw${n} = ${windows} } ${into(`gt${n}`)}`
    const many = `if (${windows} !== gw${n}) { gt${n} = ${g}.tablesOf(${windows}); gw${n} = ${windows} } for (let q = 0; q < gt${n}.length; q++) { const tab = gt${n}[q]; ${into('tab')} }`
    if (runner.assignsToOneWindow) return `${start} ${one}`
    return `${start} if (Array.isArray(${windows})) { ${many} } else { ${one} }`
  }

  #addTo(cell: string, value: string, receiver: Extract<StageReceiver, { kind: 'grouping' }>): string {
    const { reduce } = receiver.runner
    switch (reduce.kind) {
      case 'list':
        return `${cell}.accumulator.push(${value});`
      case 'monoid':
        return `${cell}.accumulator = ${this.#constant(reduce.concat)}(${cell}.accumulator, ${this.#constant(reduce.of)}(${value}));`
      case 'semigroup': {
        const nothing = this.#constant(NOTHING)
        return `${cell}.accumulator = ${cell}.accumulator === ${nothing} ? ${this.#constant(reduce.of)}(${value}) : ${this.#constant(reduce.concat)}(${cell}.accumulator, ${this.#constant(reduce.of)}(${value}));`
      }
      default:
        return `${cell}.accumulator = ${this.#constant(reduce.addInput)}(${cell}.accumulator, ${value});`
    }
  }

  // ---- names -----------------------------------------------------------------------------------------------------

  /** Text that makes the KV of an element, if it was only implied, and the element's names afterwards. */
  #made(here: Here): readonly [text: string, here: Here] {
    if (here.key === undefined) return ['', here]
    const value = this.#fresh('kv')
    return [
      `const ${value} = { key: ${here.key}, value: ${here.value} };`,
      { value, timestamp: here.timestamp, windows: here.windows },
    ]
  }

  #site(here: Here, body: Body, handler: (error: unknown, element: unknown, timestamp: number, windows: Windows) => void): number {
    const at = body.sites.length + 1
    body.sites.push({ at, handler: this.#constant(handler), element: here.value, here })
    return at
  }

  #constant(value: unknown): string {
    let index = this.#constantIndex.get(value)
    if (index === undefined) {
      index = this.#constants.push(value) - 1
      this.#constantIndex.set(value, index)
    }
    return `k${index}`
  }

  /** A variable that also the catch clause of the body sees. */
  #variable(prefix: string, body: Body): string {
    const name = this.#fresh(prefix)
    body.variables.push(name)
    return name
  }

  #fresh(prefix: string): string {
    return `${prefix}_${this.#next++}`
  }
}
