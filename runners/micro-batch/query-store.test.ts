/** How long a lease lasts: drivers whose steps keep the thread do not take over from each other for ever. */
import { pipeline } from 'millrace'
import { expect, it } from 'vitest'
import { systemEnv } from '../core/system-env.js'
import { LEASE_MILLIS, LEASE_MILLIS_MAX, QueryStore } from './query-store.js'
import { openMemoryStore } from './store/memory-store.js'
import { ModelDisk } from './store/model-disk.js'

function drivers() {
  const disk = new ModelDisk(() => 0.5)
  const world = { now: 0 }
  const env = { ...systemEnv(), now: () => world.now, setTimer: () => ({ cancel: () => undefined }) }
  const p = pipeline()
  p.create('numbers', [1])
  const built = p.build()
  let count = 0
  return {
    world,
    /** Takes the lease as another driver. @returns it, and for how long it has the lease. */
    async next(isGone = false) {
      const driver = { own: `driver ${++count}`, isGone: () => isGone }
      const store = new QueryStore(() => openMemoryStore(disk, 'kept', env), env, built, driver)
      await store.open()
      return { store, millis: ((await store.view.holder())?.until ?? 0) - world.now }
    },
  }
}

it('a lease lasts twice as long for each driver that lost it without a commit, until one commits', async () => {
  const { world, next } = drivers()
  expect((await next()).millis).toBe(LEASE_MILLIS)
  for (const times of [2, 4, 8]) {
    world.now += LEASE_MILLIS_MAX
    expect((await next()).millis).toBe(times * LEASE_MILLIS)
  }
  world.now += LEASE_MILLIS_MAX
  const { store } = await next()
  await store.verify()
  expect((await store.view.holder())?.until).toBe(world.now + 16 * LEASE_MILLIS)
  await store.logPlan({ batch: 1, instant: world.now, content: new Uint8Array() }, true)
  const nothing = new Uint8Array()
  await store.commit({ batch: 1, instant: world.now, content: nothing, deliveries: nothing }, [])
  world.now += LEASE_MILLIS_MAX
  expect((await next()).millis).toBe(LEASE_MILLIS)
  for (let n = 0; n < 9; n++) {
    world.now += LEASE_MILLIS_MAX
    await next()
  }
  world.now += LEASE_MILLIS_MAX
  expect((await next()).millis).toBe(LEASE_MILLIS_MAX)
})

it('a driver that was taken over from is told so, and not that its checkpoint is older than what its sink has', async () => {
  const { world, next } = drivers()
  const { store } = await next()
  await expect(store.outdated('out', 3, 2)).rejects.toMatchObject({ name: 'CheckpointOutdated', code: 'MR-6109' })
  world.now += LEASE_MILLIS_MAX
  await next()
  await expect(store.outdated('out', 3, 2)).rejects.toMatchObject({ name: 'StoreFenced', code: 'MR-6102' })
})

it('a lease that was given back, or whose driver is gone, says nothing of the next', async () => {
  const { world, next } = drivers()
  for (let n = 0; n < 5; n++) {
    const { store, millis } = await next()
    expect(millis).toBe(LEASE_MILLIS)
    await store.close()
  }
  await next()
  for (let n = 0; n < 5; n++) {
    world.now += LEASE_MILLIS / 2
    expect((await next(true)).millis).toBe(LEASE_MILLIS)
  }
})
