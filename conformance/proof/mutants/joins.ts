/**
 * Mutants of joins: pairs, those without a partner, versions.
 */
import type { Mutant } from './mutant.js'

/** The list. */
export const joins: readonly Mutant[] = [
  {
    name: 'pairs-when-the-second-came',
    breaks: 'a pair has the later timestamp, whichever came first',
    file: 'sdk/transforms/joins/join-within.ts',
    from: 'Math.max(timestamp, at)',
    to: 'timestamp',
    caughtBy: ['JOIN-02'],
  },
  {
    name: 'intervals-without-their-end',
    breaks: 'the ends of an interval belong to it',
    file: 'sdk/transforms/joins/join-within.ts',
    from: 'justAfter(addMillis(timestamp, after))',
    to: 'addMillis(timestamp, after)',
    caughtBy: ['JOIN-01/inner'],
  },
  {
    name: 'no-patience-for-late-partners',
    breaks: 'elements are kept until the last partner within the lateness may have come',
    file: 'sdk/transforms/joins/join-within.ts',
    from: '[1] + lateness',
    to: '[1] + 0 * lateness',
    caughtBy: ['JOIN-04'],
  },
  {
    name: 'alone-for-ever',
    breaks: 'an element that has found a partner is not without one',
    file: 'sdk/transforms/joins/join-within.ts',
    from: 'if (rest.length === all.length) return',
    to: 'if (rest.length <= all.length) return',
    caughtBy: ['JOIN-01/full'],
  },
  {
    name: 'the-lonely-hold-nothing',
    breaks: 'an element that waits for a partner holds the watermark',
    file: 'sdk/transforms/joins/join-within.ts',
    from: 'holdsWatermark: true',
    to: 'holdsWatermark: false',
    caughtBy: ['JOIN-05'],
  },
  {
    name: 'late-elements-find-partners',
    breaks: 'an element behind the watermark by more than the lateness is dropped',
    file: 'sdk/transforms/joins/join-within.ts',
    from: 'addMillis(timestamp, lateness) < timers.due.currentRelativeTime',
    to: 'addMillis(timestamp, lateness) < -Infinity',
    caughtBy: ['JOIN-04/too-late'],
  },
  {
    name: 'versions-hold-later',
    breaks: 'a version holds from its own timestamp on',
    file: 'sdk/transforms/joins/join-as-of.ts',
    from: 'version.timestamp <= timestamp',
    to: 'version.timestamp < timestamp',
    caughtBy: ['JOIN-07'],
  },
  {
    name: 'versions-used-once',
    breaks: 'a version is kept until a newer one holds',
    file: 'sdk/transforms/joins/join-as-of.ts',
    from: 'if (!isEnd && newest.value !== undefined',
    to: 'if (isEnd && newest.value !== undefined',
    caughtBy: ['JOIN-07'],
  },
  {
    name: 'old-versions-win',
    breaks: 'of the versions of a row the newest by timestamp counts',
    file: 'sdk/transforms/joins/join-tables.ts',
    from: 'timestamp < current.timestamp',
    to: 'timestamp < -Infinity',
    caughtBy: ['JOIN-09'],
  },
  {
    name: 'insertions-only',
    breaks: 'a row is retracted before another takes its place',
    file: 'sdk/transforms/joins/join-tables.ts',
    from: 'if (before !== undefined) emit(',
    to: 'if (before !== undefined && now === undefined) emit(',
    caughtBy: ['JOIN-09', 'JOIN-10'],
  },
]
