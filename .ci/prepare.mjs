/**
 * Makes a checkout ready: installs packages when they differ from the lockfile, builds when sources differ from what was
 * built. It stands before every npm script that needs either, so that each works as the only command after a clone.
 *
 * Law: it uses nothing that must be installed, and does nothing (in a fraction of a second) when nothing is to do.
 * Staleness is judged by records, not by dates: npm's own list of what it installed, and the list of sources of the last
 * build (`dist/.build/sources`), with their sizes and times.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const nodeNeeded = [20, 19]
/** Folders that `tsc -b` builds, as `tsconfig.json` references them. */
const built = ['sdk', 'runners', 'io', 'examples', 'conformance']
const sourcesRecord = join(root, 'dist', '.build', 'sources')

checkNode()
if (!installed()) install()
const sources = describeSources()
if (read(sourcesRecord) !== sources) build()

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > nodeNeeded[0] || (major === nodeNeeded[0] && minor >= nodeNeeded[1])) return
  stop(
    `millrace needs Node.js ${nodeNeeded.join('.')} or newer, and this is ${process.versions.node} (${process.execPath}). ` +
      'Install a newer one, or choose it with your version manager, and run the same command again.',
  )
}

/**
 * Whether what npm last installed is what the lockfile asks for. An install that was cut short leaves no record; packages
 * for other platforms are in the lockfile and rightly absent here.
 */
function installed() {
  const record = read(join(root, 'node_modules', '.package-lock.json'))
  if (record === undefined) return false
  const present = JSON.parse(record).packages
  return Object.entries(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages).every(
    ([path, { version, integrity, optional }]) => {
      if (path === '') return true
      const found = present[path]
      return found === undefined ? optional === true : found.version === version && found.integrity === integrity
    },
  )
}

function install() {
  const npm = process.env['npm_execpath']
  const [command, ...first] = npm === undefined ? ['npm'] : [process.execPath, npm]
  // Development packages are needed to build, whatever NODE_ENV says.
  const done = step('installing packages (npm ci)')
  const { status, error } = spawnSync(command, [...first, 'ci', '--include=dev', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: npm === undefined && process.platform === 'win32',
  })
  if (status !== 0) {
    stop(
      `npm ci failed${error ? ` (${error.message})` : ''}; the reason stands above. Then run the same command again.`,
    )
  }
  done()
}

function build() {
  removeOutputsWithoutSource()
  const done = step('building (tsc -b)')
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) stop('the build failed; the errors stand above.')
  mkdirSync(dirname(sourcesRecord), { recursive: true })
  writeFileSync(sourcesRecord, sources)
  done()
}

/** `tsc -b` leaves the outputs of a source that was removed or renamed; they would be packed and published. */
function removeOutputsWithoutSource() {
  for (const folder of built) {
    for (const path of filesIn(join('dist', folder))) {
      const source = path.replace(/^dist./, '').replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts')
      if (!existsSync(join(root, source)) || source.endsWith('.test.ts')) rmSync(join(root, path))
    }
  }
}

function describeSources() {
  const hash = createHash('sha256')
  const configuration = ['package.json', 'package-lock.json', 'tsconfig.json']
  const sources = built
    .flatMap((folder) => filesIn(folder))
    .filter((path) => /(?<!\.test)\.ts$|tsconfig\.json$/.test(path))
  for (const path of [...configuration, ...sources.sort()]) {
    const { size, mtimeMs } = statSync(join(root, path))
    hash.update(`${path} ${size} ${mtimeMs}\n`)
  }
  return hash.digest('hex')
}

function filesIn(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesIn(path) : [path]
  })
}

function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

/** Says what is being done, and at the end how long it took. On stderr: stdout belongs to the command that follows. */
function step(what) {
  const started = performance.now()
  process.stderr.write(`prepare: ${what} …${process.stderr.isTTY ? '' : '\n'}`)
  return () => {
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    process.stderr.write(process.stderr.isTTY ? ` ${seconds} s\n` : `prepare: done in ${seconds} s\n`)
  }
}

function stop(message) {
  process.stderr.write(`\nprepare: ${message}\n`)
  process.exit(1)
}
