/**
 * What a hot standby does stays inside of the process.
 */
import type { Env } from '../../sdk/env.js'
import { StandbyLost } from './standby-lost.js'

/** Keeps what a hot standby does inside of the process. */
export class Fence {
  #isUp = true

  get isUp(): boolean {
    return this.#isUp
  }

  /** The driver has the lease. */
  lower(): void {
    this.#isUp = false
  }

  /** The world without its ways out, as long as the fence is up. */
  env(real: Env): Env {
    const guarded =
      <A extends readonly unknown[], R>(what: string, call: (...args: A) => R) =>
      (...args: A): R => {
        if (this.#isUp) throw new StandbyLost('failed', `${what} while it stands by`)
        return call(...args)
      }
    const { files, stdout } = real
    const write = 'it writes files'
    return {
      ...real,
      crashpoint: (name) => real.crashpoint(name),
      buggify: (name) => real.buggify(name),
      files: files && {
        status: (path) => files.status(path),
        glob: (pattern) => files.glob(pattern),
        list: (folder) => files.list(folder),
        openForReading: (path) => files.openForReading(path),
        create: guarded(write, (path) => files.create(path)),
        rename: guarded(write, (from, to) => files.rename(from, to)),
        remove: guarded(write, (path) => files.remove(path)),
        // There is one at most, whoever makes it.
        makeFolder: (path) => files.makeFolder(path),
        removeFolder: guarded(write, (path) => files.removeFolder(path)),
        syncFolder: guarded(write, (folder) => files.syncFolder(folder)),
      },
      stdout: stdout && { write: guarded('it writes to standard output', (bytes: Uint8Array) => stdout.write(bytes)) },
    }
  }
}
