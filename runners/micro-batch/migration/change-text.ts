/**
 * A change of a graph for people: step by step what is different, what becomes of what is kept, and how to go on.
 */
import type { GraphDifference } from '../../../sdk/graph/fingerprint.js'
import { authorPath } from '../../../sdk/graph/names.js'
import type { ChangePlan, Fate } from './change-plan.js'

/** Steps and lines of a step that are shown; the rest is counted. */
const STEPS_MAX = 40
const LINES_MAX = 12

/** The lines of an explanation, without the sentence before and after them. */
export function changeLines({ differences, fates }: ChangePlan): readonly string[] {
  const steps = new Map<string, { differences: GraphDifference[]; fates: Fate[] }>()
  const of = (step: string): { differences: GraphDifference[]; fates: Fate[] } => {
    let there = steps.get(step)
    if (there === undefined) steps.set(step, (there = { differences: [], fates: [] }))
    return there
  }
  for (const difference of differences) of(authorPath(difference.step)).differences.push(difference)
  for (const fate of fates) if (fate.outcome !== 'kept') of(fate.step).fates.push(fate)
  for (const fate of fates) if (fate.outcome === 'kept') steps.get(fate.step)?.fates.push(fate)
  const shown = [...steps].slice(0, STEPS_MAX)
  const lines = shown.flatMap(([step, found]) => [`step "${step}"${headOf(found)}`, ...bodyOf(step, found)])
  return steps.size > STEPS_MAX ? [...lines, `… and ${steps.size - STEPS_MAX} steps more`] : lines
}

/** What is different in a step, and what becomes of what it keeps. */
interface Found {
  readonly differences: readonly GraphDifference[]
  readonly fates: readonly Fate[]
}

/** A step that has come or gone as a whole says so once, whatever the SDK made of it. One that goes on with something has not. */
function headOf({ differences, fates }: Found): string {
  const kinds = new Set(differences.map(({ kind }) => kind))
  const goesOn = fates.some(({ outcome }) => outcome === 'kept' || outcome === 'migrated')
  return kinds.size === 1 && !kinds.has('changed') && !goesOn ? ` is ${[...kinds][0]}` : ''
}

function bodyOf(step: string, found: Found): readonly string[] {
  const { differences, fates } = found
  const whole = headOf(found) !== ''
  // A codec's name changes with its fields, which say more.
  const ofFields = new Set(differences.filter(isOfField).map(({ step: id, of }) => `${id} ${of}`))
  const told = differences.filter(
    (each) => !each.isCodec || isOfField(each) || !ofFields.has(`${each.step} ${each.of}`),
  )
  const texts = whole
    ? []
    : [
        ...new Set(
          told.map(({ step: id, text }) =>
            id === step ? text : `${id.slice(step.length + 1).replace(/^\$/, '')}: ${text}`,
          ),
        ),
      ]
  const cut =
    texts.length > LINES_MAX ? [...texts.slice(0, LINES_MAX), `… and ${texts.length - LINES_MAX} more`] : texts
  return [...cut.map((text) => `  ${text}`), ...fates.map((fate) => `  → ${fateText(fate)}`)]
}

function isOfField({ isCodec, text }: GraphDifference): boolean {
  return isCodec && text.includes('changed its field "')
}

function fateText({ what, outcome, because, entries, isPiece, address, isNamed, isChecked }: Fate): string {
  const counted = `${entries} ${entries === 1 ? 'entry' : 'entries'}`
  // What is stored of a step is counted as a whole: its records and the lists of their windows and times.
  const amount = entries === 0 ? '' : isPiece ? ` (in the ${counted} of its step)` : ` (${counted})`
  switch (outcome) {
    case 'kept':
      return `${what}${amount}: kept, ${because}`
    case 'migrated':
      return `${what}${amount}: migrated, ${because}${isChecked ? '; a value that does not fit refuses the run' : ''}`
    case 'dropped':
      return isNamed
        ? `${what}${amount}: dropped, ${because}`
        : `${what}${amount}: would be dropped, ${because} (dropState: '${address}')`
    case 'empty':
      return `${what}: begins empty, ${because}`
    case 'lacking':
      return `${what}: ${isNamed ? 'begins' : 'would begin'} empty beside what its step keeps (${counted}), ${because}${isNamed ? '' : ` (dropState: '${address}')`}`
  }
}

/** What to write to go on, in a program and on the command line. */
export function wayOn({ fates }: ChangePlan): string {
  const drops = [...new Set(fates.filter(isUnnamed).map(({ address }) => address))]
  const inProgram = drops.length === 0 ? '' : `, dropState: [${drops.map((drop) => `'${drop}'`).join(', ')}]`
  const flags = drops.map((drop) => ` --drop-state '${drop}'`).join('')
  return `onChange: 'migrate'${inProgram} (on the command line --on-change migrate${flags})`
}

/** Whether something would be dropped or lacking of which nobody has said so. */
export function isUnnamed({ outcome, isNamed }: Fate): boolean {
  return (outcome === 'dropped' || outcome === 'lacking') && !isNamed
}
