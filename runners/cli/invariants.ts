/**
 * The invariants of a query that is kept, by their numbers: what each says, who judges it, and how to start safely where it is broken.
 *
 * Law: `docs/guarantees.md` has the same table.
 */
import type { ErrorCode } from '../../sdk/error-codes.js'

/** One of them. */
export interface Invariant {
  readonly name: string
  readonly law: string
  /** Lanes of `npm run proof` that look at it. */
  readonly lanes: readonly string[]
  /** What to do where a checkpoint shows that it is broken; `undefined` for those that a checkpoint does not show. */
  readonly restart: string | undefined
}

/**
 * A savepoint from before is whole, and a query of its own: sinks see again, under other ids, what came after it. A copy of the folder is
 * the same query, and sinks would take what it delivers for repetitions of what came after it.
 */
const FROM_A_COPY =
  'put back a savepoint from before, or make one of a copy of the whole folder (millrace savepoint COPY TARGET); what was delivered since is delivered again'

/** A file of another format may be whole: nothing needs to be put back. */
const OTHER_FORMAT =
  'run the version of millrace that wrote it, which reads it as it is; where millrace did not write it, name a folder of its own'

/** All of them, and `format`, which is about what can be read at all. */
export const INVARIANTS: readonly Invariant[] = [
  {
    name: 'format',
    law: 'every file, row and checksum can be read',
    lanes: ['wal'],
    restart: FROM_A_COPY,
  },
  {
    name: 'I1',
    law: 'commits follow plans without a gap, and one batch at most is planned beyond them',
    lanes: ['sim', 'wal', 'kill'],
    restart: FROM_A_COPY,
  },
  {
    name: 'I2',
    law: 'a plan is written once, and its commit has its instant',
    lanes: ['sim'],
    restart: FROM_A_COPY,
  },
  {
    name: 'I3',
    law: 'a version, and what a batch delivers, is there whole or not at all',
    lanes: ['sim', 'wal', 'kill', 'points'],
    restart: FROM_A_COPY,
  },
  {
    name: 'I4',
    law: 'a batch that is done again from its plan changes the same',
    lanes: ['sim', 'points'],
    restart: undefined,
  },
  {
    name: 'I5',
    law: 'instants, clocks and watermarks do not go back, also from run to run',
    lanes: ['sim'],
    restart:
      'begin a new query in another folder, with sources from their beginning: state that was made out of order cannot be mended',
  },
  {
    name: 'I6',
    law: 'a timer fires once for each time that it is set, and never early',
    lanes: ['sim'],
    restart: undefined,
  },
  {
    name: 'I7',
    law: 'whoever has an older lease writes nothing',
    lanes: ['points', 'sim'],
    restart: `end every run that names this folder; then ${FROM_A_COPY}`,
  },
  { name: 'I8', law: 'when failures stop, all input is done', lanes: ['sim', 'kill'], restart: undefined },
  {
    name: 'I9',
    law: 'what came in has come out, is a dead letter, or is counted as late',
    lanes: ['kill'],
    restart: undefined,
  },
]

/** A fault as far as it tells what to do. */
export interface ToldFault {
  /** Name of the invariant that does not hold. */
  readonly invariant: string
  /** Of the error that it was found by, where there was one. */
  readonly code?: ErrorCode | undefined
}

/** What to do about the faults of a checkpoint, each once. */
export function restartsFor(faults: readonly ToldFault[]): readonly string[] {
  const unread = faults.some(({ code }) => code === 'MR-6104')
  const wanted = new Set(faults.filter(({ code }) => code !== 'MR-6104').map(({ invariant }) => invariant))
  const restarts = INVARIANTS.flatMap(({ name, restart }) => (wanted.has(name) ? (restart ?? []) : []))
  return [...new Set([...(unread ? [OTHER_FORMAT] : []), ...restarts])]
}
