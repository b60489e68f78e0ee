/**
 * The real world as an Env, made of what every JavaScript platform has: the only module of the engine that touches
 * clocks, randomness and timers. Node adds files in `runners/direct/node.ts`.
 */
import type { ByteInput, ByteOutput, Env, FileSystem, TimerHandle } from '../../sdk/env.js'
import { fetchHttp } from './fetch-http.js'

/** What a platform adds to the common world. */
export interface SystemCapabilities {
  /** Default: there are no files. */
  readonly files?: FileSystem
  /** Default: there is none. */
  readonly stdin?: ByteInput
  /** Default: there is none. */
  readonly stdout?: ByteOutput
  /** Whether answers that lead elsewhere can be seen; else the platform follows them. */
  readonly showsRedirects?: boolean
  /** Default: the console. */
  readonly print?: (line: string, stream: 'out' | 'err') => void
}

/** The Env of a real run. */
export function systemEnv(capabilities: SystemCapabilities = {}): Env {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    random: () => Math.random(),
    // Platforms cut longer delays to nothing; a timer that is woken early is set again by who waits.
    setTimer: (millis: number, callback: () => void): TimerHandle =>
      new Timer(setTimeout(callback, Math.min(millis, 2 ** 31 - 1))),
    yield: yieldToOthers,
    print:
      capabilities.print ??
      ((line, stream) => {
        if (stream === 'out') console.log(line)
        else console.error(line)
      }),
    files: capabilities.files,
    stdin: capabilities.stdin,
    stdout: capabilities.stdout,
    http: fetchHttp(capabilities.showsRedirects === true ? 'manual' : 'follow'),
    crashpoint: () => undefined,
    buggify: () => false,
  }
}

class Timer implements TimerHandle {
  readonly #timer: ReturnType<typeof setTimeout>

  constructor(timer: ReturnType<typeof setTimeout>) {
    this.#timer = timer
  }

  cancel(): void {
    clearTimeout(this.#timer)
  }
}

/** A macrotask: signals, I/O and timers get their turn, which a resolved promise alone would not give them. */
function yieldToOthers(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown }
  return new Promise((resolve) => {
    if (setImmediate !== undefined) {
      setImmediate(resolve)
      return
    }
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
