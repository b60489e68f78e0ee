/**
 * `millrace run --watch`: runs, and runs again when one of the files changes that the run is made of.
 *
 * Law: there is one run at a time; the one before is drained, or after a while ended, before the next begins. Whatever is
 * wrong with the files is shown and waited out.
 */
import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname, relative } from 'node:path'
import { EXIT } from './exit-codes.js'

/** What a run under watch is given. */
export interface WatchedRun {
  /** Aborted when the files have changed. */
  readonly changed: AbortSignal
  /** Tells the files it is made of, as soon as they are known; `isWhole` is false when there may be more. */
  readonly madeOf: (files: readonly string[], isWhole: boolean) => void
}

/** How what happens is told. */
export interface WatchNotes {
  readonly clear: () => void
  readonly note: (text: string) => void
}

/** Several events of one save are one change. */
const SETTLE_MILLIS = 100
const MODULE = /\.([cm]?[jt]sx?|json)$/

/** Runs until a signal comes. @returns the exit code. */
export async function watchRuns(
  run: (watched: WatchedRun) => Promise<number>,
  { clear, note }: WatchNotes,
): Promise<number> {
  let stoppedBy: 'SIGINT' | 'SIGTERM' | undefined
  let stop: () => void = () => undefined
  const stopped = new Promise<void>((resolve) => (stop = resolve))
  const onSignal = (name: NodeJS.Signals): void => {
    stoppedBy ??= name === 'SIGINT' ? 'SIGINT' : 'SIGTERM'
    stop()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  const files = new WatchedFiles()
  try {
    for (;;) {
      const changed = new AbortController()
      const change = files.nextChange().then((file) => {
        changed.abort()
        return file
      })
      const code = await run({ changed: changed.signal, madeOf: (...made) => files.follow(...made) })
      if (stoppedBy !== undefined) return code
      if (!changed.signal.aborted) {
        note(`watching ${files.count === 1 ? 'one file' : `${files.count} files`} for changes; Ctrl-C ends.`)
        await Promise.race([change, stopped])
      }
      if (stoppedBy !== undefined) return stoppedBy === 'SIGINT' ? EXIT.done : EXIT.terminated
      const file = await change
      clear()
      note(`${relative(process.cwd(), file) || file} has changed; running again.`)
    }
  } finally {
    files.close()
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

/** Files, watched by their folders: editors replace a file rather than write to it. */
class WatchedFiles {
  readonly #files = new Set<string>()
  readonly #folders = new Map<string, FSWatcher>()
  #isWhole = false
  #settling: NodeJS.Timeout | undefined
  /** A change that nobody has waited for yet. */
  #pending: string | undefined
  #tell: ((file: string) => void) | undefined

  get count(): number {
    return this.#files.size
  }

  /** Files to watch. When they are not all that matter, those of before still do, and any module beside them. */
  follow(files: readonly string[], isWhole: boolean): void {
    this.#isWhole = isWhole
    if (isWhole) this.#files.clear()
    for (const file of files) this.#files.add(file)
    const wanted = new Set([...this.#files].map((file) => dirname(file)))
    for (const [folder, watcher] of this.#folders) {
      if (wanted.has(folder)) continue
      watcher.close()
      this.#folders.delete(folder)
    }
    for (const folder of wanted) if (!this.#folders.has(folder)) this.#watch(folder)
  }

  /** The next change, also one that came before the call. */
  nextChange(): Promise<string> {
    return new Promise((resolve) => {
      this.#tell = resolve
      this.#deliver()
    })
  }

  close(): void {
    clearTimeout(this.#settling)
    for (const watcher of this.#folders.values()) watcher.close()
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, (_, name) => this.#event(folder, name))
      // A folder that goes away is a change as any other.
      watcher.on('error', () => this.#event(folder, null))
      this.#folders.set(folder, watcher)
    } catch {
      // It is not there yet; the file in it is missing, and that is shown.
    }
  }

  #event(folder: string, name: string | null): void {
    const file = [...this.#files].find((each) => dirname(each) === folder && (name === null || basename(each) === name))
    const other = !this.#isWhole && name !== null && MODULE.test(name) ? `${folder}/${name}` : undefined
    const changed = file ?? other
    if (changed === undefined) return
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => {
      this.#pending = changed
      this.#deliver()
    }, SETTLE_MILLIS)
  }

  #deliver(): void {
    if (this.#pending === undefined || this.#tell === undefined) return
    this.#tell(this.#pending)
    this.#pending = undefined
    this.#tell = undefined
  }
}
