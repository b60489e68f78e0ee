/**
 * What may be viewed: a view refuses a windowing of which no step could ever read a window, at the author's line.
 *
 * Law: as for groupings (`groupable.ts`), the rules are those of Beam Java, and the message names what the author wrote.
 */
import type { CollectionRef } from '../graph/builder.js'
import { refuse } from '../refuse.js'

/**
 * Refuses a view that would never be complete, or of windows that belong to no main element.
 *
 * @param isMapped whether its author says which window belongs to a main element's.
 */
export function checkViewable(input: CollectionRef, path: string, isMapped: boolean): void {
  const { builder, id } = input
  const { windowFn, trigger } = builder.strategyOf(input)
  if (!isMapped && windowFn.merges && windowFn.mapsMainWindows !== true) {
    const [what, fix] =
      windowFn.payload.kind === 'custom'
        ? ['merging windows', ', or give sideInputWindow to customWindows']
        : ['session windows', '']
    refuse(
      'MR-2013',
      `view "${path}" has ${what}, and no ${what === 'session windows' ? 'session' : 'merging window'} belongs to a main element's window. Put the collection into other windows before viewing it${fix}.`,
      path,
    )
  }
  if (windowFn.payload.kind === 'global' && trigger.kind === 'default' && !builder.collection(id).isBounded) {
    refuse(
      'MR-2014',
      `view "${path}" shows an unbounded collection in the global window, which is complete only at the end of time, so a step that reads it would wait for ever. Put windowInto(name, fixedWindows(…)) or another window before it.`,
      path,
    )
  }
}
