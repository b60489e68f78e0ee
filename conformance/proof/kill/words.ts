/**
 * What drivers of the kill lane say to their parent, and user code that may be the end of them.
 */
import { writeSync } from 'node:fs'

/** What a driver says, one in a line. */
export type Word =
  | { readonly say: 'begun' }
  /** It stands by; the batch whose state it has at hand. */
  | { readonly say: 'waits'; readonly batch: number }
  | { readonly say: 'commit' }
  | { readonly say: 'killed' | 'stopped'; readonly at: string }
  | { readonly say: 'done'; readonly dropped: number; readonly seen: number }

/** Written at once: what is said survives the next instruction. */
export function say(word: Word): void {
  writeSync(1, `${JSON.stringify(word)}\n`)
}

/**
 * What user code does with a record: nothing, unless it is the one at which it fails.
 *
 * @param failAt `id:what`: the function that sees this record throws, ends the process, or is killed.
 */
export function userCode(failAt: string | undefined): (id: number) => void {
  const [, at, what] = /^(\d+):(throw|exit|kill)$/.exec(failAt ?? '') ?? []
  return (id) => {
    if (at === undefined || id !== Number(at)) return
    if (what === 'throw') throw new Error('user code fails here')
    if (what === 'kill') {
      say({ say: 'killed', at: 'user code' })
      process.kill(process.pid, 'SIGKILL')
    }
    process.exit(3)
  }
}
