/**
 * What a window gives once and for all: the output of its first pane. Later panes, of late elements or of triggers that fire
 * again, would give it once more.
 *
 * Law: of the panes of a key and window only the first comes through.
 */
import type { CollectionRef } from '../graph/builder.js'
import { reservedName } from '../graph/builder.js'
import { addOwnStep } from './own-step.js'

/** The collection without panes that follow others; itself, where none can. */
export function addFirstPanes(grouped: CollectionRef): CollectionRef {
  const { builder, id } = grouped
  const { trigger, allowedLatenessMillis } = builder.strategyOf(grouped)
  if (trigger.kind === 'default' && allowedLatenessMillis === 0) return grouped
  return addOwnStep(grouped, reservedName('first'), {
    coderId: builder.collection(id).coderId,
    process: (element, { pane, emit }) => {
      if (pane.isFirst) emit(element)
    },
  })
}
