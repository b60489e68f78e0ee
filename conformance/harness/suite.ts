/**
 * The suite: every case of every module on a runner, one after the other, with the wrong cases that must be rejected.
 */
import { PipelineError } from 'millrace'
import { casesOf, modules } from '../cases/index.js'
import type { ConformanceCase } from '../cases/case.js'
import { type LeftOutRow, leftOutRows } from '../cases/left-out.js'
import { WRONG } from './case-module.js'
import { type CaseReport, runCase, type Setting } from './run-case.js'
import { rejectionReport, wrongCases } from './wrong-cases.js'

/** A case and where it is found. */
export interface AddressedCase {
  /** Module of cases. */
  readonly module: string
  /** The catalogue's area, such as `TRG`; `WRONG` for the cases that the harness must reject. */
  readonly area: string
  readonly id: string
  readonly name: string
  /** What it is; absent for one that must be rejected. */
  readonly of?: ConformanceCase
  /** Runs it. Never rejects. */
  readonly run: (setting: Setting) => Promise<CaseReport>
}

/**
 * All cases, in the catalogue's order, or those chosen.
 *
 * @param only ids, or how they begin, separated by commas: `TRG-15`, `TRG`, `PDO-0,LIF`. An id also stands for its suffixes.
 * @throws when there is no such case.
 */
export async function listCases(only?: string): Promise<readonly AddressedCase[]> {
  const listed: AddressedCase[] = []
  for (const module of modules.keys()) {
    for (const of of await casesOf(module)) {
      listed.push({
        module,
        area: areaOf(of),
        id: of.id,
        name: of.name,
        of,
        run: (setting) => runCase(of, setting, module),
      })
    }
  }
  for (const wrong of wrongCases) {
    const { id, name } = wrong.of
    listed.push({ module: WRONG, area: 'WRONG', id, name, run: (setting) => rejectionReport(wrong, alone(setting)) })
  }
  if (only === undefined) return listed
  const chosen = new Set(only.split(',').flatMap((begin) => beginningWith(begin.trim(), listed)))
  return listed.filter((each) => chosen.has(each))
}

/** Rows of the catalogue that have no case, as `only` chooses cases. */
export function leftOutOf(only?: string): readonly LeftOutRow[] {
  const begins = only?.split(',').map((begin) => begin.trim()) ?? ['']
  return leftOutRows.filter(({ id }) => begins.some((begin) => id.startsWith(begin)))
}

function beginningWith(begin: string, listed: readonly AddressedCase[]): readonly AddressedCase[] {
  const exact = listed.filter(({ id }) => id === begin || id.startsWith(`${begin}/`))
  const chosen = exact.length > 0 ? exact : listed.filter(({ id }) => id.startsWith(begin))
  if (chosen.length > 0 && begin !== '') return chosen
  const areas = new Set(listed.map(({ area }) => area))
  throw new PipelineError(
    'MR-7017',
    `there is no case "${begin}", nor one that begins so. Areas: ${[...areas].join(', ')}.`,
  )
}

/** The area of an id. */
export function areaOf({ id }: Pick<ConformanceCase, 'id'>): string {
  return id.slice(0, id.indexOf('-'))
}

/** What is wrong with a case is said of one that has a job to itself. */
function alone(setting: Setting): Setting {
  return { ...setting, modes: setting.modes.map(({ shares: _, ...mode }) => mode) }
}
