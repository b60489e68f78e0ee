/**
 * Tries every mutant: the built package is copied, one file of the copy is replaced, and the named cases run in it, in all
 * modes, by the copy's own command.
 *
 * Law: the cases pass where nothing is mutated; a mutant counts as caught when a named case fails, and in no other way. A
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
const MILLIS_MAX = 120_000

/** What a run of cases came to. */
interface Tried {
  /** Ids of cases that failed; `undefined` when the suite did not come to its end. */
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
  const [first = ''] = copies
  const named = [...new Set(mutants.flatMap(({ caughtBy }) => caughtBy))]
  const sound = named.length === 0 ? { failed: [], output: '' } : await tryCases(first, named)
  if (sound.failed === undefined || sound.failed.length > 0)
    throw new Error(`the cases do not pass as they are:\n${sound.output}`)
  const seeds = Math.max(0, ...mutants.map(({ caughtWithin }) => caughtWithin ?? 0))
  const soundSeeds = seeds === 0 ? undefined : await trySeeds(first, seeds)
  if (soundSeeds?.failed !== undefined && soundSeeds.failed.length > 0)
    throw new Error(`the seeds do not pass as they are:\n${soundSeeds.output}`)
  const waiting = [...mutants]
  let passed = 0
  const work = async (copy: string): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const fault = await faultOf(mutant, root, copy)
      print(fault === undefined ? `✓ ${mutant.name}: ${mutant.breaks}` : `✗ ${mutant.name}: ${fault}`)
      if (fault === undefined) passed++
    }
  }
  await Promise.all(copies.map(work))
  print(`${passed} of ${mutants.length} mutants caught by the cases named for them`)
  return { passed, failed: mutants.length - passed }
}

/** Why a mutant was not caught; `undefined` when it was. */
async function faultOf(mutant: Mutant, root: string, copy: string): Promise<string | undefined> {
  const { file, caughtBy, caughtWithin } = mutant
  const built = join(copy, 'dist', file.replace(/\.ts$/, '.js'))
  const before = await readFile(built, 'utf8')
  try {
    await writeFile(built, compiled(mutated(mutant, await readFile(join(root, file), 'utf8')), file))
    const { failed, output } =
      caughtWithin === undefined ? await tryCases(copy, caughtBy) : await trySeeds(copy, caughtWithin)
    if (failed === undefined) return `the suite did not come to its end:\n${output}`
    return failed.length > 0
      ? undefined
      : `${caughtWithin === undefined ? caughtBy.join(', ') : `${caughtWithin} seeds`} pass, though it breaks this: ${mutant.breaks}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await writeFile(built, before)
  }
}

/** A copy of the built package, to be broken. */
async function copyOf(root: string, copy: string): Promise<string> {
  await cp(join(root, 'dist'), join(copy, 'dist'), { recursive: true, filter: (path) => !/\.(map|d\.ts)$/.test(path) })
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
