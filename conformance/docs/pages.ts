/**
 * Which files are documentation: the hand-written pages, and the modules whose comments make the API reference.
 */
import { readTree } from '../repo/source-tree.js'
import type { Page } from './snippets.js'

/** The hand-written pages. */
export function pagesIn(root: string): readonly Page[] {
  return readTree(root).filter(({ path }) => /^(README\.md|docs\/.*\.md)$/.test(path))
}

/** The modules of the package. */
export function modulesIn(root: string): readonly Page[] {
  return readTree(root).filter(({ path }) => /^(sdk|runners|io)\/.*(?<!\.test)\.ts$/.test(path))
}

/** The pages of the site: the hand-written ones, and what the conformance suite says of itself. */
export function sitePagesIn(root: string): readonly Page[] {
  return readTree(root).filter(({ path }) => /^(README\.md|docs\/.*\.md|conformance\/README\.md)$/.test(path))
}
