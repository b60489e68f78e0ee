/**
 * Every picture of the pages, drawn anew from runs on the direct runner.
 */
import { record } from './recording.js'
import { TIME_TIME } from './scenes.js'
import { sidePicture } from './sides.js'
import { splitPicture } from './splits.js'
import { bundlesPicture, fusionPicture } from './stages.js'
import { drawTimeTime } from './time-time.js'
import { timerPicture } from './timers.js'
import { windowPictures } from './windows.js'

/** The folder of the pictures, from the root. */
export const PICTURES_FOLDER = 'docs/pictures'

/** The pictures as SVG, by the name of their file without its ending. */
export async function drawPictures(): Promise<ReadonlyMap<string, string>> {
  const drawn = new Map<string, string>()
  for (const [name, { scene, drawing }] of Object.entries(TIME_TIME))
    drawn.set(name, drawTimeTime(await record(scene), drawing))
  for (const [name, svg] of await windowPictures()) drawn.set(name, svg)
  drawn.set('state-and-timers', await timerPicture())
  drawn.set('fusion', fusionPicture())
  drawn.set('bundles', await bundlesPicture())
  drawn.set('splittable-source', await splitPicture())
  drawn.set('side-inputs', await sidePicture())
  return drawn
}
