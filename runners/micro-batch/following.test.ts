/** Whoever follows and is too late says so. */
import { expect, it } from 'vitest'
import type { Change, PlanRecord } from './store/checkpoint-store.js'
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
      settle: () => Promise.resolve(),
    },
  )
  await expect(following).rejects.toMatchObject({ why: 'behind', code: 'MR-6073' })
})

it.each([
  ['a work', undefined],
  ['a work (partition 2 of 3)', undefined],
  ['a state', 'differs'],
  ['a state (partition 2 of 3)', 'differs'],
] as const)('a difference in what is kept as "%s" is told: %s', async (part, why) => {
  const plan: PlanRecord = { batch: 5, epoch: 1, instant: 0, content: new Uint8Array() }
  const change = (content: number): Change => ({ part, slot: 0, id: Uint8Array.of(1), content: Uint8Array.of(content) })
  let settled = 0
  const following = follow(
    {
      view: {
        holder: () => Promise.resolve({ holder: 'another', until: Infinity, epoch: 1 }),
        committedBatch: () => Promise.resolve(5),
        batch: (batch) => Promise.resolve({ plan: batch === 5 ? plan : undefined, hashes: ['that of another'] }),
        changesSince: () => Promise.resolve({ version: 5, isWhole: false, changes: [change(1)] }),
      },
      tryLead: () => Promise.resolve(false),
      lead: () => Promise.resolve(),
    },
    systemEnv(),
    {
      committed: () => 4,
      isOver: () => settled > 0,
      hindered: () => undefined,
      redo: () => Promise.resolve([change(2)]),
      settle(batch) {
        settled = batch
        return Promise.resolve()
      },
    },
  )
  if (why === undefined) expect(await following).toBe(false)
  else await expect(following).rejects.toMatchObject({ why })
  expect(settled).toBe(why === undefined ? 5 : 0)
})
