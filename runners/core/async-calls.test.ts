import { describe, expect, it } from 'vitest'
import { AsyncCalls } from './async-calls.js'

/** Calls with a log of what leaves, and counts as their host has them. */
function calls(concurrency: number, ordered: boolean) {
  const log: string[] = []
  const host = { pending: 0, waiting: 0, broken: [] as unknown[], now: 0 }
  const async = new AsyncCalls(
    {
      pendingChanged: (by) => (host.pending += by),
      waitingChanged: (by) => (host.waiting += by),
      broken: (error) => host.broken.push(error),
      monotonic: () => host.now,
    },
    concurrency,
    ordered,
  )
  const settle = new Map<string, { resolve: () => void; reject: () => void }>()
  const defer = (name: string): void => {
    const promise = new Promise<string>((resolve, reject) =>
      settle.set(name, { resolve: () => resolve(name), reject: () => reject(name) }),
    )
    async.defer(
      name,
      promise,
      (value) => log.push(value as string),
      (error) => log.push(`failed ${error as string}`),
    )
  }
  /** A call as a step makes it: at once where there is room, later where not. */
  const make = (name: string): void => {
    if (async.isFull) async.wait(() => defer(name))
    else defer(name)
  }
  const end = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) {
      settle.get(name)?.resolve()
      await Promise.resolve()
    }
  }
  return { async, host, log, make, end, settle }
}

describe('order', () => {
  it('outputs leave when all before them have left', async () => {
    const { async, host, log, make, end } = calls(9, true)
    for (const name of ['a', 'b', 'c']) make(name)
    await end('c', 'b')
    expect(log).toEqual([])
    async.queue('d', () => log.push('d'))
    expect(log).toEqual([])
    await end('a')
    expect(log).toEqual(['a', 'b', 'c', 'd'])
    expect([host.pending, async.isBusy]).toEqual([0, false])
  })

  it('outputs leave as they are done where order was given up', async () => {
    const { async, host, log, make, end } = calls(9, false)
    for (const name of ['a', 'b', 'c']) make(name)
    await end('c')
    async.queue('d', () => log.push('d'))
    await end('a', 'b')
    expect(log).toEqual(['c', 'd', 'a', 'b'])
    expect(host.pending).toBe(0)
  })

  it('a failed call keeps its place', async () => {
    const { log, make, end, settle } = calls(9, true)
    for (const name of ['a', 'b']) make(name)
    settle.get('b')?.reject()
    await end('none', 'none')
    expect(log).toEqual([])
    await end('a')
    expect(log).toEqual(['a', 'failed b'])
  })
})

describe.each([true, false])('concurrency, ordered %s', (ordered) => {
  it('no more calls are made than there is room for; the rest follow in order', async () => {
    const { async, host, log, make, end, settle } = calls(2, ordered)
    for (const name of ['a', 'b', 'c', 'd']) make(name)
    expect([...settle.keys()]).toEqual(['a', 'b'])
    expect([host.pending, host.waiting, async.isFull]).toEqual([4, 2, true])
    await end('a')
    expect([...settle.keys()]).toEqual(['a', 'b', 'c'])
    expect([host.pending, host.waiting]).toEqual([3, 1])
    await end('b', 'c', 'd')
    expect(log).toEqual(['a', 'b', 'c', 'd'])
    expect([host.pending, host.waiting, async.isFull, async.isBusy]).toEqual([0, 0, false, false])
  })

  it('a call that comes while another is delivered waits behind those that wait already', async () => {
    const { async, log, make, end, settle } = calls(1, ordered)
    async.defer(
      'a',
      new Promise<void>((resolve) => settle.set('a', { resolve, reject: () => undefined })),
      () => make('c'),
      () => undefined,
    )
    make('b')
    await end('a')
    expect([...settle.keys()]).toEqual(['a', 'b'])
    await end('b', 'c')
    expect(log).toEqual(['b', 'c'])
  })
})

describe('thenables', () => {
  it.each([
    [
      'settle twice',
      (resolve: (value: string) => void, reject: (error: string) => void) => {
        resolve('first')
        reject('second')
        resolve('third')
      },
      ['first'],
    ],
    [
      'throw instead of rejecting',
      () => {
        throw 'thrown'
      },
      ['failed thrown'],
    ],
    [
      'resolve and then throw',
      (resolve: (value: string) => void) => {
        resolve('first')
        throw 'thrown'
      },
      ['first'],
    ],
  ])('that %s are settled once', (_, then, expected) => {
    const { async, host, log } = calls(1, true)
    async.defer(
      'x',
      { then } as unknown as PromiseLike<unknown>,
      (value) => log.push(value as string),
      (error) => log.push(`failed ${error as string}`),
    )
    expect(log).toEqual(expected)
    expect([host.pending, async.isBusy, async.isFull]).toEqual([0, false, false])
  })
})

describe('failure', () => {
  it('what cannot be delivered breaks the bundle, and nothing after it leaves in its place', async () => {
    const { async, host, log } = calls(9, true)
    async.defer(
      'x',
      Promise.resolve(),
      () => {
        throw new Error('no')
      },
      () => undefined,
    )
    async.queue('y', () => log.push('y'))
    await Promise.resolve()
    expect(host.broken).toEqual([new Error('no')])
    expect(log).toEqual([])
  })

  it('an abandoned bundle hears nothing of calls that end later', async () => {
    const { async, host, log, make, end, settle } = calls(2, true)
    for (const name of ['a', 'b', 'c']) make(name)
    async.abandon()
    expect([host.pending, host.waiting, async.isBusy, async.isFull]).toEqual([0, 0, false, false])
    settle.get('b')?.reject()
    await end('a')
    expect(log).toEqual([])
    // The next bundle has all the room again, and late ends of the last one take none of it away or give any.
    for (const name of ['d', 'e', 'f']) make(name)
    expect([...settle.keys()]).toEqual(['a', 'b', 'd', 'e'])
    await end('d', 'e', 'f')
    expect(log).toEqual(['d', 'e', 'f'])
    expect([host.pending, host.waiting]).toEqual([0, 0])
  })
})

it('the oldest call is the one that has been pending longest, not one that is done and waits to leave', async () => {
  const { async, host, make, end } = calls(9, true)
  expect(async.oldest).toBeUndefined()
  for (const name of ['a', 'b', 'c']) {
    host.now += 10
    make(name)
  }
  expect(async.oldest).toMatchObject({ element: 'a', startedAt: 10 })
  await end('b', 'a')
  expect(async.oldest).toMatchObject({ element: 'c', startedAt: 30 })
  await end('c')
  expect(async.oldest).toBeUndefined()
})
