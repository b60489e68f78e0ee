import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const source = (built: string): string => here(built.replace('./dist/', './').replace(/\.js$/, '.ts'))

/** Tests import the package by its public names, and get its sources. */
const { exports, imports } = JSON.parse(readFileSync(here('./package.json'), 'utf8')) as {
  exports: Record<string, string | { default: string }>
  imports: Record<string, { default: string }>
}

const alias = [
  ...Object.entries(imports).map(([name, target]) => ({
    find: new RegExp(`^${name}$`),
    replacement: source(target.default),
  })),
  ...Object.entries(exports).flatMap(([name, target]) =>
    typeof target === 'string'
      ? []
      : [{ find: new RegExp(`^millrace${name.slice(1)}$`), replacement: source(target.default) }],
  ),
]

export default defineConfig({
  resolve: { alias },
  test: {
    // Two cores may be shared with others; what hangs is stopped by this, and not what is slow.
    testTimeout: 30_000,
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**', '.cache/**'],
  },
})
