/**
 * A mutant: the project with one law broken by a small edit. The suite must notice, by a case that is named beforehand.
 *
 * Law: an edit applies exactly once; one that no longer applies fails the build (`mutants.test.ts`), so that the list
 * keeps saying the truth.
 */
import { transformSync } from 'esbuild'

/** A broken law. */
export interface Mutant {
  /** In kebab case; the name by which it is asked for. */
  readonly name: string
  /** The law that it breaks, as a sentence. */
  readonly breaks: string
  /** Path of the source from the root. */
  readonly file: string
  /** Text of the source that is replaced; occurs once. */
  readonly from: string
  readonly to: string
  /** Ids of cases that must notice: each alone suffices. Empty where somebody else notices. */
  readonly caughtBy: readonly string[]
  /** Seeds of lane `sim`, from 1, of which one must notice. */
  readonly caughtWithin?: number
  /** A test that must notice: its file, and a part of its name. */
  readonly caughtByTest?: { readonly file: string; readonly name: string }
}

/** Seeds of lane `sim` within which such mutants are noticed. */
const WITHIN = 1_000

/** A mutant that seeds of lane `sim` notice. */
export function bySeeds(name: string, breaks: string, file: string, from: string, to: string): Mutant {
  return { name, breaks, file, from, to, caughtBy: [], caughtWithin: WITHIN }
}

/** A mutant that a test notices: its file, and a part of its name. */
export function byTest(
  [test, part]: readonly [file: string, name: string],
  name: string,
  breaks: string,
  file: string,
  from: string,
  to: string,
): Mutant {
  return { name, breaks, file, from, to, caughtBy: [], caughtByTest: { file: test, name: part } }
}

/** A source with a mutant's edit. @throws when the edit does not apply exactly once. */
export function mutated({ name, file, from, to }: Mutant, source: string): string {
  const times = source.split(from).length - 1
  if (times !== 1)
    throw new Error(`mutant "${name}": its text occurs ${times} times in ${file}, and must occur once:\n${from}`)
  if (from === to) throw new Error(`mutant "${name}" changes nothing`)
  return source.replace(from, () => to)
}

/** A source as the build makes it, one file at a time. @throws when it has no valid syntax. */
export function compiled(source: string, file: string): string {
  const { code } = transformSync(source, {
    loader: 'ts',
    format: 'esm',
    target: 'es2023',
    sourcefile: file,
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  })
  return code
}
