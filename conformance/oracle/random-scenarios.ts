/**
 * Random scenarios: a windowing strategy and a script of events, small enough to be read when one of them fails.
 *
 * Law: a seed decides everything. Triggers are those that Beam Java lets an author write (only triggers that fire once may be
 * early, late, `until` or parts of AfterFirst and AfterAll) and that a grouping accepts. Watermarks fall on window ends,
 * expiries and timestamps as often as chance has it: a window is over when the watermark has *passed* its last instant.
 */
import { type Draw, drawOf } from '../proof/draw.js'
import type { RecordedScenario } from './reference/scenario-text.js'
import type { ScriptElement, ScriptEvent, Strategy, Trigger, WindowFn } from './reference/script.js'

/** The scenario of a seed. */
export function scenarioOf(seed: number): RecordedScenario {
  const draw = drawOf(seed)
  const windowFn = windowFnOf(draw)
  const allowedLateness = draw.pick([0, 0, 3, 10, 40, 1_000_000])
  const always = ['FIRE_ALWAYS', 'FIRE_IF_NON_EMPTY'] as const
  return {
    id: `r${seed}`,
    windowFn,
    trigger: acceptedTriggerOf(draw, windowFn, allowedLateness),
    allowedLateness,
    accumulationMode: draw.pick(['ACCUMULATING_FIRED_PANES', 'DISCARDING_FIRED_PANES'] as const),
    timestampCombiner: draw.pick(['END_OF_WINDOW', 'EARLIEST', 'LATEST'] as const),
    closingBehavior: draw.pick(always),
    onTimeBehavior: draw.pick(always),
    operation: draw.pick(['GroupByKey', 'SumPerKey'] as const),
    events: eventsOf(draw),
  }
}

function windowFnOf(draw: Draw): WindowFn {
  const size = draw.int(1, 24)
  switch (draw.pick(['global', 'fixed', 'fixed', 'sliding', 'sliding', 'sessions', 'sessions', 'sessions'] as const)) {
    case 'global':
      return { windowFn: 'GlobalWindows' }
    case 'fixed':
      return { windowFn: 'FixedWindows', size, offset: draw.chance(0.3) ? draw.int(0, size - 1) : 0 }
    case 'sliding': {
      const dividing = [size, size * 2, size * 3]
      const [slide, period] = draw.chance(0.5)
        ? [draw.pick(dividing), size]
        : [Math.max(size, 4), draw.int(Math.ceil(size / 4), size)]
      return { windowFn: 'SlidingWindows', size: slide, period, offset: draw.chance(0.3) ? draw.int(0, period - 1) : 0 }
    }
    case 'sessions':
      return { windowFn: 'Sessions', gap: draw.int(1, 15) }
  }
}

// ---- triggers -------------------------------------------------------------------------------------------------------

function acceptedTriggerOf(draw: Draw, windowFn: WindowFn, allowedLateness: number): Trigger {
  const trigger = draw.chance(0.1) ? ({ trigger: 'Default' } as const) : triggerOf(draw, 3)
  return isAccepted({ windowFn, trigger, allowedLateness }) ? trigger : { trigger: 'Repeatedly', of: trigger }
}

function triggerOf(draw: Draw, depth: number): Trigger {
  if (depth === 0) return onceTriggerOf(draw, 0)
  switch (
    draw.pick(['once', 'watermark', 'watermark', 'watermark', 'repeatedly', 'repeatedly', 'each', 'or'] as const)
  ) {
    case 'once':
      return onceTriggerOf(draw, depth)
    case 'watermark':
      return {
        trigger: 'AfterWatermark',
        ...(draw.chance(0.6) ? { early: onceTriggerOf(draw, depth - 1) } : {}),
        ...(draw.chance(0.6) ? { late: onceTriggerOf(draw, depth - 1) } : {}),
      }
    case 'repeatedly':
      return { trigger: 'Repeatedly', of: triggerOf(draw, depth - 1) }
    case 'each':
      return { trigger: 'AfterEach', of: several(draw, () => triggerOf(draw, depth - 1)) }
    case 'or':
      return { trigger: 'OrFinally', main: triggerOf(draw, depth - 1), until: onceTriggerOf(draw, depth - 1) }
  }
}

/** A trigger that fires at most once. */
function onceTriggerOf(draw: Draw, depth: number): Trigger {
  switch (draw.pick(['pane', 'pane', 'delay', 'watermark', 'never', ...(depth > 0 ? ['first', 'all'] : [])])) {
    case 'delay':
      return { trigger: 'AfterProcessingTime', delay: draw.pick([0, 1, 5, 10]) }
    case 'watermark':
      return { trigger: 'AfterWatermark' }
    case 'never':
      return { trigger: 'Never' }
    case 'first':
      return { trigger: 'AfterFirst', of: several(draw, () => onceTriggerOf(draw, depth - 1)) }
    case 'all':
      return { trigger: 'AfterAll', of: several(draw, () => onceTriggerOf(draw, depth - 1)) }
    default:
      return { trigger: 'AfterPane', elementCountAtLeast: draw.int(1, 4) }
  }
}

function several(draw: Draw, part: () => Trigger): readonly Trigger[] {
  return Array.from({ length: draw.int(2, 3) }, part)
}

/**
 * Whether a grouping accepts a trigger. One that may finish while its window still takes elements would lose them, and the
 * default trigger would never answer in the global window.
 */
function isAccepted({
  windowFn,
  trigger,
  allowedLateness,
}: Pick<Strategy, 'windowFn' | 'trigger' | 'allowedLateness'>): boolean {
  if (trigger.trigger === 'Default') return windowFn.windowFn !== 'GlobalWindows'
  if (!mayFinish(trigger) || trigger.trigger === 'Never') return true
  return trigger.trigger === 'AfterWatermark' && allowedLateness === 0
}

function mayFinish(trigger: Trigger): boolean {
  switch (trigger.trigger) {
    case 'Default':
    case 'Repeatedly':
      return false
    case 'AfterWatermark':
      return trigger.late === undefined
    case 'AfterEach':
      return trigger.of.every(mayFinish)
    case 'OrFinally':
      return mayFinish(trigger.main) || mayFinish(trigger.until)
    default:
      return true
  }
}

// ---- events ---------------------------------------------------------------------------------------------------------

function eventsOf(draw: Draw): readonly ScriptEvent[] {
  const keys = ['a', 'b', 'c'].slice(0, draw.int(1, 3))
  const perBundle = draw.pick([1, 1, 4])
  let watermark = draw.pick([-100, 0, 0, 1_600_000_000_000])
  let value = 1
  const elementOf = (): ScriptElement => {
    // Powers of two, so that a sum says what is in it; a script has fewer elements than a number has bits.
    value *= 2
    return { key: draw.pick(keys), value, timestamp: watermark + draw.int(-25, 30) }
  }
  const events = Array.from({ length: draw.int(3, 10) }, (): ScriptEvent => {
    switch (draw.pick(['elements', 'elements', 'elements', 'watermark', 'watermark', 'clock'] as const)) {
      case 'elements':
        return { type: 'elements', elements: Array.from({ length: draw.int(1, perBundle) }, elementOf) }
      case 'watermark':
        return { type: 'watermark', timestamp: (watermark += draw.chance(0.1) ? draw.int(40, 90) : draw.int(1, 15)) }
      case 'clock':
        return { type: 'processingTime', advance: draw.pick([1, 5, 6, 11]) }
    }
  })
  return [...events, { type: 'watermark', timestamp: 'infinity' }]
}

// ---- shrinking ------------------------------------------------------------------------------------------------------

/** The smallest scenario that still fails, found by leaving things out one by one. */
export async function shrunk(
  scenario: RecordedScenario,
  fails: (smaller: RecordedScenario) => Promise<boolean>,
): Promise<RecordedScenario> {
  for (const smaller of smallerThan(scenario)) if (await fails(smaller)) return shrunk(smaller, fails)
  return scenario
}

function smallerThan(scenario: RecordedScenario): readonly RecordedScenario[] {
  const { events, trigger } = scenario
  const withEvents = (changed: readonly ScriptEvent[]): RecordedScenario => ({ ...scenario, events: changed })
  const without = <T>(items: readonly T[], n: number): readonly T[] => items.filter((_, i) => i !== n)
  const simpler: Partial<RecordedScenario>[] = [
    { operation: 'GroupByKey' },
    { timestampCombiner: 'END_OF_WINDOW' },
    { closingBehavior: 'FIRE_IF_NON_EMPTY' },
    { onTimeBehavior: 'FIRE_ALWAYS' },
    { accumulationMode: 'DISCARDING_FIRED_PANES' },
    { allowedLateness: 0 },
  ]
  return [
    ...events.slice(0, -1).map((_, n) => withEvents(without(events, n))),
    ...events.flatMap((event, n) =>
      event.type !== 'elements' || event.elements.length < 2
        ? []
        : event.elements.map((_, i) => withEvents(events.with(n, { ...event, elements: without(event.elements, i) }))),
    ),
    ...simplerTriggers(trigger).map((simple) => ({ ...scenario, trigger: simple })),
    ...simpler.map((change) => ({ ...scenario, ...change })),
  ].filter((smaller) => JSON.stringify(smaller) !== JSON.stringify(scenario) && isAccepted(smaller))
}

/** A trigger's parts, and the trigger with one part simpler. */
function simplerTriggers(trigger: Trigger): readonly Trigger[] {
  switch (trigger.trigger) {
    case 'Repeatedly':
      return [trigger.of, ...simplerTriggers(trigger.of).map((of) => ({ ...trigger, of }))]
    case 'AfterFirst':
    case 'AfterAll':
    case 'AfterEach':
      return [
        ...trigger.of,
        ...trigger.of.flatMap((part, n) =>
          simplerTriggers(part).map((of) => ({ ...trigger, of: trigger.of.with(n, of) })),
        ),
      ]
    case 'OrFinally':
      return [trigger.main, trigger.until, ...simplerTriggers(trigger.main).map((main) => ({ ...trigger, main }))]
    case 'AfterWatermark': {
      const { early, late } = trigger
      return [
        ...(early === undefined ? [] : [early, { trigger: trigger.trigger, ...(late === undefined ? {} : { late }) }]),
        ...(late === undefined ? [] : [late, { trigger: trigger.trigger, ...(early === undefined ? {} : { early }) }]),
        ...simplerTriggers(early ?? { trigger: 'Never' }).map((simple) => ({ ...trigger, early: simple })),
        ...simplerTriggers(late ?? { trigger: 'Never' }).map((simple) => ({ ...trigger, late: simple })),
      ]
    }
    default:
      return []
  }
}
