/**
 * Looks into a thread that does not answer: interrupts its JavaScript through the inspector, reads which step and
 * element the frames are about and where in the author's code it is, and lets it go on. The thread pays only when it is
 * looked at.
 *
 * Law: whatever goes wrong, the thread is not left halted by us.
 */
import { Session } from 'node:inspector'
import type { AuthorMap, AuthorPosition } from '../author-module/stacks.js'
import { PROBE, type Sighting } from './probe-target.js'

/** What was seen. */
export interface Sight {
  readonly step: string | undefined
  readonly element: string | undefined
  /** Where the author's code is. */
  readonly position: AuthorPosition | undefined
  /** The author's function, if it has a name. */
  readonly functionName: string | undefined
  /** The author's line that made the step. */
  readonly source: string | undefined
  /** Equal for two looks at the same call. */
  readonly identity: string
}

/** JavaScript that does not come by any of its frames for this long is inside native code. */
const PAUSE_MILLIS = 1000
const FRAMES_MAX = 60
/** Address of the folder that holds millrace's compiled modules. */
const OWN_MODULES = new URL('../..', import.meta.url).href
const EXPRESSION = `globalThis[Symbol.for(${JSON.stringify(PROBE)})]`

interface RemoteObject {
  readonly type: string
  readonly value?: unknown
  readonly objectId?: string
}

interface Frame {
  readonly callFrameId: string
  readonly functionName: string
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number }
  readonly scopeChain: readonly { readonly type: string; readonly object: RemoteObject }[]
}

interface Reply {
  readonly id?: number
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
}

/**
 * Looks into the pipeline's thread.
 *
 * @returns `undefined` when its JavaScript could not be interrupted: it is in native code, or ends at this moment.
 */
export async function look(map: AuthorMap): Promise<Sight | undefined> {
  const session = new Session()
  session.connect()
  const thread = new Thread(session)
  try {
    if (!(await thread.attach())) return undefined
    const frames = await thread.pause()
    return frames === undefined ? undefined : await sightOf(thread, frames, map)
  } catch {
    return undefined
  } finally {
    await thread.release()
    session.disconnect()
  }
}

/** The inspector of the worker, reached through this thread's. */
class Thread {
  readonly #session: Session
  readonly #replies = new Map<number, (result: unknown) => void>()
  /** Names of scripts; frames have only their ids. */
  readonly #scripts = new Map<string, string>()
  #sessionId: string | undefined
  #paused: ((frames: readonly Frame[]) => void) | undefined
  #next = 0

  constructor(session: Session) {
    this.#session = session
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) =>
      this.#receive(JSON.parse(params.message) as Reply),
    )
  }

  attach(): Promise<boolean> {
    return within(PAUSE_MILLIS, false, (resolve) => {
      this.#session.on('NodeWorker.attachedToWorker', ({ params }) => {
        // Options of Node can bring threads of their own.
        if (!params.workerInfo.url.endsWith('/runners/cli/worker.js')) return
        this.#sessionId = params.sessionId
        resolve(true)
      })
      this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
    })
  }

  /** The frames of the interrupted thread. */
  pause(): Promise<readonly Frame[] | undefined> {
    return within<readonly Frame[] | undefined>(PAUSE_MILLIS, undefined, (resolve) => {
      this.#paused = resolve
      void this.call('Debugger.enable')
      void this.call('Debugger.pause')
    })
  }

  /** A command to the thread; `undefined` when it does not answer. */
  call<T>(method: string, params: object = {}): Promise<T | undefined> {
    const id = ++this.#next
    return within<T | undefined>(PAUSE_MILLIS, undefined, (resolve) => {
      this.#replies.set(id, (result) => resolve(result as T))
      this.#send({ id, method, params })
    })
  }

  /** Lets it go on, whether it is halted, about to be, or gone. */
  async release(): Promise<void> {
    if (this.#sessionId === undefined) return
    this.#paused = undefined
    // Switching the debugger off also takes back an interruption that has not happened yet, and goes on after one.
    this.#send({ id: ++this.#next, method: 'Debugger.disable', params: {} })
    const sessionId = this.#sessionId
    await within<void>(PAUSE_MILLIS, undefined, (resolve) => {
      this.#session.post('NodeWorker.detach', { sessionId }, () => resolve())
    })
  }

  #send(message: object): void {
    if (this.#sessionId === undefined) return
    const sessionId = this.#sessionId
    this.#session.post(
      'NodeWorker.sendMessageToWorker',
      { sessionId, message: JSON.stringify(message) },
      () => undefined,
    )
  }

  /** The name of a frame's script. */
  scriptOf({ location }: Frame): string | undefined {
    return this.#scripts.get(location.scriptId)
  }

  #receive({ id, method, params, result }: Reply): void {
    if (method === 'Debugger.scriptParsed') {
      const { scriptId, url } = params as { readonly scriptId: string; readonly url: string }
      this.#scripts.set(scriptId, url)
    }
    if (method === 'Debugger.paused') this.#paused?.((params as { readonly callFrames: readonly Frame[] }).callFrames)
    if (id === undefined) return
    this.#replies.get(id)?.(result)
    this.#replies.delete(id)
  }
}

// ---- reading frames ------------------------------------------------------------------------------------------------

async function sightOf(thread: Thread, all: readonly Frame[], map: AuthorMap): Promise<Sight> {
  const frames = all.slice(0, FRAMES_MAX)
  const authors = frames.filter((frame) => map.isOf(thread.scriptOf(frame)))
  let seen: Sighting | undefined
  const counters: string[] = []
  for (const frame of frames) {
    // What a package calls its variables means nothing to us. Generated stages have no name.
    const script = thread.scriptOf(frame) ?? ''
    if (script !== '' && !script.startsWith(OWN_MODULES)) continue
    const variables = await localVariables(thread, frame)
    counters.push(
      ...variables.filter(({ name }) => /^(i|j_\d+)$/.test(name)).map(({ name, value }) => `${name}=${String(value)}`),
    )
    if (seen?.step === undefined) seen = merged(seen, await sighting(thread, frame, variables))
  }
  const place = authors[0]
  // The author's code runs and no step has called it: an asynchronous call goes on.
  if (seen?.step === undefined && place !== undefined) seen = await answer(thread, place, 'pending()')
  const position =
    place === undefined
      ? undefined
      : map.position(place.location.lineNumber + 1, (place.location.columnNumber ?? 0) + 1)
  return {
    step: seen?.step,
    element: seen?.element,
    source: seen?.source,
    position,
    functionName: authors.find(({ functionName }) => functionName !== '')?.functionName,
    identity: JSON.stringify([seen?.step, seen?.element, counters]),
  }
}

/** The innermost frame that knows a step decides; an element may be known further inside than its step. */
function merged(inner: Sighting | undefined, outer: Sighting | undefined): Sighting | undefined {
  if (inner === undefined || outer === undefined) return inner ?? outer
  return { ...outer, element: inner.element ?? outer.element }
}

interface Variable {
  readonly name: string
  readonly value: unknown
}

/** Variables of the function itself, innermost block first. */
async function localVariables(thread: Thread, { scopeChain }: Frame): Promise<readonly Variable[]> {
  const variables: Variable[] = []
  for (const { type, object } of scopeChain) {
    if (type !== 'block' && type !== 'local') break
    const reply = await thread.call<{
      readonly result: readonly { readonly name: string; readonly value?: RemoteObject }[]
    }>('Runtime.getProperties', { objectId: object.objectId, ownProperties: true })
    variables.push(...(reply?.result ?? []).map(({ name, value }) => ({ name, value: value?.value })))
  }
  return variables
}

/** Asks a frame of millrace: a generated stage by its call number, any other by the names its code uses. */
async function sighting(thread: Thread, frame: Frame, variables: readonly Variable[]): Promise<Sighting | undefined> {
  const at = variables.find(({ name, value }) => /^at_\d+$/.test(name) && typeof value === 'number' && value > 0)
  if (at !== undefined) {
    const behind = variables.slice(variables.indexOf(at))
    const element = behind.find(({ name }) => /^el_\d+$/.test(name))
    return ask(thread, frame, `rt.sites[${at.name} - 1]`, element?.name)
  }
  const has = (name: string): boolean => variables.some((variable) => variable.name === name)
  const element = ['element', 'value'].find(has)
  return ask(thread, frame, `typeof info === 'undefined' ? undefined : info`, element)
}

function ask(thread: Thread, frame: Frame, step: string, element: string | undefined): Promise<Sighting | undefined> {
  return answer(thread, frame, `sighting(${step}, this, [${element ?? ''}])`)
}

async function answer(thread: Thread, frame: Frame, question: string): Promise<Sighting | undefined> {
  const reply = await thread.call<{ readonly result?: RemoteObject }>('Debugger.evaluateOnCallFrame', {
    callFrameId: frame.callFrameId,
    expression: `${EXPRESSION}?.${question}`,
    returnByValue: true,
    silent: true,
  })
  const text = reply?.result?.value
  return typeof text === 'string' ? (JSON.parse(text) as Sighting) : undefined
}

/** A promise that gives up. */
function within<T>(millis: number, otherwise: T, begin: (resolve: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve) => {
    // A look that is still under way when the run ends does not keep the process.
    const timer = setTimeout(() => resolve(otherwise), millis).unref()
    begin((value) => {
      clearTimeout(timer)
      resolve(value)
    })
  })
}
