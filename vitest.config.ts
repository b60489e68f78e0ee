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

/** Tests that start processes and wait for them, or for a clock: beside others they would wait for the wrong reason. */
const ALONE = [
  'runners/cli/**/*.test.ts',
  'runners/micro-batch/links/**/*.test.ts',
  'examples/**/*.test.ts',
  'conformance/{bench,docs,pack,repo}/**/*.test.ts',
  'io/**/processes.test.ts',
  'conformance/proof/**/processes.test.ts',
]
const BROWSER = ['conformance/browser/**/*.test.ts']
/** What needs programs that are fetched, or that a person has installed: engines, Beam's Python package. */
const ENGINES = ['conformance/engines/**/*.test.ts']
const NEVER = ['node_modules/**', 'dist/**', '.cache/**']

const browser = {
  extends: true,
  test: { name: 'browser', include: BROWSER, exclude: NEVER, maxWorkers: 1, sequence: { groupOrder: 2 } },
} as const

export default defineConfig({
  resolve: { alias },
  test: {
    // Two cores may be shared with others; what hangs is stopped by this, and not what is slow.
    testTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'model',
          include: ['**/*.test.ts'],
          exclude: [...NEVER, ...ALONE, ...BROWSER, ...ENGINES],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'processes', include: ALONE, exclude: NEVER, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'engines',
          include: ENGINES,
          exclude: NEVER,
          maxWorkers: 1,
          // A job on an engine starts a worker, and may be the first on it.
          testTimeout: 120_000,
          sequence: { groupOrder: 3 },
        },
      },
      // Where a lane of its own looks at pages, the others need not.
      ...(process.env['MILLRACE_WITHOUT_BROWSER'] === undefined ? [browser] : []),
    ],
  },
})
