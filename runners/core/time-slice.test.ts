import { describe, expect, it } from 'vitest'
import type { Env } from '../../sdk/env.js'
import { systemEnv } from './system-env.js'
import { ChunkSize, SLICE_MILLIS, TimeSlice } from './time-slice.js'

describe('a slice', () => {
  it('is over when its time has passed, and begins again after a yield', async () => {
    let now = 100
    let yields = 0
    const env: Env = {
      ...systemEnv(),
      monotonic: () => now,
      // Others take their time too; that is not the run's.
      yield: () => {
        yields++
        now += 1000
        return Promise.resolve()
      },
    }
    const slice = new TimeSlice(env)
    expect(slice.now()).toBe(100)
    expect(slice.isOver(100)).toBe(false)
    expect(slice.isOver(100 + SLICE_MILLIS - 0.1)).toBe(false)
    expect(slice.isOver(100 + SLICE_MILLIS)).toBe(true)
    now += SLICE_MILLIS
    await slice.yield()
    expect(yields).toBe(1)
    expect(slice.isOver(now)).toBe(false)
    expect(slice.isOver(now + SLICE_MILLIS)).toBe(true)
  })
})

describe('a chunk', () => {
  /** Size after full chunks whose elements take so many milliseconds each. */
  const sizeAfter = (chunks: number, millisPerElement: number, chunk = new ChunkSize()): number => {
    for (let i = 0; i < chunks; i++) chunk.observe(chunk.size, chunk.size * millisPerElement)
    return chunk.size
  }

  it('doubles while elements are cheap, and stops growing', () => {
    const chunk = new ChunkSize()
    const sizes = Array.from({ length: 10 }, () => sizeAfter(1, 0, chunk))
    expect(sizes).toEqual([32, 64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096])
  })

  it('that was not full says nothing about larger ones', () => {
    const chunk = new ChunkSize()
    chunk.observe(chunk.size - 1, 0)
    expect(chunk.size).toBe(16)
  })

  it('shrinks at once to a quarter of a slice, down to one element', () => {
    const chunk = new ChunkSize()
    sizeAfter(5, 0, chunk)
    // 512 elements took 16 ms: 64 of them take a quarter of 8.
    chunk.observe(512, 16)
    expect(chunk.size).toBe(64)
    chunk.observe(64, 60_000)
    expect(chunk.size).toBe(1)
  })

  it.each([0.001, 0.01, 0.05, 0.3, 1, 3])(
    'of elements that take %d ms each settles within half a slice, or at one element',
    (millis) => {
      const size = sizeAfter(30, millis)
      expect(size === 1 || size * millis <= SLICE_MILLIS / 2).toBe(true)
      // And is not needlessly small: one doubling later it would be near the limit.
      expect(size === 4096 || size * millis * 2 >= SLICE_MILLIS / 8).toBe(true)
    },
  )
})
