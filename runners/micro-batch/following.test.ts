/** Whoever follows and is too late says so. */
import { expect, it } from 'vitest'
import type { PlanRecord } from './store/checkpoint-store.js'
import { follow } from './following.js'
import { systemEnv } from '../core/system-env.js'

it('a batch whose commit is no longer written when it is done here leaves the follower behind, and not waiting', async () => {
  const plan: PlanRecord = { batch: 5, epoch: 1, instant: 0, content: new Uint8Array() }
  let committed = 4
  const following = follow(
    {
      view: {
        holder: () => Promise.resolve({ holder: 'another', until: Infinity, epoch: 1 }),
        committedBatch: () => Promise.resolve(committed),
        batch: (batch) => Promise.resolve({ plan: batch === 5 && committed < 5 ? plan : undefined, hashes: undefined }),
        changesSince: () => Promise.resolve(undefined),
      },
      tryLead: () => Promise.resolve(false),
      lead: () => Promise.resolve(),
    },
    systemEnv(),
    {
      committed: () => 4,
      isOver: () => false,
      hindered: () => undefined,
      redo() {
        committed = 90
        return Promise.resolve([])
      },
      settle: () => undefined,
    },
  )
  await expect(following).rejects.toMatchObject({ why: 'behind', code: 'MR-6073' })
})
