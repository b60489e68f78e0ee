/**
 * Writing text files, one element per line.
 */
import { loneSurrogateAt } from '../../sdk/coders/utf8.js'
import type { OptionNames } from '../../sdk/known-options.js'
import type { PCollection } from '../../sdk/pcollection.js'
import { preview } from '../../sdk/preview.js'
import { refuse } from '../../sdk/refuse.js'
import type { WrittenFile } from './commit-shards.js'
import { type WriteFilesOptions, writeFilesOptionNames, writeSettings, writeTexts } from './write-options.js'

/** Options of {@link writeLines}. */
export interface WriteLinesOptions extends WriteFilesOptions {
  /** First line of every file. Default: none. */
  readonly header?: string
  /** Last line of every file. Default: none. */
  readonly footer?: string
}

/**
 * Writes one line per element: strings as they are, other values as JSON. The order of lines is not kept. Files appear
 * under their names when they are complete, all shards of a window together.
 *
 * With one shard, in the global window, the file is `path`. Names of more shards end in `-00000-of-00003` before the
 * extension; files of other windows have the window in their names, `spend-20010101T000000Z-20010102T000000Z.csv`;
 * a pane after the first one (late data) has a file of its own, `…-pane-1.csv`. In the global window there is a file
 * although there are no elements. The text is UTF-8; a string with a lone surrogate has none and fails the run. A string
 * that has line ends in it takes several lines. A path that ends in `.gz` or `.br` is a packed file: `spend.csv.gz` in three
 * shards is `spend-00000-of-00003.csv.gz` and so on.
 *
 * The path may say where these go: `{window.start}` and `{window.end}`, also with a pattern
 * (`out/{window.start|yyyy}/{window.start|MM-dd}.csv`; in UTC, and for calendar windows in their zone), `{pane}` (0 for the first
 * one), `{shard}` and `{shards}`. What it does not say is put at the end of the name as above, and names that windows would share
 * are refused. A brace of its own is written twice.
 *
 * With bounded input names depend on nothing else, so a run that does the same again replaces the files of the first. With
 * unbounded input a run replaces nothing: where names are taken, all shards of the pane end in `-r2` before the extension, then
 * `-r3`; the paths that come out say so. `overwrite: true` replaces there, too. Runs at the same time need folders of their own.
 *
 * Files are moved into place when their bundle is committed, or their batch: with a runner that repeats batches each is there once.
 * Until then they are gathered in hidden folders beside them, which are left alone while a query that restarts goes on. With
 * `manifest`, all files that one delivery has put in place are named by a file that appears in one instant.
 *
 * Files that a write does not write itself are left alone: after a write with 5 shards, one with 3 leaves the five there.
 * Remove them before, or give each run a folder of its own.
 *
 * @param path of the file; its folder is made if need be.
 * @returns the files that were written.
 * @throws {PipelineError} when an option is wrong, the input is unbounded and not windowed, its windows are sessions that no
 *   grouping has united, or another write of the pipeline has the same path, spelled alike.
 * @example
 * ```ts
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { kv, pipeline, run } from 'millrace'
 * import { writeLines } from 'millrace/io/text'
 * const p = pipeline()
 * p.create('ages', [kv('ann', 41), kv('bob', 27)])
 *   .map('row', ({ key, value }) => `${key},${value}`)
 *   .apply('write', writeLines(join(tmpdir(), 'millrace-example', 'ages.csv'), { header: 'name,age' }))
 *   .print('written')
 * await run(p)
 * ```
 */
export function writeLines(
  path: string,
  options: WriteLinesOptions = {},
): (input: PCollection<unknown>) => PCollection<WrittenFile> {
  const { header, footer } = options ?? {}
  const settings = writeSettings('writeLines', path, options, writeOptions, {
    head: lineOption('header', header),
    between: '',
    end: '\n',
    tail: lineOption('footer', footer),
  })
  return writeTexts(settings)
}

const writeOptions: OptionNames<WriteLinesOptions> = { ...writeFilesOptionNames, header: true, footer: true }

function lineOption(name: string, value: unknown): string {
  if (value === undefined) return ''
  if (typeof value !== 'string')
    refuse('MR-1004', `option ${name} of writeLines must be text, but is ${preview(value)}.`)
  if (loneSurrogateAt(value) >= 0) {
    refuse('MR-4007', `option ${name} of writeLines has a lone surrogate, which UTF-8 cannot hold: ${preview(value)}.`)
  }
  return `${value}\n`
}
