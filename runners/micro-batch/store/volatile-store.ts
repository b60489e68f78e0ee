/**
 * A store that keeps nothing: of runs without a checkpoint, which begin anew after a crash.
 */
import type { CheckpointStore, PartitionStore, StoredEntry } from './checkpoint-store.js'

const nothing = (): Promise<undefined> => Promise.resolve(undefined)
const done = (): Promise<void> => Promise.resolve()

const partition: PartitionStore = {
  write: () => Promise.resolve(''),
  read: (): AsyncIterable<StoredEntry> => noEntries(),
  close: done,
}

async function* noEntries(): AsyncGenerator<StoredEntry> {
  yield* []
}

/** Forgets at once. */
export class VolatileStore implements CheckpointStore {
  readonly place = 'the memory of this process'
  readonly query: CheckpointStore['query'] = nothing
  readonly renew: CheckpointStore['renew'] = done
  readonly release: CheckpointStore['release'] = done
  readonly create: CheckpointStore['create'] = done
  readonly update: CheckpointStore['update'] = done
  readonly committed: CheckpointStore['committed'] = nothing
  readonly planned: CheckpointStore['planned'] = nothing
  readonly logPlan: CheckpointStore['logPlan'] = done
  readonly commit: CheckpointStore['commit'] = done
  readonly delivered: CheckpointStore['delivered'] = done
  readonly savepoint: CheckpointStore['savepoint'] = done
  readonly close: CheckpointStore['close'] = done
  readonly acquire: CheckpointStore['acquire'] = () => Promise.resolve({ epoch: 1, holder: '' })
  readonly history: CheckpointStore['history'] = () => Promise.resolve([])
  readonly deliveredUntil: CheckpointStore['deliveredUntil'] = () => Promise.resolve(0)
  readonly check: CheckpointStore['check'] = () => Promise.resolve([])
  readonly view: CheckpointStore['view'] = () => ({
    holder: nothing,
    committedBatch: () => Promise.resolve(0),
    batch: () => Promise.resolve({ plan: undefined, hashes: undefined }),
    changesSince: nothing,
  })
  readonly partition: CheckpointStore['partition'] = () => partition
}
