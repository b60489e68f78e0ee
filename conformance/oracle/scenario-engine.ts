/**
 * Who plays scenarios instead of the direct runner, and what that takes of an engine that exists already: it has a clock of its
 * own, goes on with a script while what stands behind it is at work, and knows windows by name.
 */
import { customWindows, type Pipeline, type PipelineResult, UnsupportedFeature, type WindowFn } from 'millrace'
import type { Scenario } from './scenario.js'

/** Who plays scenarios. */
export interface ScenarioEngine {
  readonly name: string
  readonly run: (p: Pipeline) => Promise<PipelineResult>
  /**
   * So long it must have given no pane until an event counts as over, since no message tells that. Absent where an event happens
   * when everything before it has been processed.
   */
  readonly quietMillis?: number
}

/** Refuses triggers that wait for the clock: a scenario's clock stands still until an event moves it, an engine's does not. */
export function refuseClock({ trigger }: Scenario, { name, quietMillis }: ScenarioEngine): void {
  if (quietMillis === undefined || !namesClock(trigger)) return
  throw new UnsupportedFeature(
    'MR-6001',
    'testStream.processingTime',
    `the ${name} runner does not support testStream.processingTime: the trigger has AfterProcessingTime, and the clock of the engine is nobody's to set. Answer this line with --runners direct.`,
  )
}

function namesClock(part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return false
  return (
    (part as { readonly trigger?: unknown }).trigger === 'AfterProcessingTime' || Object.values(part).some(namesClock)
  )
}

/** Windows of the recording, whose arithmetic is Java's: an engine is told a name, and assigns windows of a name by its own. */
export function windowsOnEngine(windowFn: WindowFn): WindowFn {
  const { kind } = windowFn.payload
  if (kind !== 'fixed' && kind !== 'sliding') return windowFn
  return customWindows({
    name: `recorded ${windowFn.description}`,
    assign: ({ timestamp }) => [windowFn.assign(timestamp)].flat(),
    assignsToOneWindow: windowFn.assignsToOneWindow,
  })
}

/** Waits until the engine has given no pane for its time of quiet. */
export async function settled(quietMillis: number, seenAt: () => number): Promise<void> {
  const began = performance.now()
  for (;;) {
    const left = Math.max(began, seenAt()) + quietMillis - performance.now()
    if (left <= 0) return
    await new Promise((resolve) => setTimeout(resolve, left))
  }
}
