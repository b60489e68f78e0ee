/**
 * Tries every mutant: the package is copied, one file of the copy is replaced, and what is named to notice runs in it: cases in all
 * modes, by the copy's own command; seeds of lane `sim`, up to the first that fails; or a test.
 *
 * Law: all of it passes where nothing is mutated; a mutant counts as caught when what is named fails, and in no other way. A
 * copy in which the suite does not load, or in which a run never ends, is no catch.
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { LaneProgram, Tally } from '../lane.js'
import { mutants as allMutants } from './index.js'
import { compiled, type Mutant, mutated } from './mutant.js'

/** Copies at work at once. */
const COPIES = 2
const MILLIS_MAX = 300_000
/** Seeds that are tried where nothing is mutated, at most. */
const SOUND_SEEDS = 300
/** What tests are made of. */
const SOURCES = ['sdk', 'runners', 'io', 'conformance', 'examples', 'vitest.config.ts', 'tsconfig.json']

/** What a run of cases, seeds or tests came to. */
interface Tried {
  /** What failed, by name; `undefined` when the suite did not come to its end. */
  readonly failed: readonly string[] | undefined
  readonly output: string
}

/** The lane. `--only` chooses mutants by a part of their names. */
export function mutantsLane(
  mutants: readonly Mutant[] = allMutants,
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): LaneProgram {
  return async (args) => {
    const { values } = parseArgs({ args: [...args], options: { only: { type: 'string' } } })
    const chosen = values.only === undefined ? mutants : mutants.filter(({ name }) => name.includes(values.only ?? ''))
    if (chosen.length === 0)
      throw new Error(
        `there is no mutant "${values.only ?? ''}". Mutants: ${mutants.map(({ name }) => name).join(', ')}`,
      )
    const folder = await mkdtemp(join(tmpdir(), 'millrace-mutants-'))
    try {
      return await tryAll(chosen, folder, print)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

async function tryAll(mutants: readonly Mutant[], folder: string, print: (line: string) => void): Promise<Tally> {
  const root = process.cwd()
  const copies = await Promise.all(Array.from({ length: COPIES }, (_, n) => copyOf(root, join(folder, String(n)))))
  await checkSound(mutants, copies)
  const waiting = [...mutants]
  let passed = 0
  const work = async (copy: string): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const { by, fault } = await verdictOf(mutant, copy)
      print(by === undefined ? `✗ ${mutant.name}: ${fault}` : `✓ ${mutant.name} (${by}): ${mutant.breaks}`)
      if (by !== undefined) passed++
    }
  }
  await Promise.all(copies.map(work))
  print(`${passed} of ${mutants.length} mutants caught by the cases, seeds and tests named for them`)
  return { passed, failed: mutants.length - passed }
}

/** Whatever is named must pass as long as nothing is mutated: cases and seeds in one copy, tests in the other meanwhile. */
async function checkSound(mutants: readonly Mutant[], [copy = '', other = copy]: readonly string[]): Promise<void> {
  const check = ({ failed, output }: Tried, what: string): void => {
    if (failed === undefined || failed.length > 0) throw new Error(`the ${what} do not pass as they are:\n${output}`)
  }
  const cases = [...new Set(mutants.flatMap(({ caughtBy }) => caughtBy))]
  const seeds = Math.max(0, ...mutants.map(({ caughtWithin }) => caughtWithin ?? 0))
  const casesAndSeeds = async (): Promise<void> => {
    if (cases.length > 0) check(await tryCases(copy, cases), 'cases')
    // What the lane itself shows need not be shown here once more.
    if (seeds > 0) check(await trySeeds(copy, Math.min(seeds, SOUND_SEEDS)), 'seeds')
  }
  const tests = new Map<string, Set<string>>()
  for (const { caughtByTest } of mutants)
    if (caughtByTest !== undefined)
      tests.set(caughtByTest.file, (tests.get(caughtByTest.file) ?? new Set()).add(caughtByTest.name))
  const ofFiles = async (): Promise<void> => {
    for (const [file, names] of tests) check(await tryTests(other, file, [...names]), `tests of ${file}`)
  }
  await Promise.all([casesAndSeeds(), ofFiles()])
}

/** Who caught a mutant, or why nobody did. */
async function verdictOf(mutant: Mutant, copy: string): Promise<{ readonly by?: string; readonly fault?: string }> {
  const { file, caughtBy, caughtWithin, caughtByTest } = mutant
  const isSource = caughtByTest !== undefined
  const path = join(copy, isSource ? file : join('dist', file.replace(/\.ts$/, '.js')))
  const before = await readFile(path, 'utf8')
  try {
    // The copy's: somebody may be at work on the original.
    const text = mutated(mutant, await readFile(join(copy, file), 'utf8'))
    await writeFile(path, isSource ? text : compiled(text, file))
    const { failed, output } = isSource
      ? await tryTests(copy, caughtByTest.file, [caughtByTest.name])
      : caughtWithin === undefined
        ? await tryCases(copy, caughtBy)
        : await trySeeds(copy, caughtWithin)
    if (failed === undefined) return { fault: `the suite did not come to its end:\n${output}` }
    const [by] = failed
    if (by !== undefined) return { by }
    const others = caughtWithin === undefined ? caughtBy.join(', ') : `${caughtWithin} seeds`
    const who = isSource ? caughtByTest.file : others
    return { fault: `${who} pass, though it breaks this: ${mutant.breaks}` }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  } finally {
    await writeFile(path, before)
  }
}

/** A copy of the package, built and as it is tested, to be broken. */
async function copyOf(root: string, copy: string): Promise<string> {
  await cp(join(root, 'dist'), join(copy, 'dist'), { recursive: true, filter: (path) => !/\.(map|d\.ts)$/.test(path) })
  for (const part of SOURCES) await cp(join(root, part), join(copy, part), { recursive: true })
  await cp(join(root, 'package.json'), join(copy, 'package.json'))
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

function tryCases(copy: string, ids: readonly string[]): Promise<Tried> {
  const json = join(copy, 'matrix.json')
  const command = join(copy, 'dist', 'runners', 'cli', 'main.js')
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [command, 'conformance', '--only', ids.join(','), '--json', json],
      { cwd: copy, timeout: MILLIS_MAX, killSignal: 'SIGKILL', maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`
        // 0: all passed; 1: some failed. Everything else is no answer.
        if (error !== null && error.code !== 1) resolve({ failed: undefined, output })
        else resolve(failedIn(json, output))
      },
    )
  })
}

/** Lane `sim`, in the copy, up to the first seed that fails. */
function trySeeds(copy: string, seeds: number): Promise<Tried> {
  const command = join(copy, 'dist', 'conformance', 'proof', 'main.js')
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [command, 'sim', '--seeds', String(seeds), '--failures', '1'],
      { cwd: copy, timeout: MILLIS_MAX, killSignal: 'SIGKILL', maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`
        const seed = /^✗ seed (\d+)/m.exec(stdout)?.[1]
        if (error !== null && (error.code !== 1 || seed === undefined)) resolve({ failed: undefined, output })
        else resolve({ failed: seed === undefined ? [] : [`seed ${seed}`], output })
      },
    )
  })
}

/** Tests of a file that have one of these in their names, in the copy. */
function tryTests(copy: string, file: string, names: readonly string[]): Promise<Tried> {
  const json = join(copy, 'tests.json')
  const command = join(copy, 'node_modules', 'vitest', 'vitest.mjs')
  const chosen = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [command, 'run', file, '-t', chosen, '--maxWorkers=1', '--reporter=json', `--outputFile=${json}`],
      { cwd: copy, timeout: MILLIS_MAX, killSignal: 'SIGKILL', maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`
        if (error !== null && error.code !== 1) resolve({ failed: undefined, output })
        else resolve(testsFailedIn(json, output))
      },
    )
  })
}

async function testsFailedIn(json: string, output: string): Promise<Tried> {
  try {
    const { testResults } = JSON.parse(await readFile(json, 'utf8')) as {
      readonly testResults: readonly {
        readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
      }[]
    }
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
    // A file that does not load has none.
    if (!tests.some(({ status }) => status === 'passed' || status === 'failed')) return { failed: undefined, output }
    const failed = tests.filter(({ status }) => status === 'failed').map(({ fullName }) => `test "${fullName.trim()}"`)
    return { failed, output: `${failed.join('\n')}\n${output}` }
  } catch {
    return { failed: undefined, output }
  } finally {
    await rm(json, { force: true })
  }
}

async function failedIn(json: string, output: string): Promise<Tried> {
  try {
    const { rows } = JSON.parse(await readFile(json, 'utf8')) as {
      readonly rows: readonly { readonly id: string; readonly reports: readonly { readonly status: string }[] }[]
    }
    const failed = rows.filter(({ reports }) => reports.some(({ status }) => status === 'failed')).map(({ id }) => id)
    return { failed, output }
  } catch {
    return { failed: undefined, output }
  } finally {
    await rm(json, { force: true })
  }
}
