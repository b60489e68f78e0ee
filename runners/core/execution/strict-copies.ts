/**
 * Elements that go from stage to stage in strict mode: through their coders, as they would between machines.
 */
import { decodeFromBytes, encodeToBytes } from '../../../sdk/coders/index.js'
import type { PaneInfo } from '../../../sdk/windowing/pane-info.js'
import type { BoundedWindow, Windows } from '../../../sdk/windowing/window.js'
import { windowCoderOf } from '../../../sdk/windowing/window-coder.js'
import type { Push } from '../element-buffer.js'
import type { Output } from '../stage.js'
import type { StageCoders } from './stage-coders.js'

/** Copies an element of an output so that nothing is shared. */
export function copying(
  coders: StageCoders,
  output: Output,
): (value: unknown, timestamp: number, windows: Windows, pane: PaneInfo) => Parameters<Push> {
  const coder = coders.of(output.coderId)
  const { windowFn } = coders.strategyOf(output.collectionId)
  const windowCoder = windowFn.data === undefined ? undefined : windowCoderOf(windowFn)
  const copyOfWindows = (windows: Windows): Windows => {
    if (windowCoder === undefined) return windows
    const copyOf = (window: BoundedWindow): BoundedWindow =>
      decodeFromBytes(windowCoder, encodeToBytes(windowCoder, window))
    return Array.isArray(windows) ? (windows as readonly BoundedWindow[]).map(copyOf) : copyOf(windows as BoundedWindow)
  }
  return (value, timestamp, windows, pane) => [
    decodeFromBytes(coder, encodeToBytes(coder, value)),
    timestamp,
    copyOfWindows(windows),
    pane,
  ]
}
