/**
 * `millrace doctor`: shows what was found, and how to mend what is broken.
 */
import type { CommandInvocation } from './command-line.js'
import { examine, type Finding, type FindingState } from './doctor.js'
import { EXIT } from './exit-codes.js'

const SIGNS: Readonly<Record<FindingState, string>> = { fine: '✔', missing: '–', note: '·', broken: '✘' }

/** Does the command. @returns the exit code. */
export async function doctorCommand({ options }: CommandInvocation): Promise<number> {
  const findings = await examine(process.cwd())
  const isFine = findings.every(({ state }) => state !== 'broken')
  process.stdout.write(
    options.get('json') === true
      ? `${JSON.stringify({ fine: isFine, findings }, undefined, 2)}\n`
      : `${[...findings.flatMap(lines), '', summary(findings)].join('\n')}\n`,
  )
  return isFine ? EXIT.done : EXIT.failed
}

function lines({ state, name, text, fix }: Finding): readonly string[] {
  return [`${SIGNS[state]} ${name}: ${text}`, ...(fix === undefined ? [] : [`    ${fix}`])]
}

function summary(findings: readonly Finding[]): string {
  const broken = findings.filter(({ state }) => state === 'broken').length
  if (broken > 0)
    return `${broken === 1 ? 'One thing is' : `${broken} things are`} broken; how to mend it stands below it.`
  const missing = findings.filter(({ state }) => state === 'missing').length
  return missing === 0
    ? 'All is well.'
    : `All that is needed is here. ${missing === 1 ? 'One optional thing is' : `${missing} optional things are`} not.`
}
