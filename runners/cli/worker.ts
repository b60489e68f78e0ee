/**
 * The pipeline's thread: loads the author's module, builds the graph, runs it, and says what happens. It is supervised:
 * signals, limits of time and the terminal are the other thread's business (`supervise.ts`).
 *
 * Law: the last message is `finished`, `answer`, `failed` or `outputClosed`, and exactly one of them is sent.
 */
import { parentPort } from 'node:worker_threads'
import { errorKind, messageOf, PipelineError } from '../../sdk/errors.js'
import { producerPath } from '../../sdk/graph/names.js'
import { graphFingerprint } from '../../sdk/graph/fingerprint.js'
import type { BuiltPipeline } from '../../sdk/graph/model.js'
import { sinkPromises } from '../micro-batch/sink-promises.js'
import { platformEnv } from '../platform/node.js'
import { start } from '../run.js'
import type { RunningPipeline } from '../runner.js'
import { captureOutput } from '../author-module/capture-output.js'
import { ConsoleLimit } from './console-limit.js'
import { elementsRead } from './elements-read.js'
import { jobNote } from './detached.js'
import { deadLetterReports, reportOf, withStepSource } from './error-report.js'
import { loadPipeline } from '../author-module/load-module.js'
import { pipelineOptions } from './pipeline-options.js'
import { installProbe } from './probe-target.js'
import type {
  DeadLetterReport,
  ErrorReport,
  Finished,
  FromWorker,
  StartMessage,
  ToWorker,
  WhySettings,
} from './protocol.js'
import { runEnv } from './run-env.js'
import { isKept } from './runner-settings.js'
import { unseenResults } from './unseen-results.js'
import { type Redact, redacting } from './redact.js'
import { AuthorMap, framesOfCall, mapStacks } from '../author-module/stacks.js'
import { StepOfCall } from '../author-module/step-of-call.js'
import { whyText } from './why-text.js'
import { commandLogger, sendSnapshots } from './worker-observation.js'

const port = parentPort
if (port === null) throw new Error('this module is the inside of the millrace command. Run: millrace run FILE')

const post = (message: FromWorker): void => port.postMessage(message)
/** Folder of millrace's compiled modules: `…/dist/`. */
const ownFolder = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')

/** Lines of results in one message. */
const RESULTS_MAX = 1000

let running: RunningPipeline | undefined
let built: BuiltPipeline | undefined
let phase: 'load' | 'run' = 'load'
/** What was asked of the run before there was one. */
let early: 'drain' | 'stop' | undefined
/** Ends the wait of `why`. */
let explainNow: (() => void) | undefined
let isExplaining = false
let isOver = false
let sendSnapshot = (): void => undefined
/** Keeps the options that are secret out of what is shown. */
let redact: Redact = (shown) => shown
/** Who writes to the console; known once the pipeline is built. */
let writer: () => string | undefined = () => undefined

const consoleTarget = {
  log: (text: string, stream: 'out' | 'err', step: string | undefined): void =>
    post({ kind: 'log', text: redact(text), stream, ...(step === undefined ? {} : { step }) }),
  note: (text: string): void => post({ kind: 'note', text }),
}
const newLimit = (mode: StartMessage['console']): ConsoleLimit =>
  new ConsoleLimit(mode, consoleTarget, () => performance.now())
let limit = newLimit('limited')

/** What the author's code has written in a worker of the run. */
const ofWorkers = (text: string, stream: 'out' | 'err', step: string | undefined): void => {
  if (!limit.isOff) limit.write(text, stream, step)
}

/** A bundle's results leave together, before any other code runs. */
const results = {
  lines: [] as string[],
  add(line: string): void {
    if (this.lines.length === 0) queueMicrotask(() => this.flush())
    if (this.lines.push(line) >= RESULTS_MAX) this.flush()
  },
  flush(): void {
    if (this.lines.length === 0) return
    post({ kind: 'results', lines: this.lines })
    this.lines = []
  },
}

function end(message: FromWorker): void {
  if (isOver) return
  isOver = true
  results.flush()
  sendSnapshot()
  limit.remark(true)
  post(message)
}

/** Whether a step failed because nobody reads standard output any more, as behind `| head`. */
function isOutputClosed(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) if (each.name === 'OutputClosed') return true
  return false
}

function fail(error: unknown): void {
  if (isOutputClosed(error)) return end({ kind: 'outputClosed' })
  const kind = errorKind(error)
  // What the runner refuses, it refuses before anything runs.
  const isRefusal = kind === 'PipelineError' || kind === 'UnsupportedFeature'
  end({
    kind: 'failed',
    phase: isRefusal ? 'load' : phase,
    error: redact(reportOf(withStepSource(error, built), ownFolder)),
    deadLetters: deadLetters(),
  })
}

function deadLetters(): readonly DeadLetterReport[] {
  return redact(deadLetterReports(running?.metrics().deadLetters ?? []))
}

function strayFailure(what: string): (error: unknown) => void {
  return (error) => {
    if (errorKind(error) !== undefined) return fail(error)
    const { excerpt, ...cause } = reportOf(error, ownFolder)
    const shown = excerpt === undefined ? {} : { excerpt }
    const report: ErrorReport = { name: 'Error', message: what, frames: [], cause, code: 'MR-3027', ...shown }
    end({ kind: 'failed', phase, error: redact(report), deadLetters: deadLetters() })
  }
}

/** A promise that nobody waits for is reported when the event loop has its turn. */
function strayRejections(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** So long is waited, at most, for what the pipeline has left under way. */
const LEFT_MAX_MILLIS = 1000
const LEFT_LOOK_MILLIS = 10

/** What keeps this thread's event loop alive, one name for each thing. */
const activeResources = (): readonly string[] => process.getActiveResourcesInfo()

/**
 * Waits for what the author's code has left under way, as a script would: a call that emits after its bundle fails when it
 * does, and must still find someone to tell. `ours` is what was active before there was any code of the author's.
 */
async function leftUnderWay(ours: readonly string[]): Promise<void> {
  for (const end = performance.now() + LEFT_MAX_MILLIS; ;) {
    await strayRejections()
    const left = [...activeResources()]
    for (const name of ours) if (left.includes(name)) left.splice(left.indexOf(name), 1)
    if (isOver || left.length === 0) return
    if (performance.now() >= end) {
      const text = `the run is over, but what the pipeline has started is not (${[...new Set(left)].join(', ')}), and is not waited for any longer. Await it inside the call that starts it, or end it in teardown.`
      return post({ kind: 'note', text })
    }
    await new Promise((resolve) => setTimeout(resolve, LEFT_LOOK_MILLIS))
  }
}

/** A status costs more than a sign of life, and is shown once a second. */
const STATUS_MILLIS = 900
let statusAt = 0

function beat(isAsked = false): void {
  limit.remark()
  const at = performance.now()
  const isDue = running !== undefined && (isAsked || at - statusAt >= STATUS_MILLIS)
  if (isDue) statusAt = at
  if (isDue) sayJob()
  post({ kind: 'beat', progress: running?.progress(), status: isDue ? running?.status() : undefined })
}

/** Says once which job the run is on its engine. */
let sayJob = (): void => undefined

function jobSaid(runner: StartMessage['runner']): () => void {
  let isSaid = false
  return () => {
    const jobId = isSaid ? undefined : running?.status().jobId
    if (jobId === undefined) return
    isSaid = true
    const text = jobNote(jobId, runner)
    if (text !== undefined) post({ kind: 'note', text })
  }
}

/** Pauses the run, or reads on; what cannot be paused says so. */
function pauseOrResume(): void {
  if (running === undefined) return post({ kind: 'note', text: 'there is nothing to pause yet.' })
  if (running.status().state === 'paused') running.resume()
  else if (!running.pause()) post({ kind: 'note', text: 'a run that is being drained, or is over, cannot be paused.' })
  beat(true)
}

/** Workers that the run has, or is to have. */
let workers = 0

/** Somebody has sent a signal for one worker more, or one less. */
function changeWorkers(by: 1 | -1): void {
  if (running === undefined || workers + by < 1) return
  try {
    running.setWorkers(workers + by)
  } catch (error) {
    // A signal to a run that has no workers to change is no reason to end it.
    return post({ kind: 'note', text: messageOf(error) })
  }
  workers += by
  post({ kind: 'note', text: `${workers} ${workers === 1 ? 'worker' : 'workers'} from the next batch on.` })
}

async function begin(message: StartMessage): Promise<void> {
  const { question, module, args, environment, configured, runner, observation, beatMillis, console: mode } = message
  // Before the module loads: its top level may be what never ends.
  limit = newLimit(mode)
  setInterval(beat, beatMillis)
  beat()
  sendSnapshot = sendSnapshots(observation, () => running, post)
  const ours = activeResources()
  const map = new AuthorMap(module)
  mapStacks(map)
  const definition = await loadPipeline(module, map)
  await strayRejections()
  if (isOver) return
  if (question !== undefined) {
    const { answerTo } = await import('./pipeline-answers.js')
    const given = { args, environment, configured }
    const text = await answerTo(question, definition, given, (made) => (built = made))
    end({ kind: 'answer', text })
    return
  }
  const options = pipelineOptions(definition, { args, environment, configured })
  built = definition.build(options)
  const ready = built
  if (message.mustEnd === true) refuseEndless(ready)
  redact = redacting(ready.options)
  let steps: StepOfCall | undefined
  writer = () => (steps ??= new StepOfCall(ready.functions.all(), module.code)).step(framesOfCall(map, ownFolder))
  post({
    kind: 'started',
    pipeline: ready.name,
    graphFingerprint: graphFingerprint(ready.graph).hash,
    options: JSON.stringify(ready.options),
    guarantees: isKept(runner) ? sinkPromises(ready, runner.guarantee, true) : [],
  })
  const { env, files } = runEnv(platformEnv(), (line, stream) => {
    if (stream === 'out') results.add(line)
    else post({ kind: 'note', text: redact(line) })
  })
  const startedAt = performance.now()
  workers = runner.workers ?? 0
  running = start(
    { ...definition, build: () => ready },
    {
      ...runner,
      ...(workers > 0 || (runner.engine?.environment ?? 'loopback') !== 'loopback'
        ? { module: { text: module, options, console: ofWorkers } }
        : {}),
      ...commandLogger(observation, (line) => post({ kind: 'record', line: redact(line) })),
      env,
    },
  )
  sayJob = jobSaid(runner)
  phase = 'run'
  statusAt = performance.now()
  // A call may block this thread before the first second is over.
  sendSnapshot()
  if (message.panes > 0) running.recordPanes(message.panes)
  if (message.why !== undefined) return explain(running, message.why)
  if (early !== undefined) running[early]()
  const { state, metrics } = await running.result
  const millis = performance.now() - startedAt
  sayJob()
  await leftUnderWay(ours)
  const { batches } = running.status()
  const finished: Finished = {
    kind: 'finished',
    state,
    millis,
    elements: [...metrics.elements.values()].reduce((sum, count) => sum + count, 0),
    elementsRead: elementsRead(ready.graph, metrics.elements),
    counters: metrics.system,
    files: files(),
    unseen: files().length > 0 || state === 'DETACHED' ? [] : unseenResults(ready.graph),
    deadLetters: deadLetters(),
    ...(batches === undefined ? {} : { batches }),
  }
  end(finished)
}

/** A query answers, and an answer has an end. */
function refuseEndless({ name, graph }: BuiltPipeline): void {
  const endless = [...graph.components.collections.values()].find(({ isBounded }) => !isBounded)
  if (endless === undefined) return
  const step = producerPath(endless.uniqueName)
  throw new PipelineError(
    'MR-6055',
    `pipeline "${name}" reads in step "${step}" what never ends, so a query of it would not answer. Read what has an end, or use millrace run.`,
    step,
  )
}

/** Lets the run go on for a while, and says why results have not come. What is under way then is given up. */
async function explain(run: RunningPipeline, settings: WhySettings): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const asked = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, settings.forMillis)
    explainNow = resolve
    if (isExplaining) resolve()
  })
  await Promise.race([asked, run.result])
  clearTimeout(timer)
  const text = whyText(run.status(), settings)
  run.cancel()
  await run.result
  end({ kind: 'answer', text })
}

process.on('uncaughtException', strayFailure('an error was thrown outside of every step'))
process.on(
  'unhandledRejection',
  strayFailure('a promise was rejected and nobody waited for it. Await it inside the call that makes it'),
)
captureOutput((text, stream) => {
  if (!limit.isOff) limit.write(text, stream, writer())
})
installProbe(() => running?.progress().oldestCall)
port.on('message', (message: ToWorker) => {
  if (message.kind === 'start') {
    begin(message).catch(fail)
    return
  }
  switch (message.kind) {
    case 'drain':
    case 'stop':
      early = message.kind
      running?.[message.kind]()
      return
    case 'cancel':
      running?.cancel()
      return
    case 'pause':
      return pauseOrResume()
    case 'workers':
      return changeWorkers(message.by)
    case 'explain':
      isExplaining = true
      explainNow?.()
  }
})
