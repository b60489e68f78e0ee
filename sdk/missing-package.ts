/**
 * What is said when an optional package is not there: once, with the line that installs it.
 */
import { messageOf, PipelineError } from './errors.js'

/** Refuses. @param who what needs the package: `readTable`, `a log`. @param install it as `npm install` takes it. */
export function missingPackage(who: string, install: string, error: unknown): never {
  throw new PipelineError(
    'MR-5017',
    `${who} needs a package that cannot be loaded (${messageOf(error)}). Install it: npm install ${install}`,
  )
}
