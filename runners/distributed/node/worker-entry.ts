/**
 * The modules that workers begin with. They are always the compiled ones: nothing translates TypeScript where a worker begins, and tests
 * run from sources.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../author-module/package-root.js'

/** The module that a worker, or its thread of user code, begins with. */
export function workerEntry(name: 'worker-main' | 'worker-user'): URL {
  return pathToFileURL(join(packageRoot(), 'dist', 'runners', 'distributed', 'node', `${name}.js`))
}
