/**
 * `npm run pack:check`: packs the package, looks at what is in it, and uses it as its readers will: installed in empty
 * projects, by `import` and `require`, by two versions of TypeScript, and from the command line.
 *
 * `--only TEXT` uses it only in the projects, or templates, whose names hold the text.
 *
 * Ends with `N passed, N failed`. Needs the registry (for what the package depends on), so it is no part of `npm test`.
 */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Manifest } from '../repo/package-rules.js'
import { Checks, execute } from './checks.js'
import { type Project, projects } from './projects.js'
import { faultsOfTarball, type Packed } from './tarball.js'
import { checkTemplates } from './templates.js'

const root = process.cwd()
const { only } = parseArgs({ options: { only: { type: 'string' } } }).values
const isWanted = (name: string): boolean => only === undefined || name.includes(only)
const bin = join(root, 'node_modules', '.bin')
const workplace = mkdtempSync(join(tmpdir(), 'millrace-pack-'))
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const checks = new Checks(print)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest & {
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
}
const npm = process.env['npm_execpath']
/** npm as it was started, or the one on the path. */
const runNpm = (args: readonly string[], folder: string): ReturnType<typeof execute> =>
  npm === undefined ? execute('npm', args, folder) : execute(process.execPath, [npm, ...args], folder)

try {
  await checkAll()
} finally {
  rmSync(workplace, { recursive: true, force: true })
}
print(`${checks.passed} passed, ${checks.failed} failed`)
process.exitCode = checks.failed === 0 ? 0 : 1

async function checkAll(): Promise<void> {
  let packed: Packed | undefined
  await checks.check('npm pack', async () => {
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', workplace]
    packed = (JSON.parse((await runNpm(args, root)).stdout) as readonly Packed[])[0]
    const { files, size, unpackedSize } = packed as Packed
    return `${files.length} files, ${kilobytes(size)} packed, ${kilobytes(unpackedSize)} unpacked`
  })
  if (packed === undefined) return
  const tarball = join(workplace, packed.filename)
  const { files } = packed

  await checks.check('holds what it should and nothing else', () => {
    const faults = faultsOfTarball(
      files.map(({ path }) => path),
      manifest,
    )
    if (faults.length > 0) throw new Error(faults.join('\n  '))
  })
  if (only === undefined) await checkForm(tarball)
  // Two at a time: an installation waits for the network and a compiler for the processor.
  const waiting = projects.filter(({ name }) => isWanted(name))
  const work = async (): Promise<void> => {
    for (let project = waiting.shift(); project !== undefined; project = waiting.shift()) {
      await checkProject(project, tarball)
    }
  }
  await Promise.all([work(), work()])
  await checkTemplates(checks, { tarball, workplace, runNpm, isWanted: (template) => isWanted(`template ${template}`) })
}

/** Whether tools that know packages find fault with this one. */
async function checkForm(tarball: string): Promise<void> {
  await checks.check('publint', async () => {
    await execute(join(bin, 'publint'), ['run', tarball, '--strict'], root)
  })
  await checks.check('attw --profile esm-only', async () => {
    await execute(join(bin, 'attw'), [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji'], root)
  })
}

async function checkProject(project: Project, tarball: string): Promise<void> {
  const folder = mkdtempSync(join(workplace, 'project-'))
  writeJson(join(folder, 'package.json'), { name: 'reader', version: '1.0.0', private: true, ...project.manifest })
  if (project.tsconfig !== undefined) {
    writeJson(join(folder, 'tsconfig.json'), { compilerOptions: project.tsconfig, files: project.programs })
  }
  for (const program of project.programs) {
    copyFileSync(join(root, 'conformance', 'pack', 'projects', program), join(folder, program))
  }
  const installed = await checks.check(`${project.name}: installs`, async () => {
    await runNpm(
      [
        'install',
        '--no-audit',
        '--no-fund',
        '--prefer-offline',
        ...(project.installFlags ?? []),
        tarball,
        ...project.packages,
      ],
      folder,
    )
  })
  if (!installed) return
  const run = (program: string, args: readonly string[]): ReturnType<typeof execute> =>
    program === 'node'
      ? execute(process.execPath, args, folder)
      : execute(join(folder, 'node_modules', '.bin', program), args, folder)

  for (const [at, [program = '', ...args]] of project.commands.entries()) {
    const last = at === project.commands.length - 1
    const ended = await checks.check(`${project.name}: ${[program, ...args].join(' ')}`, async () => {
      const { stdout } = await run(program, args)
      if (last && !stdout.includes('the counts are right')) throw new Error(`it did not say so; it said:\n${stdout}`)
    })
    if (!ended) return
  }
  await checks.check(`${project.name}: millrace --version`, async () => {
    const { stdout } = await run('millrace', ['--version'])
    if (!stdout.includes(manifest.version)) throw new Error(`it does not say ${manifest.version}; it said:\n${stdout}`)
  })
  if (!existsSync(join(folder, 'words.ts'))) return
  await checks.check(`${project.name}: millrace run words.ts`, async () => {
    const { stdout } = await run('millrace', ['run', 'words.ts'])
    if (!stdout.includes('me 2')) throw new Error(`it did not print the counts; it printed:\n${stdout}`)
  })
}

function writeJson(path: string, value: object): void {
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`)
}

function kilobytes(bytes: number): string {
  return `${Math.ceil(bytes / 1000)} kB`
}
