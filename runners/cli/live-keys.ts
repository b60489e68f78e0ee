/**
 * Keys of a person who watches a run. While they are listened to the terminal is in raw mode: it sends each key at once, and
 * Ctrl-C as a key like any other, which is made the signal that it would have been.
 *
 * Law: however the process ends (but for SIGKILL), the terminal is as it was.
 */
import { readFileSync } from 'node:fs'
import type { ReadStream } from 'node:tty'

/** A key that does something. */
export type LiveKey = 'drain' | 'pause' | 'details' | 'help' | 'interrupt'

const KEYS: ReadonlyMap<string, LiveKey> = new Map<string, LiveKey>([
  ['q', 'drain'],
  ['Q', 'drain'],
  ['p', 'pause'],
  ['P', 'pause'],
  ['d', 'details'],
  ['D', 'details'],
  ['?', 'help'],
  ['h', 'help'],
  ['\u0003', 'interrupt'],
])
const SUSPEND = '\u001a'
const QUIT = '\u001c'

/** Whether a stream is a terminal whose keys are ours: not when the command runs in the background of a shell. */
export function canListen(input: NodeJS.ReadStream): input is ReadStream {
  return input.isTTY && isInForeground()
}

/** Listens until the returned function is called. */
export function listenToKeys(input: ReadStream, onKey: (key: LiveKey) => void): () => void {
  let isRaw = false
  const raw = (wanted: boolean): void => {
    if (isRaw === wanted) return
    isRaw = wanted
    try {
      input.setRawMode(wanted)
    } catch {
      // The terminal has gone; there is nothing to restore.
    }
  }
  const onData = (data: Buffer | string): void => {
    // An escape sequence is one key, such as an arrow; none of them is ours.
    const text = String(data)
    if (text.startsWith('\u001b')) return
    for (const character of text) {
      const key = KEYS.get(character)
      if (key !== undefined) onKey(key)
      else if (character === SUSPEND || character === QUIT) {
        raw(false)
        process.kill(process.pid, character === SUSPEND ? 'SIGTSTP' : 'SIGQUIT')
      }
    }
  }
  const onContinue = (): void => raw(true)
  const onHangUp = (): void => {
    stop()
    process.kill(process.pid, 'SIGHUP')
  }
  const onExit = (): void => raw(false)
  const stop = (): void => {
    raw(false)
    input.off('data', onData)
    input.pause()
    process.off('SIGCONT', onContinue)
    process.off('SIGHUP', onHangUp)
    process.off('exit', onExit)
  }
  raw(true)
  // A stream that was paused, by the run before this one, does not begin to flow by itself.
  input.on('data', onData).resume()
  process.on('SIGCONT', onContinue)
  process.on('SIGHUP', onHangUp)
  process.on('exit', onExit)
  return stop
}

/** Who reads from the terminal in the background is stopped by it. Where the system does not tell, we are in front. */
function isInForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return group === foreground
  } catch {
    return true
  }
}
