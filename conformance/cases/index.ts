/**
 * Every case there is, by module. A case is addressed as (module, id), so that any process can rebuild it.
 *
 * Law: an id stands in one module; modules are loaded when they are asked for.
 */
import type { ConformanceCase } from './case.js'

/** A module of cases. */
export interface Area {
  /** The catalogue's areas that the module has cases of. */
  readonly areas: readonly string[]
  /** Loads the module. */
  readonly load: () => Promise<{ readonly cases: readonly ConformanceCase[] }>
}

/** Modules of cases, in the catalogue's order. Add a line for a new file. */
export const modules: ReadonlyMap<string, Area> = new Map<string, Area>([
  ['create', { areas: ['CRE'], load: () => import('./create.js') }],
  ['par-do', { areas: ['PDO'], load: () => import('./par-do.js') }],
  ['life-cycle', { areas: ['LIF', 'BUN'], load: () => import('./life-cycle.js') }],
  ['timestamps', { areas: ['TSX'], load: () => import('./timestamps.js') }],
  ['group-by-key', { areas: ['GBK'], load: () => import('./group-by-key.js') }],
  ['co-group-by-key', { areas: ['CGB'], load: () => import('./co-group-by-key.js') }],
  ['combine', { areas: ['CMB'], load: () => import('./combine.js') }],
  ['combiners', { areas: ['CMB'], load: () => import('./combiners.js') }],
  ['flatten', { areas: ['FLT', 'PRT'], load: () => import('./flatten.js') }],
  ['windows', { areas: ['WIN'], load: () => import('./windows.js') }],
  ['watermarks', { areas: ['WMK'], load: () => import('./watermarks.js') }],
  ['triggers-basic', { areas: ['TRG'], load: () => import('./triggers-basic.js') }],
  ['triggers-composite', { areas: ['TRG'], load: () => import('./triggers-composite.js') }],
  ['triggers-sessions', { areas: ['TRG'], load: () => import('./triggers-sessions.js') }],
  ['panes', { areas: ['PAN', 'TSC'], load: () => import('./panes.js') }],
  ['accumulation', { areas: ['ACC'], load: () => import('./accumulation.js') }],
  ['lateness', { areas: ['LAT'], load: () => import('./lateness.js') }],
  ['safety', { areas: ['SAF'], load: () => import('./safety.js') }],
  ['state', { areas: ['STA'], load: () => import('./state.js') }],
  ['state-kinds', { areas: ['STA'], load: () => import('./state-kinds.js') }],
  ['state-lifetime', { areas: ['STA'], load: () => import('./state-lifetime.js') }],
  ['side-inputs', { areas: ['SID'], load: () => import('./side-inputs.js') }],
  ['side-inputs-in-time', { areas: ['SID'], load: () => import('./side-inputs-in-time.js') }],
  ['joins', { areas: ['JOIN'], load: () => import('./joins.js') }],
  ['wait', { areas: ['WAI'], load: () => import('./wait.js') }],
  ['timers', { areas: ['TMR'], load: () => import('./timers.js') }],
  ['timer-limits', { areas: ['TMR'], load: () => import('./timer-limits.js') }],
  ['timer-outputs', { areas: ['TMR'], load: () => import('./timer-outputs.js') }],
  ['window-expiration', { areas: ['OWE'], load: () => import('./window-expiration.js') }],
  ['input-properties', { areas: ['RSI'], load: () => import('./input-properties.js') }],
  ['boundedness', { areas: ['BND'], load: () => import('./boundedness.js') }],
  ['fault-tolerance', { areas: ['FTO'], load: () => import('./fault-tolerance.js') }],
  ['splittable', { areas: ['SDF'], load: () => import('./splittable.js') }],
  ['splittable-elements', { areas: ['SDF'], load: () => import('./splittable-elements.js') }],
  ['splittable-life', { areas: ['SDF', 'CRE'], load: () => import('./splittable-life.js') }],
  ['reshuffle', { areas: ['RSH'], load: () => import('./reshuffle.js') }],
  ['consistency', { areas: ['ICO'], load: () => import('./consistency.js') }],
  ['output-modes', { areas: ['MOD'], load: () => import('./output-modes.js') }],
  ['retracting', { areas: ['ACC'], load: () => import('./retracting.js') }],
  ['metrics', { areas: ['MET'], load: () => import('./metrics.js') }],
  ['options', { areas: ['DSP'], load: () => import('./options.js') }],
  ['coders', { areas: ['COD'], load: () => import('./coders.js') }],
  ['schemas', { areas: ['SCH'], load: () => import('./schemas.js') }],
  ['testing', { areas: ['PAS', 'TST'], load: () => import('./testing.js') }],
  ['library-transforms', { areas: ['LIB'], load: () => import('./library-transforms.js') }],
  ['library-streams', { areas: ['LIB'], load: () => import('./library-streams.js') }],
  ['errors', { areas: ['ERR'], load: () => import('./errors.js') }],
  ['failing-for-ever', { areas: ['ERR'], load: () => import('./failing-for-ever.js') }],
])

/** The cases of a module. @throws when there is no such module. */
export async function casesOf(module: string): Promise<readonly ConformanceCase[]> {
  const area = modules.get(module)
  if (area === undefined)
    throw new Error(`there is no module of cases "${module}". Modules: ${[...modules.keys()].join(', ')}.`)
  return (await area.load()).cases
}

/** A case by its address. @throws when it does not exist. */
export async function loadCase(module: string, id: string): Promise<ConformanceCase> {
  const found = (await casesOf(module)).find((each) => each.id === id)
  if (found === undefined) throw new Error(`module "${module}" has no case ${id}.`)
  return found
}
