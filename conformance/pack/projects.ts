/**
 * The four kinds of project that the package must work in, each with nothing but the package installed.
 */

/** A project: its files, what else it installs, and the commands that must end well. */
export interface Project {
  readonly name: string
  readonly manifest: object
  /** Files of `projects/` that it gets. */
  readonly programs: readonly string[]
  readonly tsconfig?: object
  /** Further packages, with versions. */
  readonly packages: readonly string[]
  /** Flags of its `npm install`. */
  readonly installFlags?: readonly string[]
  /** Commands after the installation; each is a program of `node_modules/.bin`, or node. */
  readonly commands: readonly (readonly string[])[]
}

const RIGHT = 'main'
const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true }

/** The projects. */
export const projects: readonly Project[] = [
  {
    // Nor does any package's install script run: esbuild works without its own.
    name: 'JavaScript modules, scripts of packages not run',
    manifest: { type: 'module' },
    programs: ['main.js', 'words.ts'],
    packages: [],
    installFlags: ['--ignore-scripts'],
    commands: [['node', `${RIGHT}.js`]],
  },
  {
    name: 'CommonJS, by require',
    manifest: { type: 'commonjs' },
    programs: ['main.cjs'],
    packages: [],
    commands: [['node', `${RIGHT}.cjs`]],
  },
  {
    name: 'TypeScript 5.9, nodenext, checking the declarations too',
    manifest: { type: 'module' },
    programs: ['words.ts', 'main.ts'],
    packages: ['typescript@5.9.3', '@types/node@20.19.43', 'io-ts@2.2.22', 'fp-ts@2.16.11'],
    tsconfig: {
      ...strict,
      module: 'nodenext',
      target: 'es2023',
      lib: ['es2023', 'dom'],
      types: ['node'],
      skipLibCheck: false,
      outDir: 'out',
    },
    commands: [['tsc'], ['node', `out/${RIGHT}.js`]],
  },
  {
    name: 'TypeScript 6, bundler',
    manifest: { type: 'module' },
    programs: ['words.ts', 'main.ts'],
    packages: ['typescript@6.0.3', 'esbuild@0.28.2', 'io-ts@2.2.22', 'fp-ts@2.16.11'],
    tsconfig: {
      ...strict,
      module: 'preserve',
      moduleResolution: 'bundler',
      target: 'es2023',
      lib: ['es2023', 'dom'],
      skipLibCheck: true,
      noEmit: true,
    },
    commands: [
      ['tsc'],
      ['esbuild', `${RIGHT}.ts`, '--bundle', '--platform=node', '--format=esm', '--outfile=out/bundle.mjs'],
      ['node', 'out/bundle.mjs'],
    ],
  },
]
