/**
 * Mutants of sinks and sources around the micro-batch runner: what makes a delivery that comes twice count once, and what of a source
 * may be given up when. Tests notice.
 */
import { byTest, type Mutant } from './mutant.js'

/** The list. */
export const sinks: readonly Mutant[] = [
  byTest(
    ['io/text/manifest.test.ts', 'without its manifest a batch is not seen, whatever part of it is in place'],
    'sink-manifests-ignored',
    'who follows manifests reads the files that they name and no others',
    'io/text/manifest.ts',
    "return paths.filter((path) => named.has(files.status(path)?.id ?? ''))",
    'return paths',
  ),
  byTest(
    ['io/text/manifest.test.ts', 'without its manifest a batch is not seen, whatever part of it is in place'],
    'sink-manifest-too-early',
    'a manifest names files that are there',
    'io/text/commit-shards.ts',
    'for (const { files } of items) this.#move(files, log)\n',
    `const early = items.flatMap(({ files }) => files.map(({ to, lines }) => ({ path: to, lines })))
    if (this.#options.manifest !== undefined) writeManifest(this.#files, this.#env, this.#options.manifest, id, early)
    for (const { files } of items) this.#move(files, log)\n`,
  ),
  byTest(
    ['io/sqlite/write-table.test.ts', 'leaves all of a delivery or nothing, and the next time completes it once'],
    'sink-marks-outside',
    'the mark of a delivery lies in the transaction of its rows',
    'io/sqlite/table-sink.ts',
    'if (isNew) {',
    "db.exec('COMMIT; BEGIN IMMEDIATE')\n      if (isNew) {",
  ),
  byTest(
    ['io/sqlite/write-table.test.ts', 'a delivery that comes again writes nothing, and marks do not pile up'],
    'sink-marks-forgotten',
    'a delivery that comes again is recognised',
    'io/sqlite/table-sink.ts',
    'if (isNew) {',
    'if (true) {',
  ),
  byTest(
    ['io/log/log.test.ts', 'with an id that is there does nothing'],
    'sink-append-ids-forgotten',
    'an append with the id of an earlier one does nothing',
    'io/log/append.ts',
    'if (id !== undefined && !remember(file, id)) return undefined',
    '',
  ),
  byTest(
    ['io/log/log.test.ts', 'with the id of a batch before the newest does nothing, however late it comes'],
    'sink-append-ids-matched-exactly',
    'an append from before the newest of its step does nothing',
    'io/log/append.ts',
    'AND batch >= ?',
    'AND batch = ?',
  ),
  byTest(
    ['io/log/batches.test.ts', 'has the time of the append, not that of the batch'],
    'sink-clock-of-the-batch',
    'sinks have the clock of the world',
    'runners/core/stage-runtime.ts',
    'this.outside = outside',
    'this.outside = env',
  ),
  byTest(
    [
      'io/log/workers.test.ts',
      'is shared by runs, whatever workers they have, and left to the other by one that stops',
    ],
    'group-workers-alone',
    'the workers of a run are one member of its group',
    'io/log/topic-reader.ts',
    'group === undefined ? undefined : drawRun(log, group, topic)',
    'undefined as string | undefined',
  ),
  byTest(
    ['io/log/groups.test.ts', 'puts a seat out that is late, alone, and nobody finds it again'],
    'group-seats-found-again',
    'a seat that was lost is not found again by one who comes later',
    'io/log/groups.ts',
    '${member}${SEAT}${this.#generation(topic) + 1}',
    '${member}${SEAT}${joined}',
  ),
  byTest(
    ['runners/micro-batch/acknowledging.test.ts', 'a file that a source deletes is there for the batch'],
    'source-gone-before-commit',
    'what is read again from where it lies is given up when its batch is committed',
    'runners/micro-batch/batch-acknowledgements.ts',
    'const waiting = isReadAgain ? this.#forCommit : this.#forPlan',
    'const waiting = isReadAgain ? this.#forPlan : this.#forPlan',
  ),
]
