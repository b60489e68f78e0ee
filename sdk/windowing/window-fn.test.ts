import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { END_OF_GLOBAL_WINDOW, TIMESTAMP_MAX, TIMESTAMP_MIN } from '../time.js'
import { type BoundedWindow, globalWindow, IntervalWindow, sameWindow, type Windows } from './window.js'
import { fixedWindows, globalWindows, sessionWindows, slidingWindows, type WindowFn } from './window-fn.js'

/** `MILLRACE_SEED` repeats a failure. */
const seed = process.env['MILLRACE_SEED'] === undefined ? {} : { seed: Number(process.env['MILLRACE_SEED']) }

type Ends = readonly [start: number, end: number]

const listOf = (windows: Windows): readonly BoundedWindow[] =>
  Array.isArray(windows) ? (windows as readonly BoundedWindow[]) : [windows as BoundedWindow]
const ends = (windows: Windows): readonly Ends[] => listOf(windows).map(({ start, end }) => [start, end])
const windows = (...all: readonly Ends[]): IntervalWindow[] => all.map(([start, end]) => new IntervalWindow(start, end))
/** Unions as `start-end ← parts`, in the order of their starts. */
const unions = (fn: WindowFn, ...all: readonly Ends[]): readonly string[] =>
  fn
    .merge(windows(...all))
    .map(({ merged, parts }) => `${merged.start}-${merged.end} ← ${parts.map((p) => `${p.start}-${p.end}`).join(' ')}`)

describe('the windows of a timestamp', () => {
  it.each<[string, WindowFn, number, readonly Ends[]]>([
    ['fixed: the first timestamp of a window', fixedWindows(10), 20, [[20, 30]]],
    ['fixed: the last one', fixedWindows(10), 29, [[20, 30]]],
    ['fixed: before 1970', fixedWindows(10), -1, [[-10, 0]]],
    ['fixed: a border before 1970', fixedWindows(10), -10, [[-10, 0]]],
    ['fixed: one before that border', fixedWindows(10), -11, [[-20, -10]]],
    ['fixed with an offset: below it', fixedWindows(10, { offset: 3 }), 2, [[-7, 3]]],
    ['fixed with an offset: at it', fixedWindows(10, { offset: 3 }), 3, [[3, 13]]],
    ['fixed with an offset: before 1970', fixedWindows(10, { offset: 3 }), -8, [[-17, -7]]],
    ['fixed: an offset of more than the size', fixedWindows(10, { offset: 23 }), 3, [[3, 13]]],
    ['fixed: an offset of exactly the size', fixedWindows(10, { offset: 10 }), 3, [[0, 10]]],
    ['fixed: windows of a millisecond', fixedWindows(1), 7, [[7, 8]]],
    [
      'sliding: at a start, earliest window first',
      slidingWindows(10, { every: 5 }),
      10,
      [
        [5, 15],
        [10, 20],
      ],
    ],
    [
      'sliding: before 1970',
      slidingWindows(10, { every: 5 }),
      -1,
      [
        [-10, 0],
        [-5, 5],
      ],
    ],
    [
      'sliding with an offset',
      slidingWindows(10, { every: 5, offset: 2 }),
      6,
      [
        [-3, 7],
        [2, 12],
      ],
    ],
    ['sliding with an offset of more than the period', slidingWindows(5, { every: 5, offset: 12 }), 6, [[2, 7]]],
    // A period that does not divide the size: the number of windows changes within a period.
    [
      'sliding, not dividing: in three windows',
      slidingWindows(10, { every: 4 }),
      9,
      [
        [0, 10],
        [4, 14],
        [8, 18],
      ],
    ],
    [
      'sliding, not dividing: one later in two',
      slidingWindows(10, { every: 4 }),
      10,
      [
        [4, 14],
        [8, 18],
      ],
    ],
    ['sliding with gaps: the first timestamp', slidingWindows(4, { every: 10 }), 10, [[10, 14]]],
    ['sliding with gaps: the last one', slidingWindows(4, { every: 10 }), 13, [[10, 14]]],
    ['sliding with gaps: in the gap', slidingWindows(4, { every: 10 }), 14, []],
    ['sliding with gaps: the end of the gap', slidingWindows(4, { every: 10 }), 19, []],
    ['sliding with gaps: in a gap before 1970', slidingWindows(4, { every: 10 }), -1, []],
    ['sessions: a window of its own', sessionWindows(10), 7, [[7, 17]]],
    ['global: the beginning of time', globalWindows(), TIMESTAMP_MIN, [[TIMESTAMP_MIN, END_OF_GLOBAL_WINDOW + 1]]],
  ])('%s', (_, fn, timestamp, expected) => {
    expect(ends(fn.assign(timestamp))).toEqual(expected)
  })

  it.each<[string, WindowFn]>([
    ['fixed', fixedWindows(1000)],
    ['sliding', slidingWindows(1000, { every: 500 })],
    ['sessions', sessionWindows(1000)],
    ['global', globalWindows()],
  ])('%s windows end where the global window ends', (_, fn) => {
    for (const timestamp of [END_OF_GLOBAL_WINDOW, END_OF_GLOBAL_WINDOW - 1, END_OF_GLOBAL_WINDOW - 998]) {
      for (const window of listOf(fn.assign(timestamp))) {
        expect(window.maxTimestamp).toBeLessThanOrEqual(END_OF_GLOBAL_WINDOW)
        expect(window.start).toBeLessThanOrEqual(timestamp)
        expect(window.end).toBeGreaterThan(timestamp)
      }
    }
  })

  it('a window that only just fits is not cut', () => {
    expect(ends(sessionWindows(1000).assign(END_OF_GLOBAL_WINDOW - 999))).toEqual([
      [END_OF_GLOBAL_WINDOW - 999, END_OF_GLOBAL_WINDOW + 1],
    ])
    expect(ends(sessionWindows(1000).assign(END_OF_GLOBAL_WINDOW - 1000))).toEqual([
      [END_OF_GLOBAL_WINDOW - 1000, END_OF_GLOBAL_WINDOW],
    ])
  })

  it('a gap of all time still makes a session', () => {
    expect(ends(sessionWindows(TIMESTAMP_MAX).assign(5))).toEqual([[5, END_OF_GLOBAL_WINDOW + 1]])
  })
})

describe('at the ends of time', () => {
  it.each([
    [10, 10],
    [10, 5],
    [9, 3],
    [3, 1],
  ])('sliding windows of %d every %d are as many as anywhere', (size, every) => {
    const windows = slidingWindows(size, { every })
    for (const timestamp of [TIMESTAMP_MIN, TIMESTAMP_MIN + 1, TIMESTAMP_MIN + 7, 0]) {
      expect(windows.assign(timestamp)).toHaveLength(size / every)
    }
  })

  it.each<[string, WindowFn]>([
    ['fixed', fixedWindows(10, { offset: 3 })],
    ['sliding', slidingWindows(10, { every: 5 })],
  ])('%s windows do not depend on what was asked before', (_, used) => {
    const times = Array.from({ length: 40 }, (_, i) => (i < 20 ? TIMESTAMP_MIN + i : END_OF_GLOBAL_WINDOW + i - 30))
    const fresh = (timestamp: number) =>
      (used.payload.kind === 'fixed' ? fixedWindows(10, { offset: 3 }) : slidingWindows(10, { every: 5 })).assign(
        timestamp,
      )
    for (const timestamp of times) expect(used.assign(timestamp)).toEqual(fresh(timestamp))
  })

  it.each<[string, WindowFn]>([
    ['fixed', fixedWindows(10)],
    ['sliding', slidingWindows(10, { every: 5 })],
    ['session', sessionWindows(10)],
  ])('what comes after the last %s window is in it', (_, windowFn) => {
    for (const timestamp of [END_OF_GLOBAL_WINDOW, END_OF_GLOBAL_WINDOW + 1, TIMESTAMP_MAX - 5, TIMESTAMP_MAX]) {
      for (const { start, end } of [windowFn.assign(timestamp)].flat()) {
        expect(start).toBeLessThanOrEqual(END_OF_GLOBAL_WINDOW)
        expect(end).toBe(END_OF_GLOBAL_WINDOW + 1)
      }
    }
  })
})

describe('laws', () => {
  const timestamps = fc.array(fc.oneof(fc.integer({ min: -60, max: 60 }), fc.integer({ min: -1e15, max: 1e15 })), {
    minLength: 1,
    maxLength: 20,
  })
  const size = fc.integer({ min: 1, max: 25 })
  const offset = fc.integer({ min: 0, max: 60 })

  /** What the definition says, without any arithmetic of remainders: try every start there could be. */
  const slidingByDefinition = (timestamp: number, length: number, every: number, shift: number): readonly Ends[] => {
    const found: Ends[] = []
    for (let start = timestamp - length + 1; start <= timestamp; start++) {
      if ((((start - shift) % every) + every) % every === 0) found.push([start, start + length])
    }
    return found
  }

  it('sliding windows are all those, and only those, that contain the timestamp, whatever was asked before', () => {
    fc.assert(
      fc.property(timestamps, size, size, offset, (asked, length, every, shift) => {
        const fn = slidingWindows(length, { every, offset: shift })
        for (const timestamp of asked) {
          expect(ends(fn.assign(timestamp))).toEqual(slidingByDefinition(timestamp, length, every, shift))
        }
      }),
      seed,
    )
  })

  it('fixed windows are sliding windows whose period is their size, whatever was asked before', () => {
    fc.assert(
      fc.property(timestamps, size, offset, (asked, length, shift) => {
        const fn = fixedWindows(length, { offset: shift })
        for (const timestamp of asked) {
          expect(ends(fn.assign(timestamp))).toEqual(slidingByDefinition(timestamp, length, length, shift))
        }
      }),
      seed,
    )
  })

  it('the window lists of one period are not changed by what is asked later', () => {
    const fn = slidingWindows(10, { every: 5 })
    const first = fn.assign(12)
    const before = JSON.stringify(ends(first))
    for (const timestamp of [3, 100, -40, 12]) fn.assign(timestamp)
    expect(JSON.stringify(ends(first))).toBe(before)
  })
})

describe('sessions', () => {
  const gap = sessionWindows(10)

  it.each([
    ['one stays as it is', '0-10', []],
    ['overlapping ones unite', '0-10 9-19', ['0-19 ← 0-10 9-19']],
    ['touching ones stay apart', '0-10 10-20', []],
    ['a chain unites', '0-10 9-19 18-28', ['0-28 ← 0-10 9-19 18-28']],
    ['a bridge unites what it reaches', '12-22 0-10 5-15', ['0-22 ← 0-10 5-15 12-22']],
    ['one inside another', '0-30 5-15', ['0-30 ← 0-30 5-15']],
    ['the longest end counts, not the last', '0-30 5-15 20-25 29-39', ['0-39 ← 0-30 5-15 20-25 29-39']],
    ['same start, other end', '0-20 0-10', ['0-20 ← 0-10 0-20']],
    ['two bursts, a lonely one between', '0-10 5-15 20-30 40-50 45-55', ['0-15 ← 0-10 5-15', '40-55 ← 40-50 45-55']],
    ['a touching one at the end of a burst', '0-10 5-15 15-25', ['0-15 ← 0-10 5-15']],
  ])('%s, in any order', (_, text, expected) => {
    const all = text.split(' ').map((span) => span.split('-').map(Number) as unknown as Ends)
    expect(unions(gap, ...all)).toEqual(expected)
    expect(unions(gap, ...all.reverse())).toEqual(expected)
  })

  it('nothing, and what lies before 1970, merges like everything else', () => {
    expect(unions(gap)).toEqual([])
    expect(unions(gap, [-10, 0], [-1, 9])).toEqual(['-10-9 ← -10-0 -1-9'])
  })

  it('merging at once and merging bit by bit give the same sessions', () => {
    const extents = (active: readonly BoundedWindow[]): readonly BoundedWindow[] => {
      const merges = gap.merge(active)
      const gone = merges.flatMap(({ parts }) => parts)
      return [...active.filter((window) => !gone.includes(window)), ...merges.map(({ merged }) => merged)]
    }
    const distinct = (active: readonly BoundedWindow[]): readonly string[] =>
      [...new Set(active.map(({ start, end }) => `${start}-${end}`))].sort()
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 12 }), (timestamps) => {
        const own = [...new Set(timestamps)].map((timestamp) => gap.assign(timestamp) as BoundedWindow)
        const atOnce = extents(own)
        const bitByBit = own.reduce<readonly BoundedWindow[]>((active, window) => extents([...active, window]), [])
        expect(distinct(bitByBit)).toEqual(distinct(atOnce))
        // Elements are in one session exactly when a path of steps shorter than the gap leads from one to the other.
        const sorted = [...new Set(timestamps)].sort((a, b) => a - b)
        const bursts = sorted.filter((t, i) => i === 0 || t - (sorted[i - 1] as number) >= 10).length
        expect(atOnce).toHaveLength(bursts)
      }),
      seed,
    )
  })

  it('merging changes none of the windows it is given', () => {
    const given = Object.freeze(windows([5, 15], [0, 10]))
    gap.merge(given)
    expect(ends(given)).toEqual([
      [5, 15],
      [0, 10],
    ])
  })

  it.each<[string, WindowFn]>([
    ['fixed', fixedWindows(10)],
    ['sliding', slidingWindows(10, { every: 5 })],
    ['global', globalWindows()],
  ])('%s windows never merge', (_, fn) => {
    expect(fn.merges).toBe(false)
    expect(unions(fn, [0, 10], [5, 15])).toEqual([])
  })
})

describe('the side input window of a main window', () => {
  it.each<[string, WindowFn, Ends, Ends]>([
    ['fixed: that of the main window’s last timestamp', fixedWindows(10), [0, 30], [20, 30]],
    ['fixed: a smaller main window', fixedWindows(10), [20, 25], [20, 30]],
    ['fixed: with an offset', fixedWindows(10, { offset: 5 }), [0, 10], [5, 15]],
    ['sliding: the earliest that contains the end', slidingWindows(10, { every: 5 }), [0, 10], [0, 10]],
    ['sliding: an end between two starts', slidingWindows(10, { every: 5 }), [0, 12], [5, 15]],
    ['sliding: an end at a start', slidingWindows(10, { every: 5 }), [0, 11], [5, 15]],
  ])('%s', (_, fn, [start, end], expected) => {
    expect(ends(fn.sideInputWindow(new IntervalWindow(start, end)))).toEqual([expected])
  })

  it('is the global window under global windows', () => {
    expect(globalWindows().sideInputWindow(new IntervalWindow(0, 5))).toBe(globalWindow)
  })

  it('is not to be had in a gap, nor under sessions', () => {
    expect(() => slidingWindows(4, { every: 10 }).sideInputWindow(new IntervalWindow(0, 10))).toThrow(
      /no sliding windows of 4 ms every 10 ms contains the end of \[1970/,
    )
    expect(() => sessionWindows(4).sideInputWindow(globalWindow)).toThrow(/session windows cannot be read/)
  })
})

describe('construction', () => {
  it.each<[string, () => WindowFn, RegExp]>([
    ['no size', () => fixedWindows(0), /size of fixed windows must be at least 1 millisecond, but is 0/],
    ['half a millisecond', () => fixedWindows(0.5), /at least 1 millisecond, but is 0\.5/],
    ['a negative offset', () => fixedWindows(10, { offset: -1 }), /offset of fixed windows must be .*non-negative/],
    ['an endless size', () => fixedWindows(Number.POSITIVE_INFINITY), /size of fixed windows must be a finite/],
    ['a sliding size of nothing', () => slidingWindows(0, { every: 1 }), /size of sliding windows/],
    ['a period of nothing', () => slidingWindows(1, { every: 0 }), /period of sliding windows/],
    ['no gap', () => sessionWindows(0), /gap of session windows must be at least 1 millisecond/],
    ['no duration', () => sessionWindows('soon' as never), /gap of session windows "soon" is not a duration/],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message)
  })

  it.each<[WindowFn, string, object]>([
    [globalWindows(), 'the global window', { kind: 'global' }],
    [fixedWindows('1 second'), 'fixed windows of 1 s', { kind: 'fixed', sizeMillis: 1000, offsetMillis: 0 }],
    [
      fixedWindows(10, { offset: 13 }),
      'fixed windows of 10 ms, offset 3 ms',
      { kind: 'fixed', sizeMillis: 10, offsetMillis: 3 },
    ],
    [
      slidingWindows(10, { every: 4, offset: 9 }),
      'sliding windows of 10 ms every 4 ms',
      { kind: 'sliding', sizeMillis: 10, periodMillis: 4, offsetMillis: 1 },
    ],
    [sessionWindows(10), 'sessions with a gap of 10 ms', { kind: 'sessions', gapMillis: 10 }],
  ])('%#: a WindowFn says what it is', (fn, description, payload) => {
    expect(fn.description).toBe(description)
    expect(fn.payload).toEqual(payload)
  })
})

describe('a window', () => {
  it('is the same as another when both ends are', () => {
    const [a, b, c, d] = windows([0, 10], [0, 10], [0, 11], [1, 10]) as [
      IntervalWindow,
      IntervalWindow,
      IntervalWindow,
      IntervalWindow,
    ]
    expect([sameWindow(a, b), sameWindow(a, c), sameWindow(a, d)]).toEqual([true, false, false])
    expect(sameWindow(globalWindow, new IntervalWindow(globalWindow.start, globalWindow.end))).toBe(true)
  })

  it('ends one millisecond after its last timestamp', () => {
    expect(new IntervalWindow(0, 10).maxTimestamp).toBe(9)
    expect(globalWindow.maxTimestamp).toBe(globalWindow.end - 1)
  })

  it('names its ends for people, also where no Date reaches', () => {
    expect(new IntervalWindow(0, 1000).toString()).toBe('[1970-01-01T00:00:00.000Z, 1970-01-01T00:00:01.000Z)')
    expect(new IntervalWindow(TIMESTAMP_MIN, TIMESTAMP_MAX).toString()).toBe('[-∞, +∞)')
    expect(new IntervalWindow(8.64e15 + 1, END_OF_GLOBAL_WINDOW).toString()).toBe(
      '[8640000000000001 ms, end of the global window)',
    )
    expect(globalWindow.toString()).toBe('the global window')
  })
})
