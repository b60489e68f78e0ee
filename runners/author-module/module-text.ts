/**
 * An author's module as data: the same text, and so the same program, on every thread and in every process that is given it.
 */

/** An author's module, ready to be loaded. */
export interface ModuleText {
  /** JavaScript whose imports are all absolute. */
  readonly code: string
  /** Name of the code on stacks. */
  readonly sourceUrl: string
  /** Source map, as JSON; its sources are relative to `folder`. */
  readonly map: string
  readonly folder: string
  /** The file the author named. */
  readonly file: string
  /** The author's files that it is made of. */
  readonly files: readonly string[]
  /** sha-256 of the code, free of where it lies, and of the version of millrace. */
  readonly hash: string
}
