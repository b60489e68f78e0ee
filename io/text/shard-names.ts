/**
 * Names of the files that a write makes.
 *
 * Law: two shards, two windows or two panes of a window never share a name, and the name of a shard depends on nothing
 * but these and the path.
 */
import type { BoundedWindow } from '../../sdk/windowing/window.js'
import { globalWindow } from '../../sdk/windowing/window.js'

/** A path in its parts: `folder` ends in a separator or is empty, `extension` begins with a dot or is empty. */
export interface PathParts {
  readonly folder: string
  readonly base: string
  readonly extension: string
}

/** Takes a path apart; `suffix` says what its extension is. */
export function splitPath(path: string, suffix?: string): PathParts {
  const cut = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1
  const name = path.slice(cut)
  const folder = path.slice(0, cut)
  if (suffix !== undefined)
    return { folder, base: name.endsWith(suffix) ? name.slice(0, -suffix.length) : name, extension: suffix }
  // A packed file is known by two extensions.
  const packed = /(?<!^)\.[A-Za-z]\w*\.(gz|br)$/.exec(name)
  const dot = packed?.index ?? name.lastIndexOf('.')
  return dot <= 0
    ? { folder, base: name, extension: '' }
    : { folder, base: name.slice(0, dot), extension: name.slice(dot) }
}

/** The folder a path lies in, without a separator at its end unless it is the root. */
export function folderOf(path: string): string {
  const { folder } = splitPath(path)
  if (folder === '') return '.'
  return folder.length === 1 ? folder : folder.slice(0, -1)
}

/** What a name tells apart. */
export interface ShardId {
  readonly shard: number
  readonly window: BoundedWindow
  /** 0 for the first pane of the window. */
  readonly pane: number
  /** Counts those that have written files of this name before, this one included; left out for the first. */
  readonly turn?: number
}

/**
 * Path of a shard: `base-START-END-pane-N-00000-of-00003.ext`. The window is left out where it is the global one, the
 * pane where it is the first, the shard where there is only one, and whatever the path itself says already. Where earlier runs
 * have left files of the name there is `-r2` before the extension, and so on.
 */
export function shardPath(
  parts: PathParts,
  shards: number,
  { shard, window, pane, turn = 1 }: ShardId,
  said: { readonly window: boolean; readonly pane: boolean; readonly shard: boolean },
): string {
  const inWindow =
    said.window || window === globalWindow ? '' : `-${instantText(window.start)}-${instantText(window.end)}`
  const inPane = said.pane || pane === 0 ? '' : `-pane-${pane}`
  const ofShards = said.shard || shards === 1 ? '' : `-${fiveDigits(shard)}-of-${fiveDigits(shards)}`
  const inTurn = turn === 1 ? '' : `-r${turn}`
  return `${parts.folder}${parts.base}${inWindow}${inPane}${ofShards}${inTurn}${parts.extension}`
}

/** `00003`. */
export function fiveDigits(n: number): string {
  return String(n).padStart(5, '0')
}

/** `20010131T093000Z`, or `20010131T093000_250Z`: sorts by time, and has no character that a file system refuses. */
export function instantText(timestamp: number): string {
  if (Math.abs(timestamp) > 8.64e15) return `${timestamp}ms`
  return new Date(timestamp)
    .toISOString()
    .replace(/[-:]|\.000/g, '')
    .replace('.', '_')
}
