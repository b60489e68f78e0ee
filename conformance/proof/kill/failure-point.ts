/**
 * A failure point: what goes wrong, and how the run has to take it.
 */
import type { Ended, startDriver } from './drive.js'
import type { KillCase } from './kill-case.js'

/** A case in its folder, and drivers for it. */
export interface Bench {
  readonly of: KillCase
  readonly folder: string
  readonly disk: SmallDisk
  /** Notes how long a take-over of a kind took. */
  took(kind: string, millis: number): void
  drive(fate?: Readonly<Record<string, string>>): Promise<Ended>
  start(fate?: Readonly<Record<string, string>>): ReturnType<typeof startDriver>
}

/** A failure, and how the run has to take it. */
export interface Point {
  readonly name: string
  readonly of?: Partial<KillCase>
  /** Where it stands in a table of its own kind. */
  readonly cell?: { readonly row: string; readonly column: string }
  /** Whether others may be tried at the same time: nothing that is measured, no disk of its own. */
  readonly isTimeless?: boolean
  /** Whether the run has come to its end when it has happened: no last driver is needed. */
  readonly isOver?: boolean
  /** A folder of the case that lies on a disk of its own, a small one; only root can make one. */
  readonly disk?: 'out' | 'checkpoint'
  /** Lets it go wrong, and puts it right. @returns what was not as it has to be. */
  happens(bench: Bench): Promise<string | undefined>
}

/** A disk of little room. */
export interface SmallDisk {
  fill(): void
  empty(): void
  remount(how: 'ro' | 'rw'): void
}

/** What is wrong with how a run has ended; `undefined` when it is as expected. */
export function expectEnd({ how, at, stderr }: Ended, expected: Ended['how'], message?: RegExp): string | undefined {
  if (how !== expected) return `the run is ${how}${at === undefined ? '' : ` at ${at}`}, not ${expected}: ${stderr}`
  if (message === undefined || message.test(stderr)) return undefined
  return `the run failed without ${String(message)}: ${stderr}`
}
