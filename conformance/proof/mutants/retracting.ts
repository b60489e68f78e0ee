/**
 * Mutants of retracting accumulation: what is taken back, when, where, and by whom it is understood.
 */
import type { Mutant } from './mutant.js'

/** The list. */
export const retracting: readonly Mutant[] = [
  {
    name: 'retraction-forgotten',
    breaks: 'a pane takes back what its window said before',
    file: 'sdk/transforms/pane-memory.ts',
    from: '      emit(kv(key, kv(at, retract(before.value))), at.timestamp)\n',
    to: '',
    caughtBy: ['ACC-05'],
  },
  {
    name: 'retraction-of-the-new-value',
    breaks: 'what is taken back is what was said, not what is said now',
    file: 'sdk/transforms/pane-memory.ts',
    from: 'kv(at, retract(before.value))',
    to: 'kv(at, retract(pane.value))',
    caughtBy: ['ACC-05'],
  },
  {
    name: 'retracting-memory-lost-early',
    breaks: 'what a window said is remembered while late elements may change it',
    file: 'sdk/transforms/pane-memory.ts',
    from: 'const time = addMillis(maxTimestamp, allowedLatenessMillis)',
    to: 'const time = maxTimestamp',
    caughtBy: ['ACC-05'],
  },
  {
    name: 'retracting-panes-without-number',
    breaks: 'a pane is told by its number from one that has been seen',
    file: 'sdk/transforms/pane-memory.ts',
    from: ': { start, end, index, timestamp, isLast }',
    to: ': { start, end, index: 0, timestamp, isLast }',
    caughtBy: ['ACC-05'],
  },
  {
    name: 'retracting-what-holds-still',
    breaks: 'a pane that says the same again changes nothing',
    file: 'sdk/transforms/pane-memory.ts',
    from: '      if (isRepeated(before.value, pane.value)) return\n',
    to: '',
    caughtBy: ['ACC-05/same'],
  },
  {
    name: 'retracting-no-absorbed-sessions',
    breaks: 'what a session said is taken back when it has become part of another',
    file: 'sdk/transforms/pane-memory.ts',
    from: '      emit(kv(key, kv(pane.key, retract(pane.value))), time)\n',
    to: '',
    caughtBy: ['ACC-05/merging'],
  },
  {
    name: 'retracting-in-the-union',
    breaks: 'what an absorbed session said is taken back in that session',
    file: 'sdk/transforms/pane-memory.ts',
    from: 'kv(pane.key, retract(pane.value))',
    to: 'kv(at, retract(pane.value))',
    caughtBy: ['ACC-05/merging'],
  },
  {
    name: 'retracting-discards',
    breaks: 'the groupings under changes accumulate',
    file: 'sdk/transforms/retracting.ts',
    from: "accumulation: 'accumulating',",
    to: "accumulation: 'discarding',",
    caughtBy: ['ACC-05'],
  },
  {
    name: 'retractions-added',
    breaks: 'a combine of changes takes back what is retracted',
    file: 'sdk/transforms/combine-changes.ts',
    from: "kind === 'insert' ? of(value) : group.inverse(of(value))",
    to: 'of(value)',
    caughtBy: ['ACC-05/inverse', 'ACC-05/sum'],
  },
  {
    name: 'retractions-grouped',
    breaks: 'what would take a retraction for one more value is refused',
    file: 'sdk/transforms/groupable.ts',
    from: 'if (!builder.coders.hasChange(builder.collection(id).coderId)) return\n',
    to: 'return\n',
    caughtBy: ['ACC-05/refused'],
  },
]
