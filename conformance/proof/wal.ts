/**
 * Lane `wal`: whatever a crash, a failing disk or a cut leaves of a checkpoint, it is a prefix of the batches, or refused by name.
 *
 * Claims, for a story that the seed tells:
 *
 * - SQLite files, copied at random moments, with a write-ahead log cut at any byte, with bytes changed, or with garbage at its end: with the
 *   head of the same moment everything that was acknowledged is there, or the file is refused by name; with the head of the beginning (a loss
 *   of power) it is a prefix of the batches, whole, or refused.
 * - A modelled disk whose n-th write or fsync fails, or that is full, and then loses its power or not: what was acknowledged is there, and
 *   the run goes on. Each seed takes every 16th n; 16 seeds in a row take all.
 *
 * `npm run proof -- wal [--seeds n] [--from seed]`; a failure prints its seed, and `--from seed --seeds 1` repeats it.
 */
import { seededRandom } from 'millrace'
import { ModelDisk } from '../../runners/micro-batch/store/model-disk.js'
import { MemoryBench, SqliteBench } from '../support/store-bench.js'
import { isRefusal, judged, recovered, tellStory } from '../support/store-story.js'
import { type Draw, drawOf, thrownText } from './draw.js'

/** Cuts of each seed; 800 seeds make 20,000. */
export const CUTS = 25
const MODEL_STRIDE = 16

/** What is wrong with a seed, in words; `undefined` when nothing is. */
export async function faultOf(seed: number): Promise<string | undefined> {
  return (await cutFault(seed)) ?? (await modelFault(seed))
}

/** A moment of a story. */
interface Moment {
  readonly image: SqliteBench
  /** Batches that were acknowledged. */
  readonly least: number
}

async function cutFault(seed: number): Promise<string | undefined> {
  const draw = drawOf(seed)
  const bench = new SqliteBench(draw.pick([300, 2_000, 1 << 20]))
  try {
    let least = 0
    const moments: Moment[] = []
    let head: Uint8Array | undefined
    bench.onCrashPoint = () => {
      if (head === undefined && bench.files().includes('head')) bench.damage('head', (bytes) => (head = bytes))
      if (draw.chance(0.15)) moments.push({ image: bench.image(), least })
    }
    await tellStory(bench, { batches: draw.int(4, 14), seed, onCommit: (batch) => (least = batch) })
    bench.onCrashPoint = undefined
    moments.push({ image: bench.image(), least })
    for (let cut = 0; cut < CUTS; cut++) {
      const moment = draw.pick(moments)
      const image = moment.image.image()
      const what = cutOf(draw, image)
      const isPowerLoss = draw.chance(0.5) && head !== undefined && image.files().includes('head')
      if (isPowerLoss) image.damage('head', () => head)
      let fault: string | undefined
      try {
        fault = await judged(image, isPowerLoss ? 0 : moment.least, moment.least + 1, seed)
      } catch (error) {
        if (!isRefusal(error)) fault = thrownText(error)
      }
      await image.end()
      if (fault !== undefined) {
        const where = `cut ${cut} after batch ${moment.least}${isPowerLoss ? ' with the first head' : ''}`
        return `seed ${seed}, ${where}, ${what}: ${fault}`
      }
    }
    return undefined
  } finally {
    await bench.end()
  }
}

/** Cuts a write-ahead log, and says what it did. */
function cutOf(draw: Draw, image: SqliteBench): string {
  const logs = image.files().filter((file) => file.endsWith('-wal'))
  if (logs.length === 0) return 'nothing to cut'
  const file = draw.chance(0.7) && logs.includes('log.sqlite-wal') ? 'log.sqlite-wal' : draw.pick(logs)
  let what = ''
  image.damage(file, (bytes) => {
    const at = draw.int(0, bytes.length)
    const kind = draw.int(0, 3)
    what = `${file}: ${['cut', 'cut, garbage after', 'garbage after the end', 'bytes changed'][kind]} at ${at} of ${bytes.length}`
    const garbage = Uint8Array.from({ length: draw.int(1, 6_000) }, () => draw.int(0, 255))
    if (kind === 0) return bytes.slice(0, at)
    if (kind === 1) return Uint8Array.from([...bytes.slice(0, at), ...garbage])
    if (kind === 2) return Uint8Array.from([...bytes, ...garbage])
    bytes.set(garbage.subarray(0, Math.min(garbage.length, bytes.length - at)), at)
    return bytes
  })
  return what
}

async function modelFault(seed: number): Promise<string | undefined> {
  const batches = 4 + (seed % 9)
  const operations = await failing(seed, batches, 'never', 0)
  if (typeof operations === 'string') return operations
  for (let n = 1 + (seed % MODEL_STRIDE); n <= operations; n += MODEL_STRIDE) {
    for (const kind of ['once', 'from then on', 'full'] as const) {
      const fault = await failing(seed, batches, kind, n)
      if (typeof fault === 'string') return fault
    }
  }
  return undefined
}

type Failure = 'never' | 'once' | 'from then on' | 'full'

/** Tells a story on a disk that fails at its n-th operation, ends it, and goes on. Gives its operations, or what is wrong. */
async function failing(seed: number, batches: number, kind: Failure, n: number): Promise<number | string> {
  const random = seededRandom(seed * 7919 + n)
  const disk = new ModelDisk(random)
  const bench = new MemoryBench(500, disk)
  disk.fails = (operation) => {
    if (kind === 'full' && operation === n) disk.capacityBytes = disk.size() + 10
    return kind === 'once' ? operation === n : kind === 'from then on' && operation >= n
  }
  let least = 0
  const where = `seed ${seed}, modelled disk, ${kind === 'full' ? 'full' : `fails ${kind}`} at operation ${n}`
  try {
    await tellStory(bench, { batches, seed, onCommit: (batch) => (least = batch) })
  } catch (error) {
    if ((error as Error).name !== 'StoreFailed') return `${where}: ${thrownText(error)}`
  }
  const { operations } = disk
  disk.fails = undefined
  disk.capacityBytes = Infinity
  const isPowerLoss = random() < 0.5
  if (isPowerLoss) disk.losePower()
  try {
    const fault = await recovered(bench, least, seed)
    return fault === undefined ? operations : `${where}${isPowerLoss ? ', power lost' : ''}: ${fault}`
  } catch (error) {
    return `${where}${isPowerLoss ? ', power lost' : ''}: ${thrownText(error)}`
  }
}
