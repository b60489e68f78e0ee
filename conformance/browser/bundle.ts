/**
 * Bundles a page the way an author would: for the browser, from the built package by its public names.
 *
 * Law: whatever of Node a page would need is an error here, and not a surprise in the page.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/** A bundle. */
export interface Bundle {
  readonly code: string
  /** Modules it was made of, from the root. */
  readonly modules: readonly string[]
  /** What it still imports; nothing, when it is whole. */
  readonly imports: readonly string[]
}

/** Bundles a page of this folder. @throws when the package is not built, or something cannot be resolved. */
export async function bundlePage(root: string, page: string): Promise<Bundle> {
  if (!existsSync(join(root, 'dist', 'runners', 'index.js'))) {
    throw new Error('the package is not built: run `npm run build` first (npm test does).')
  }
  const { outputFiles, metafile } = await build({
    entryPoints: [join(root, 'conformance', 'browser', page)],
    absWorkingDir: root,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
    tsconfigRaw: '{}',
  })
  const [output] = Object.values(metafile.outputs)
  return {
    code: outputFiles[0]?.text ?? '',
    modules: Object.keys(metafile.inputs),
    imports: (output?.imports ?? []).map(({ path }) => path),
  }
}
