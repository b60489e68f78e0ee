/**
 * Mutants of the store of the micro-batch runner, on SQLite files and on the modelled disk: what is durable when, what is visible when,
 * who may write, and what is refused. Seeds of lane `sim` notice, or tests of the contract.
 */
import { bySeeds, byTest, type Mutant } from './mutant.js'

const STORE = 'runners/micro-batch/store/'
const FILE_STORE = `${STORE}file-store.ts`
const SESSION = `${STORE}store-session.ts`
const STATE = `${STORE}partition-state.ts`
const FRAMES = `${STORE}memory-frames.ts`
const CONTRACT = `${STORE}store-contract.test.ts`
const CRASHES = `${STORE}store-crashes.test.ts`
const SQLITE = `${STORE}sqlite-store.test.ts`

const durable: readonly Mutant[] = [
  bySeeds(
    'store-commit-not-durable',
    'a commit survives a loss of power',
    FILE_STORE,
    'session.write(lease, true, (log) => {\n      const plan = log.plan(batch)',
    'session.write(lease, false, (log) => {\n      const plan = log.plan(batch)',
  ),
  bySeeds(
    'store-fsync-forgotten',
    'what is durable has been synchronised',
    FRAMES,
    'if (durable) this.#disk.sync(name)',
    '',
  ),
  bySeeds(
    'store-torn-end-accepted',
    'a frame is taken for whole when its checksum says so',
    FRAMES,
    'return crc32(frame) === view.getUint32(at + 4, true) ? frame : undefined',
    'return frame',
  ),
  byTest(
    [CRASHES, 'that tears records of the head'],
    'store-torn-head-accepted',
    'a record of a head is taken for whole when its checksum says so',
    `${STORE}memory-store.ts`,
    'return isWhole ? [',
    'return isWhole || true ? [',
  ),
  bySeeds(
    'store-head-too-early',
    'a head says only what is durable already',
    FILE_STORE,
    "session.crashpoint('store.commit.before')",
    "session.crashpoint('store.commit.before')\n    session.files.writeHead(stepOfCommit(record.batch))",
  ),
  byTest(
    [SQLITE, 'whose sync has failed is written no more through the same store'],
    'store-written-after-failure',
    'after a write that failed nothing more is written through the same connection',
    FRAMES,
    'if (this.#broken !== undefined) throw this.#broken',
    '',
  ),
  bySeeds(
    'store-not-settled',
    'a new driver makes durable what a sync that failed has left',
    FILE_STORE,
    "session.crashpoint('store.acquire.lease')\n    log.settle()",
    "session.crashpoint('store.acquire.lease')",
  ),
  bySeeds(
    'store-names-not-durable',
    'a file that takes the place of another is there for good before the other goes',
    FRAMES,
    '      this.#disk.sync(name)\n      this.#disk.syncNames()\n    })\n    this.#turn++',
    '      this.#disk.sync(name)\n    })\n    this.#turn++',
  ),
]

const visible: readonly Mutant[] = [
  byTest(
    [CONTRACT, 'makes changes visible that partitions have written, and not before'],
    'store-visible-before-commit',
    'changes of a batch are invisible until it is committed',
    STATE,
    '.filter(({ delta }) => delta.version <= until.version)',
    '',
  ),
  bySeeds(
    'store-compaction-drops',
    'compaction keeps every entry that is not changed since',
    STATE,
    'if (!newest.has(reader)) writer.copy(',
    'if (newest.has(reader)) writer.copy(',
  ),
  bySeeds(
    'store-compaction-forgets-changes',
    'what goes after compaction is in the snapshot',
    FILE_STORE,
    'for (const [index, version] of this.#merged) log.deltas(index).remove(0, version)',
    'for (const [index, version] of this.#merged) log.deltas(index).remove(0, version + 1)',
  ),
  bySeeds(
    'store-removal-comes-back',
    'what was removed stays removed',
    `${STORE}newest-changes.ts`,
    'if (index === FREE) this.#slots[slot] = index = this.#count++',
    'if (reader.contentStart < 0 && index === FREE) return\n    if (index === FREE) this.#slots[slot] = index = this.#count++',
  ),
  byTest(
    [CONTRACT, 'takes what the last attempt wrote'],
    'store-attempts-mixed',
    'what an attempt of a batch wrote goes when another writes',
    STATE,
    'file.deltas.remove(version, Number.MAX_SAFE_INTEGER)',
    '',
  ),
  byTest(
    [CRASHES, 'keeps its entries when the number of partitions changes, each where it belongs'],
    'store-repartition-loses',
    'entries move to where they belong when the number of partitions changes',
    `${STORE}store-copies.ts`,
    'if (partitionOf(slot, to) === index) sources.add(partitionOf(slot, from))',
    'if (partitionOf(slot, to) === index && sources.size === 0) sources.add(partitionOf(slot, from))',
  ),
  byTest(
    [CONTRACT, 'are kept until they are delivered'],
    'store-deliveries-dropped',
    'what has not been delivered is kept',
    `${STORE}sqlite-log.ts`,
    "'DELETE FROM commit_body WHERE batch < ? AND batch <= ?', batch, this.deliveredUntil())",
    "'DELETE FROM commit_body WHERE batch < ? AND batch <= ?', batch, batch)",
  ),
  byTest(
    [CRASHES, 'takes the plan of the next batch along'],
    'store-savepoint-without-plan',
    'a copy that is a query of its own has the plan of the next batch, whose input may be acknowledged',
    `${STORE}store-copies.ts`,
    'const next = fork === undefined ? undefined : log.plan(committed + 1)',
    'const next = fork === undefined ? log.plan(committed + 1) : undefined',
  ),
]

const guarded: readonly Mutant[] = [
  bySeeds(
    'store-epoch-unchecked',
    'whoever has an older epoch writes nothing',
    SESSION,
    "last === undefined || last.epoch !== lease.epoch || last.holder === ''",
    "last === undefined || last.holder === ''",
  ),
  byTest(
    [CONTRACT, 'is refused while another holder has it, who is named'],
    'store-lease-given-twice',
    'a lease that lasts is given to nobody else',
    FILE_STORE,
    'last.until > now && last.holder !== holder',
    'last.until < now && last.holder !== holder',
  ),
  byTest(
    [CONTRACT, 'is never changed'],
    'store-plan-changed',
    'a batch is planned once',
    FILE_STORE,
    'there === undefined || (there.instant === plan.instant && sameBytes(there.content, plan.content))',
    'true',
  ),
  byTest(
    [CONTRACT, 'is of the batch after the committed one'],
    'store-plan-of-any-batch',
    'a plan is of the batch after the committed one',
    FILE_STORE,
    "invariant(plan.batch === committed + 1, 'a plan is of",
    "invariant(plan.batch >= committed, 'a plan is of",
  ),
  byTest(
    [SQLITE, 'were changed behind their checksums'],
    'store-checksum-unverified',
    'a row whose checksum is wrong is refused',
    `${STORE}sqlite-log.ts`,
    'if (checksum(fields, ...contents) !== crc) {',
    'if (checksum(fields, ...contents) === -1) {',
  ),
  byTest(
    [CRASHES, 'of any byte is refused with the file named'],
    'store-changes-unverified',
    'changes whose checksum is wrong are refused',
    `${STORE}sqlite-deltas.ts`,
    'if (checksum(place, row.content) !== row.crc) throw',
    'if (checksum(place, row.content) === -1) throw',
  ),
  byTest(
    [CRASHES, 'that cuts, empties or removes a file is refused'],
    'store-begun-afresh',
    'nothing is begun afresh where something was',
    SESSION,
    "throw new StoreDamaged(files.logPath, 'it is missing')",
    'return undefined',
  ),
  byTest(
    [SQLITE, 'is refused when a newer version wrote it, with the file named'],
    'store-newer-format-accepted',
    'a checkpoint of a newer version is refused before anything is written',
    `${STORE}sqlite-database.ts`,
    '} else if (version !== FORMAT_VERSION) {',
    '} else if (version < FORMAT_VERSION) {',
  ),
  byTest(
    [SQLITE, 'is refused when files of partitions are mixed up'],
    'store-files-mixed-up',
    'a file of a partition is refused in the place of another',
    `${STORE}sqlite-partition.ts`,
    'if (query !== name.query || partition !== name.partition || generation !== name.generation) {',
    'if (query !== name.query || generation !== name.generation) {',
  ),
]

/** The list. */
export const stores: readonly Mutant[] = [...durable, ...visible, ...guarded]
