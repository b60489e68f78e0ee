/**
 * The modules that workers begin with. They are always the compiled ones: nothing translates TypeScript where a worker begins, and tests
 * run from sources.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../author-module/package-root.js'

/** The module that a worker begins with. */
export function entry(name: 'worker-thread' | 'worker-process'): URL {
  return pathToFileURL(join(packageRoot(), 'dist', 'runners', 'micro-batch', 'links', `${name}.js`))
}
