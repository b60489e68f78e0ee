/**
 * The text of a stage's generated functions: its steps written out one inside the other, so that the JavaScript engine
 * sees each author's function at a call site of its own.
 *
 * Law: the text is made of fixed templates and numbers only; names, keys and data of a pipeline never enter it, they are
 * handed in as arguments. It handles what is usual and synchronous; anything else (a promise, a dead letter, a
 * generator) it hands to the closures, which define the meaning.
 */
import type { Windows } from '../../../sdk/windowing/window.js'
import { InvariantViolation } from '../../../sdk/invariant.js'
import { keyOf } from '../key-of.js'
import type { Push } from '../element-buffer.js'
import { NOTHING } from '../reduce-fn.js'
import type { ReduceFnRunner } from '../reduce-fn-runner.js'
import { cellFactory } from '../reduce-table.js'
import type { Operator, Output, ParDoOperator, StepInfo } from '../stage.js'
import type { ClosureStage } from './closure-stage.js'
import { indexedSource, newTimestamp, oneOrMany } from './closures.js'
import { entriesOf, type StageEntry, type StageParts, type StageReceiver } from './compiled-stage.js'
import { BATCHES, type Body, type Here, newBody, type Outside, type StageText } from './function-body.js'
import { isStraight } from './straight-stage.js'

/** Writes the text of a stage. */
export class StageWriter {
  readonly #parts: StageParts
  readonly #closures: ClosureStage
  /** Values handed to the generated text, by position. */
  readonly #constants: unknown[] = []
  readonly #constantIndex = new Map<unknown, number>()
  /** Functions of the author that the text calls, in order. */
  readonly #userFunctions: object[] = []
  readonly #declarations: string[] = []
  readonly #resets: string[] = []
  /** What is done when the objects of a run are handed in. */
  readonly #bindings: string[] = []
  readonly #withCells = new Set<ReduceFnRunner>()
  /** Set while the loop over a straight stage is written. */
  #outside: Outside | undefined
  #next = 0

  constructor(parts: StageParts, closures: ClosureStage) {
    this.#parts = parts
    this.#closures = closures
  }

  write(): StageText {
    const entries = entriesOf(this.#parts.root)
    const functions = entries.map((entry) => this.#function(entry))
    const text = [
      this.#userFunctions.map((_, i) => `const u${i} = U[${i}]`).join('\n'),
      `let rt, C${this.#constants.map((_, i) => `, k${i}`).join('')}`,
      `function bind(K, runtime, counters) { rt = runtime; C = counters; ${this.#constants.map((_, i) => `k${i} = K[${i}]`).join('; ')}; ${this.#bindings.join(' ')} }`,
      ...this.#declarations,
      ...functions,
      `function begin() { ${this.#resets.join(';')} }`,
      `return { ${['bind', 'begin', ...entries].join(', ')} }`,
    ].join('\n')
    return { text, userFunctions: this.#userFunctions, constants: this.#constants }
  }

  #function(entry: StageEntry): string {
    if (entry === 'push') return this.#single()
    return entry === 'runIndexed' ? this.#indexedLoop() : this.#loop(entry, ...BATCHES[entry])
  }

  /** The loop over a batch: where values come from, and what else is read for each. */
  #loop(name: string, columns: string, value: string, perElement: string): string {
    return isStraight(this.#parts)
      ? this.#straightLoop(name, columns, value, perElement)
      : this.#generalLoop(name, columns, value, perElement)
  }

  /** `rt.exit` ends the loop between elements: the closures go on from there. */
  #generalLoop(name: string, columns: string, value: string, perElement: string): string {
    const count = (by: string): string => this.#countRoot(by)
    return `
function ${name}(${columns}, from, to) {
  for (let i = from; i < to; i++) {
    const v = ${value}${perElement === '' ? '' : `, ${perElement}`};
    ${this.#whole()}
    if (rt.exit) { i++; ${count('i - from')} return i }
  }
  ${count('to - from')}
  return to
}`
  }

  /**
   * The loop over a stage whose steps stand in one line. Only what happens outside the inner loop can set `rt.exit`:
   * results that are promised, and failures.
   */
  #straightLoop(name: string, columns: string, value: string, perElement: string): string {
    const outside: Outside = {
      variables: [],
      cases: [],
      loads: [],
      stores: [],
      hasOneWindow: columns.endsWith(' w, p'),
    }
    this.#outside = outside
    const body = newBody()
    const inner = this.#fromRoot(body)
    this.#outside = undefined
    const at = this.#fresh('at')
    const el = this.#fresh('el')
    const others = perElement === '' ? '' : `const ${perElement};`
    const stop = `i++; if (rt.exit) { ${this.#countRoot('i - from')} return i }`
    const store = outside.stores.join(' ')
    return `
function ${name}(${columns}, from, to) {
  let ${['i = from', `${at} = 0`, el, 'odd = 0', 'x0', 'x1', ...body.variables, ...outside.variables].join(', ')};
  for (;;) {
    try {
      if (odd !== 0) { ${others} switch (odd) { ${outside.cases.join(' ')} } odd = 0; ${stop} }
      ${outside.loads.join(' ')}
      for (; i < to; i++) {
        ${at} = 0; const v = ${value}; ${others}
        ${inner.replaceAll('$AT', at).replaceAll('$EL', el)}
      }
      ${store}
      if (odd === 0) { ${this.#countRoot('to - from')} return to }
    } catch (e) {
      ${store} odd = 0; ${others} ${this.#dispatch(body, at, el)} ${stop}
    }
  }
}`
  }

  #countRoot(by: string): string {
    const { root } = this.#parts
    return root.kind === 'parDo' || root.output.derivedFrom ? '' : this.#count(root.output, by)
  }

  /** The loop over positions of a source that knows its elements by position. */
  #indexedLoop(): string {
    const { root } = this.#parts
    if (root.kind !== 'splittable') throw new InvariantViolation('positions are read from splittable roots')
    const { elementAt, timestampAt } = indexedSource(root)
    const value = `${this.#user(elementAt)}(el, i)`
    if (timestampAt === undefined) return this.#loop('runIndexed', 'el, t, w, p', value, '')
    return this.#loop('runIndexed', 'el, t0, w, p', value, `t = ${this.#constant(timestampAt)}(el, i)`)
  }

  /** One element, counted. */
  #single(): string {
    return `function push(v, t, w, p) { ${this.#countRoot('1')} ${this.#whole()} }`
  }

  /** What happens to an element from the root on, guarded. */
  #whole(): string {
    const body = newBody()
    return this.#guarded(this.#fromRoot(body), body)
  }

  #fromRoot(body: Body): string {
    const { root } = this.#parts
    const here: Here = { value: 'v', timestamp: 't', windows: 'w' }
    return root.kind === 'parDo' ? this.#operator(root.operator, here, body) : this.#readers(root.output, here, body)
  }

  #count(output: Output, by: string): string {
    return by === '1' ? `C[${output.counter}]++;` : `C[${output.counter}] += ${by};`
  }

  /** Wraps text in a try whose catch knows, by `at`, which user call threw. */
  #guarded(inner: string, body: Body): string {
    if (body.sites.length === 0) return inner
    const at = this.#fresh('at')
    const el = this.#fresh('el')
    const named = inner.replaceAll('$AT', at).replaceAll('$EL', el)
    return `let ${[`${at} = 0`, el, ...body.variables].join(', ')}; try { ${named} } catch (e) { ${this.#dispatch(body, at, el)} }`
  }

  /** Hands an error to the step that was called last. */
  #dispatch({ sites }: Body, at: string, el: string): string {
    const cases = sites.map(
      ({ at: site, handler, here }) => `case ${site}: ${handler}(e, ${el}, ${here.timestamp}, ${here.windows}); break;`,
    )
    return `switch (${at}) { ${cases.join(' ')} default: throw e }`
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
      return `${make} const ${key} = null; ${this.#counted(operator.outputs[0] as Output, { ...here, key, hasConstantKey: true }, body)}`
    }
    const [make, here] = this.#made(before)
    const step = this.#closures.elementSteps.get(operator)
    if (step === undefined) throw new InvariantViolation('an element-wise step has been prepared')
    const call = this.#user(step.call)
    const resume = this.#constant(step.resume)
    const site = this.#site(
      operator.info,
      here,
      body,
      (error: unknown, element: unknown, timestamp: number, windows: Windows) =>
        this.#parts.runtime.failed(operator.info, 'process', error, element, timestamp, windows, step.letters),
    )
    const r = this.#fresh('r')
    const { value, timestamp, windows } = here
    const called = `${make} $AT = ${site}; $EL = ${value}; const ${r} = ${call}(${value});`
    const odd = this.#odd(
      r,
      value,
      (result, element) => `${resume}(${result}, ${element}, ${timestamp}, ${windows}, p)`,
    )
    const isOdd = `typeof ${r} === 'object' && ${r} !== null && typeof ${r}.then === 'function'`
    const output = operator.outputs[0] as Output
    switch (fn.kind) {
      case 'map':
        return `${called} if (${isOdd}) ${odd} else { ${this.#counted(output, { value: r, timestamp, windows }, body)} }`
      case 'filter':
        return `${called} if (${r} === true) { ${this.#counted(output, here, body)} } else if (${r}) ${odd};`
      case 'keyBy':
        return `${called} if (${isOdd}) ${odd} else { ${this.#counted(output, { ...here, key: r }, body)} }`
      case 'flatMap':
        return this.#flatMap(called, r, odd, output, here)
      case 'timestamps': {
        const at = this.#variable('t', body)
        const check = this.#constant(newTimestamp)
        return `${called} if (${isOdd}) ${odd} else { ${at} = ${check}(${r}, ${timestamp}, ${fn.allowedSkewMillis}); ${this.#counted(output, { value, timestamp: at, windows }, body)} }`
      }
      case 'partition':
        return `${called} ${odd};`
      default:
        throw new InvariantViolation('a DoFn is no element-wise step')
    }
  }

  /** What is done with an element that is not as usual; a straight loop is left for it. */
  #odd(result: string, element: string, call: (result: string, element: string) => string): string {
    if (this.#outside === undefined) return `{ ${call(result, element)} }`
    const { cases } = this.#outside
    const n = cases.length + 1
    cases.push(`case ${n}: ${call('x0', 'x1')}; break;`)
    return `{ odd = ${n}; x0 = ${result}; x1 = ${element}; break }`
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
    if (operator.severalBefore) {
      const single = this.#windowOne(operator, before, body)
      return `if (Array.isArray(${before.windows})) { ${this.#viaClosure(this.#closures.entry(operator), before)} } else { ${single} }`
    }
    return this.#windowOne(operator, before, body)
  }

  #windowOne(operator: Extract<Operator, { kind: 'window' }>, before: Here, body: Body): string {
    const [make, here] = this.#made(before)
    const { runtime } = this.#parts
    const { info, windowFn, outputs } = operator
    const site = this.#site(info, here, body, (error: unknown, element: unknown, timestamp: number, windows: Windows) =>
      runtime.failed(info, 'windowFn', error, element, timestamp, windows, undefined),
    )
    const w = this.#variable('w', body)
    const assign = `${make} $AT = ${site}; $EL = ${here.value}; ${w} =`
    const next = this.#counted(outputs[0], { value: here.value, timestamp: here.timestamp, windows: w }, body)
    const assigned =
      windowFn.assignElement === undefined
        ? `${this.#user(windowFn)}.assign(${here.timestamp})`
        : `${this.#user(windowFn.assignElement)}(${here.value}, ${here.timestamp}, ${here.windows})`
    if (windowFn.assignsToOneWindow) return `${assign} ${assigned}; ${next}`
    const normal = this.#constant(oneOrMany)
    return `${assign} ${normal}(${assigned}); if (${w} === undefined) rt.loseWithoutWindow(${this.#constant(info)}); else { ${next} }`
  }

  // ---- DoFns -----------------------------------------------------------------------------------------------------

  #doFn(operator: ParDoOperator, before: Here, body: Body): string {
    const doFn = this.#closures.doFnOf.get(operator)
    if (doFn === undefined) throw new InvariantViolation('a DoFn has been prepared')
    if (doFn.isBuffered) return this.#viaClosure(this.#closures.entry(operator), before)
    const [make, here] = this.#made(before)
    const { value, timestamp, windows } = here
    const site = this.#site(operator.info, here, body, (error: unknown, element: unknown, at: number, w: Windows) =>
      doFn.fail(error, element, at, w),
    )
    const n = this.#next++
    const rt = this.#constant(doFn)
    const process = this.#user(doFn.process)
    const downs = operator.outputs.map((output) => this.#down(output))
    const emits = downs.map(
      (down, o) =>
        `(v, at) => { if (x.mode !== 0) ${rt}.emitSlow(x, ${o}, v, at); else ${down}(v, at === undefined ? x.timestamp : ${rt}.outputTimestamp(x, at), x.window, x.pane) }`,
    )
    this.#declarations.push(
      `let x${n}; function fresh${n}() { const x = ${rt}.newContext(); x.emit = ${rt}.emitOf([${emits.join(', ')}]); return x }`,
    )
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
      ${operator.isStateful ? `else { x.record = undefined; ${doFn.keepsNoContext ? `x${n} = undefined;` : ''} if (rec${n}.mayBeEmpty) ${rt}.pruned(rec${n}); }` : ''}
      } }`
    const many = this.#viaClosure(this.#closures.entry(operator), here)
    return operator.strategy.windowFn.assignsToOneWindow
      ? `${make} ${single}`
      : `${make} if (Array.isArray(${windows})) { ${many} } else ${single}`
  }

  /** A function from an output on, for the emit of a DoFn; declared once. */
  #down(output: Output): string {
    const name = this.#fresh('down')
    const body = newBody()
    const inner = this.#counted(output, { value: 'v', timestamp: 't', windows: 'w' }, body)
    const rest = this.#constant(this.#closures.outputEntry(output))
    this.#declarations.push(
      `function ${name}(v, t, w, p) { if (rt.exit) return ${rest}(v, t, w, p); ${this.#guarded(inner, body)} }`,
    )
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
    const site = this.#site(
      info,
      before,
      body,
      (error: unknown, element: unknown, timestamp: number, windows: Windows) =>
        this.#parts.runtime.failed(info, 'addInput', error, element, timestamp, windows, undefined),
    )
    const g = this.#constant(runner)
    this.#cellsFor(runner, g)
    const key = isKeyed ? before.key : this.#fresh('key')
    const value = isKeyed ? before.value : this.#fresh('val')
    const unpack = isKeyed
      ? ''
      : `const ${key} = ${this.#constant(keyOf)}(${before.value}), ${value} = ${before.value}.value;`
    const start = `$AT = ${site}; $EL = ${before.value}; ${unpack}`
    const { timestamp, windows } = before
    if (runner.merges) return `${start} ${g}.add(${key}, ${value}, ${timestamp}, ${windows});`
    const n = this.#next++
    this.#declarations.push(`let gw${n}, gt${n};`)
    this.#resets.push(`gw${n} = undefined`)
    if (before.hasConstantKey === true && windows === 'w' && this.#outside?.hasOneWindow === true && runner.canBeFast) {
      return `${start} ${this.#inLocal(this.#outside, before, receiver, g)}`
    }
    if (before.hasConstantKey === true && runner.assignsToOneWindow) {
      // All elements of a window meet in one cell: find it when the window changes, not for each element.
      this.#declarations.push(`let gc${n};`)
      const open = `gt${n} = ${g}.table(${windows}); gw${n} = ${windows}; gc${n} = gt${n} === undefined || !gt${n}.isFast ? undefined : (gt${n}.cells.get(${key}) ?? ${g}.open(gt${n}, ${key}));`
      return `${start} if (${windows} !== gw${n}) { ${open} } if (gc${n} !== undefined) { ${this.#addTo(`gc${n}.accumulator`, value, receiver)} } else if (gt${n} === undefined) ${g}.drop('late', ${key}, ${value}, ${timestamp}, ${windows}); else ${g}.addToTable(gt${n}, ${key}, ${value}, ${timestamp});`
    }
    const add = (table: string, cells: string): string => `
      let c${n} = ${this.#lookUp(runner, key, table, cells)};
      if (c${n} === undefined) c${n} = ${g}.open(${table}, ${key});
      ${this.#addTo(`c${n}.accumulator`, value, receiver)}`
    const otherwise = (table: string, window: string): string =>
      `if (${table} === undefined) ${g}.drop('late', ${key}, ${value}, ${timestamp}, ${window}); else ${g}.addToTable(${table}, ${key}, ${value}, ${timestamp});`
    this.#declarations.push(`let gm${n};`)
    const find = `gt${n} = ${g}.table(${windows}); gw${n} = ${windows}; gm${n} = gt${n} !== undefined && gt${n}.isFast ? gt${n}.cells.primitives : undefined;`
    const one = `if (${windows} !== gw${n}) { ${find} } if (gm${n} !== undefined) { ${add(`gt${n}`, `gm${n}`)} } else ${otherwise(`gt${n}`, windows)}`
    const each = `const tab = gt${n}[q]; if (tab !== undefined && tab.isFast) { ${add('tab', 'tab.cells.primitives')} } else ${otherwise('tab', `${windows}[q]`)}`
    const many = `if (${windows} !== gw${n}) { gt${n} = ${g}.tablesOf(${windows}); gw${n} = ${windows} } for (let q = 0; q < gt${n}.length; q++) { ${each} }`
    if (runner.assignsToOneWindow) return `${start} ${one}`
    return `${start} if (Array.isArray(${windows})) { ${many} } else { ${one} }`
  }

  /** Finds a key's cell: a primitive directly in the map of primitives, anything else by its canonical bytes. */
  #lookUp({ primitivesAreIds }: ReduceFnRunner, key: string, table: string, cells: string): string {
    if (!primitivesAreIds) return `${table}.cells.get(${key})`
    return `typeof ${key} === 'object' && ${key} !== null ? ${table}.cells.get(${key}) : ${cells}.get(${key})`
  }

  /** Adds to a local variable that holds the accumulator of the only cell the loop can reach. */
  #inLocal(
    { variables, loads, stores }: Outside,
    { key = 'null', value, timestamp }: Here,
    receiver: Extract<StageReceiver, { kind: 'grouping' }>,
    g: string,
  ): string {
    const cell = this.#fresh('cell')
    const accumulator = this.#fresh('acc')
    variables.push(cell, `${accumulator} = 0`)
    loads.push(`${cell} = ${g}.openCell(w, null); if (${cell} !== undefined) ${accumulator} = ${cell}.accumulator;`)
    stores.push(`if (${cell} !== undefined) { ${cell}.accumulator = ${accumulator}; ${cell} = undefined }`)
    // The first element of a window, and every late one.
    const without = this.#odd(key, value, (k, v) => `${g}.addInWindow(${k}, ${v}, ${timestamp}, w)`)
    return `if (${cell} === undefined) ${without} ${this.#addTo(accumulator, value, receiver)}`
  }

  /** The class of a grouping's cells belongs to the code that fills them: a run that finds the code warm finds it too. */
  #cellsFor(runner: ReduceFnRunner, g: string): void {
    if (this.#withCells.has(runner)) return
    this.#withCells.add(runner)
    const n = this.#next++
    this.#declarations.push(`const cells${n} = (${cellFactory.toString()})()`)
    this.#bindings.push(`if (${g} !== undefined) ${g}.makeCell = cells${n};`)
  }

  #addTo(at: string, value: string, receiver: Extract<StageReceiver, { kind: 'grouping' }>): string {
    const { reduce } = receiver.runner
    switch (reduce.kind) {
      case 'list':
        return `${at}.push(${value});`
      case 'monoid':
        return `${at} = ${this.#user(reduce.concat)}(${at}, ${this.#user(reduce.of)}(${value}));`
      case 'semigroup': {
        const nothing = this.#constant(NOTHING)
        return `${at} = ${at} === ${nothing} ? ${this.#user(reduce.of)}(${value}) : ${this.#user(reduce.concat)}(${at}, ${this.#user(reduce.of)}(${value}));`
      }
      default:
        return `${at} = ${this.#user(reduce.addInput)}(${at}, ${value});`
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

  /** Numbers a call. Numbers are unique in the stage, so that an interrupted frame tells the step by its number. */
  #site(
    info: StepInfo,
    here: Here,
    body: Body,
    handler: (error: unknown, element: unknown, timestamp: number, windows: Windows) => void,
  ): number {
    const at = this.#parts.runtime.sites.push(info)
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

  /** A function of the author. */
  #user(fn: object | undefined): string {
    if (fn === undefined) throw new InvariantViolation('a step has the function it calls')
    const at = this.#userFunctions.indexOf(fn)
    return `u${at < 0 ? this.#userFunctions.push(fn) - 1 : at}`
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
