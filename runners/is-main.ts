/**
 * `isMain`: whether a module is the program, or only loaded by it.
 */
import { isMainModule } from '#platform'

/**
 * Whether the module is the program that was started: true for `node file.ts`, false where another module or a worker
 * loads it.
 *
 * @example
 * ```ts
 * import { isMain, pipeline, run } from 'millrace'
 * const p = pipeline()
 * p.create('numbers', [1, 2]).print('show')
 * if (isMain(import.meta)) await run(p)
 * ```
 */
export function isMain(meta: { readonly url: string }): boolean {
  return isMainModule(meta.url)
}
