import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import * as t from 'io-ts'
import { expect, expectTypeOf, it, onTestFinished } from 'vitest'
import {
  count,
  type DeadLetter,
  type Env,
  fixedWindows,
  type PCollection,
  type Pipeline,
  pipeline,
  type RunningPipeline,
  type RunOptions,
  Secret,
  start,
  watermarks,
} from 'millrace'
import { poll, type PollOptions } from 'millrace/io/http'
import { nodeEnv } from '../../runners/direct/node.js'

interface Served {
  readonly url: string
  /** What was asked, in order. */
  readonly asked: readonly {
    readonly url: string
    readonly headers: IncomingMessage['headers']
    readonly at: number
    readonly body: string
  }[]
}

/** A real server on a free port of the loopback. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse, n: number) => void): Promise<Served> {
  const asked: { url: string; headers: IncomingMessage['headers']; at: number; body: string }[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      asked.push({ url: request.url ?? '', headers: request.headers, at: performance.now(), body })
      answer(request, response, asked.length)
    })
  })
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const json = (response: ServerResponse, value: unknown, status = 200, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}

interface Polling<T> {
  readonly items: T[]
  readonly running: RunningPipeline
  come(count: number): Promise<readonly T[]>
  drain(): Promise<readonly T[]>
}

function polling<T>(
  source: (p: Pipeline) => PCollection<T>,
  way: RunOptions = {},
  p: Pipeline = pipeline(),
): Polling<T> {
  const items: T[] = []
  p.apply('poll', source).map('seen', (item) => void items.push(item))
  const running = start(p, way)
  running.result.catch(() => undefined)
  onTestFinished(async () => {
    running.cancel()
    await running.result.catch(() => undefined)
  })
  return {
    items,
    running,
    come: async (wanted) => {
      await expect.poll(() => items.length, { interval: 2, timeout: 5000 }).toBeGreaterThanOrEqual(wanted)
      return items
    },
    drain: async () => {
      running.drain()
      expect((await running.result).state).toBe('DRAINED')
      return items
    },
  }
}

const fast = { interval: 10, retry: { backoff: 5, maxBackoff: 20 } }
const aWhile = (millis = 100): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const ways: readonly RunOptions[] = [{}, { bundleSize: 1 }, { strict: true, seed: 5, stageCompiler: 'closures' }]

it.each(ways)('emits the elements of each answer: %j', async (way) => {
  const { url } = await serve((_, response, n) => json(response, n < 3 ? [`${n}a`, `${n}b`] : []))
  const { come, drain } = polling(poll<string>(`${url}/all`, fast), way)
  await come(4)
  expect(await drain()).toEqual(['1a', '1b', '2a', '2b'])
})

it('asks only for news, and takes no news for nothing', async () => {
  const { url, asked } = await serve((request, response, n) => {
    if (request.headers['if-none-match'] === '"v1"' && n < 5) return void response.writeHead(304).end()
    json(response, [n], 200, { etag: n < 5 ? '"v1"' : '"v2"', 'last-modified': 'Sun, 01 Mar 2026 10:00:00 GMT' })
  })
  const { come } = polling(poll(url, fast))
  expect(await come(2)).toEqual([1, 5])
  expect(asked[0]?.headers).not.toHaveProperty('if-none-match')
  expect(asked[1]?.headers).toMatchObject({
    'if-none-match': '"v1"',
    'if-modified-since': 'Sun, 01 Mar 2026 10:00:00 GMT',
  })
  await expect.poll(() => asked[5]?.headers['if-none-match']).toBe('"v2"')
})

const Order = t.type({ id: t.number })

/** A shop whose orders are listed in pages of three, from the one after an id on. */
const shop = (orders: readonly number[], each?: (n: number, response: ServerResponse) => boolean): Promise<Served> =>
  serve((request, response, n) => {
    if (each?.(n, response) === true) return
    const after = Number(new URL(request.url ?? '', 'http://x').searchParams.get('after'))
    const left = orders.filter((id) => id > after)
    json(response, { orders: left.slice(0, 3).map((id) => ({ id })), more: left.length > 3 })
  })

interface Page {
  readonly orders: readonly { readonly id: number }[]
  readonly more: boolean
}
const paged = {
  ...fast,
  codec: Order,
  parse: (response: { json: () => unknown }) => (response.json() as Page).orders,
  cursor: (response: { json: () => unknown }, after: number | undefined) =>
    (response.json() as Page).orders.at(-1)?.id ?? after,
  more: (response: { json: () => unknown }) => (response.json() as Page).more,
}
const pageOf =
  (url: string) =>
  (after: number | undefined): string =>
    `${url}/orders?after=${after ?? 0}`

it.each(ways)('follows a cursor through pages, and goes on with it: %j', async (way) => {
  const orders = [1, 2, 3, 4, 5, 6, 7]
  const { url, asked } = await shop(orders)
  const { come, drain } = polling(poll(pageOf(url), { ...paged, interval: 30 }), way)
  await come(7)
  orders.push(8)
  await come(8)
  expect((await drain()).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(asked.slice(0, 4).map(({ url: path }) => path)).toEqual([0, 3, 6, 7].map((n) => `/orders?after=${n}`))
})

it('a run begins at the cursor of another; the cursor is told when its items are written, and not when that fails', async () => {
  const { url } = await shop([1, 2, 3, 4, 5, 6, 7])
  const told: number[] = []
  const p = pipeline()
  p.apply('orders', poll(pageOf(url), { ...paged, onCursor: (cursor) => void told.push(cursor) })).map(
    'write',
    ({ id }) => {
      if (id === 5) throw new Error('no room')
    },
  )
  await expect(start(p, { bundleSize: 1, guarantee: 'at-least-once' }).result).rejects.toThrow(/no room/)
  expect(told).toEqual([3])
  const { come } = polling(poll(pageOf(url), { ...paged, startAt: told.at(-1) as number }))
  expect((await come(4)).map(({ id }) => id)).toEqual([4, 5, 6, 7])
})

it('items that were emitted already are left out by their id', async () => {
  const { url } = await serve((_, response, n) => json(response, [{ id: n }, { id: n + 1 }]))
  const { come } = polling(poll(url, { ...fast, codec: Order, id: ({ id }) => String(id) }))
  expect((await come(4)).slice(0, 4).map(({ id }) => id)).toEqual([1, 2, 3, 4])
})

/** Ways of a server to fail for a while. */
const faults: readonly (readonly [string, (response: ServerResponse) => void])[] = [
  ['500', (response) => void response.writeHead(500).end('oops')],
  ['a connection that is cut', (response) => void response.socket?.destroy()],
  [
    'an answer that breaks off',
    (response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('[{"id":1},')
      setTimeout(() => response.socket?.destroy(), 5)
    },
  ],
  ['JSON that is none', (response) => void response.writeHead(200).end('[{"id":1},{"id":')],
  ['no answer in time', () => undefined],
  ['429 with Retry-After', (response) => void response.writeHead(429, { 'retry-after': '0' }).end()],
]

it.each(faults)('tries again after %s, and leaves nothing out or repeats', async (_, fail) => {
  const { url, asked } = await shop([1, 2, 3, 4, 5], (n, response) => {
    if (n !== 1 && n !== 3 && n !== 4) return false
    fail(response)
    return true
  })
  const { come, drain } = polling(poll(pageOf(url), { ...paged, timeout: 150 }))
  await come(5)
  expect((await drain()).map(({ id }) => id)).toEqual([1, 2, 3, 4, 5])
  expect(asked.slice(0, 5).map(({ url: path }) => path)).toEqual([0, 0, 3, 3, 3].map((n) => `/orders?after=${n}`))
})

it.each(
  faults.map(
    ([name, fail], i) =>
      [
        name,
        fail,
        [
          /answers 500: oops/,
          /other side closed|ECONNRESET|hang up/,
          /terminated|aborted|other side closed/,
          /the answer cannot be understood: .*JSON/,
          /there was no whole answer within 250 ms/,
          /answers 429/,
        ][i],
      ] as const,
  ),
)('fails the run with what it was when %s does not pass', async (name, fail, message) => {
  const { url, asked } = await serve((_, response) => fail(response))
  const { running } = polling(
    poll(`${url}/orders?key=hidden`, {
      ...fast,
      timeout: name === 'no answer in time' ? 250 : 5000,
      retry: { attempts: 3, backoff: 2 },
    }),
  )
  const error = await running.result.then(
    () => undefined,
    (reason: unknown) => reason as Error,
  )
  expect(error?.message).toMatch(message as RegExp)
  expect(error?.message).toMatch(
    /step "poll\/items" failed in process: GET http:\/\/127\.0\.0\.1:\d+\/orders: .* \(tried 3 times\)/,
  )
  expect(error?.message).not.toContain('hidden')
  expect(asked).toHaveLength(3)
})

it('a server that is not there fails the run, with the address', async () => {
  const { running } = polling(poll('http://127.0.0.1:1/', { ...fast, retry: { attempts: 2, backoff: 2 } }))
  await expect(running.result).rejects.toThrow(
    /GET http:\/\/127\.0\.0\.1:1\/: .*(ECONNREFUSED|bad port).*\(tried 2 times\)/,
  )
})

it('what asking again would not change fails at once', async () => {
  const { url, asked } = await serve((_, response) => void response.writeHead(403).end('no\nentry'))
  await expect(polling(poll(url, fast)).running.result).rejects.toThrow(/: the server answers 403: no entry/)
  expect(asked).toHaveLength(1)
})

it('a handler takes failures and items that do not fit, and polling goes on', async () => {
  const { url } = await serve((_, response, n) => {
    if (n === 2) return void response.writeHead(404).end('gone')
    json(response, n === 1 ? [{ id: 1 }, { id: 'x' }, { id: 2 }] : [{ id: n }])
  })
  const letters: string[] = []
  const p = pipeline()
  const bad = p.errors('bad', (all: PCollection<DeadLetter>) =>
    all.map('seen', ({ error }) => void letters.push(error.message)),
  )
  const { come } = polling(poll(url, { ...fast, codec: Order, onError: bad }), {}, p)
  expect((await come(4)).slice(0, 4).map(({ id }) => id)).toEqual([1, 2, 3, 4])
  expect(letters[0]).toMatch(/an item cannot be used: .*id/)
  expect(letters[1]).toMatch(/the server answers 404: gone/)
})

it('waits for as long as the server says', async () => {
  const { url, asked } = await serve((_, response, n) => {
    if (n === 1) return void response.writeHead(429, { 'retry-after': '1' }).end()
    if (n === 2) return void response.writeHead(503, { 'retry-after': new Date(Date.now() + 2000).toUTCString() }).end()
    json(response, [n])
  })
  await polling(poll(url, fast)).come(1)
  const [first, second, third] = asked.map(({ at }) => at) as [number, number, number]
  expect(second - first).toBeGreaterThan(990)
  // A date has whole seconds.
  expect(third - second).toBeGreaterThan(900)
})

it('keeps to the rate that it is told', async () => {
  const { url, asked } = await shop(Array.from({ length: 12 }, (_, i) => i + 1))
  await polling(poll(pageOf(url), { ...paged, rateLimit: { requests: 10, per: 500 } })).come(12)
  // Four pages: the last one began three gaps of 50 ms after the first.
  const [first, last] = [asked[0]?.at ?? 0, asked[3]?.at ?? 0]
  expect(last - first).toBeGreaterThan(120)
})

it('follows redirections, keeps what is secret from other servers, and shows it nowhere', async () => {
  const other = await serve((_, response) => json(response, ['from the other']))
  const { url, asked } = await serve((request, response) => {
    if (request.url === '/start') return void response.writeHead(307, { location: '/next' }).end()
    if (request.url === '/next') return void response.writeHead(302, { location: `${other.url}/there` }).end()
    response.writeHead(500).end()
  })
  const headers = { authorization: new Secret('Bearer s3cret'), 'X-Api-Key': 'k3y' }
  expect(await polling(poll(`${url}/start`, { ...fast, headers })).come(1)).toContain('from the other')
  expect(asked[1]?.headers).toMatchObject({ authorization: 'Bearer s3cret', 'x-api-key': 'k3y' })
  expect(other.asked[0]?.headers).not.toHaveProperty('authorization')
  expect(other.asked[0]?.headers).not.toHaveProperty('x-api-key')
  expect(() => poll(url, { headers: { a: new Secret('s3cret\n') } })).toThrow(/header "a" of poll has characters/)
  expect(() => poll(url, { headers: { a: new Secret('s3cret\n') } })).not.toThrow(/s3cret/)
})

const token = 'se/cret+tok?en-1'
const bearer = { authorization: new Secret(`Bearer ${token}`) }
const inBasic = btoa(`user:${token}`)

it.each([
  ['as it is', `you sent Bearer ${token} and ${token}`],
  ['in a URL', encodeURIComponent(token)],
  ['in base64', btoa(token)],
  ['in base64 behind a name', inBasic],
  ['in JSON', JSON.stringify({ authorization: `Bearer ${token}` })],
  ['across the end of what is shown', `${'x'.repeat(193)}${token}`],
])('a failure that repeats the secret %s and the query shows neither', async (_, said) => {
  const { url } = await serve(
    (request, response) =>
      void response.writeHead(404).end(`${said} for ${request.url} ${JSON.stringify({ key: 'a query key' })}`),
  )
  const failure: unknown = await polling(
    poll(`${url}/all?key=a+query%20key&n=1`, { ...fast, headers: bearer }),
  ).running.result.catch((error: unknown) => error)
  const { message } = failure as Error
  expect(message).toContain('the server answers 404')
  expect(message).toContain('***')
  for (const hidden of [
    token,
    token.slice(0, 7),
    encodeURIComponent(token),
    btoa(token),
    inBasic.slice(8),
    'key=',
    'query',
  ])
    expect(message).not.toContain(hidden)
})

it('items and answers that repeat the secret do not show it where they cannot be used', async () => {
  const { url } = await serve((_, response, n) =>
    n === 1 ? json(response, [{ id: 'none', sent: [token] }]) : void response.end(`${token} is no JSON`),
  )
  const letters: DeadLetter[] = []
  const p = pipeline()
  const onError = p.errors('bad', (bad) => bad.map('letter', (letter) => void letters.push(letter)))
  polling(poll(url, { ...fast, retry: { attempts: 1 }, headers: bearer, codec: Order, onError }), {}, p)
  await expect.poll(() => letters.length, { timeout: 5000 }).toBeGreaterThanOrEqual(2)
  const shown = JSON.stringify(letters)
  expect(shown).toContain('an item cannot be used')
  expect(shown).toContain('the body is no JSON')
  expect(shown).not.toContain(token.slice(0, 7))
})

it('a URL with a name or password is refused and not shown', async () => {
  const { url, asked } = await serve((_, response) => {
    response.writeHead(302, { location: url.replace('//', '//ann:passw0rd@') }).end()
  })
  const withPassword = url.replace('//', '//ann:passw0rd@')
  expect(() => poll(withPassword)).toThrow(expect.objectContaining({ code: 'MR-1002' }) as Error)
  for (const wrong of [withPassword, 'http//ann:passw0rd@host/x', 'x?passw0rd']) {
    expect(() => poll(wrong)).toThrow(/poll/)
    expect(() => poll(wrong)).not.toThrow(/passw0rd/)
  }
  for (const request of [() => withPassword, url] as const) {
    const failure: unknown = await polling(poll(request as string, fast)).running.result.catch(
      (error: unknown) => error,
    )
    expect((failure as Error).message).toContain('a URL with a name or password')
    expect((failure as Error).message).not.toContain('passw0rd')
  }
  expect(asked).toHaveLength(1)
})

it.each([
  ['text/plain; charset=ISO-8859-1', Uint8Array.of(0x63, 0x61, 0x66, 0xe9), 'café'],
  ['text/plain; charset="utf-16le"', Uint8Array.of(0xe9, 0), 'é'],
  ['text/plain', new TextEncoder().encode('café'), 'café'],
])('texts are read in the charset of %s', async (type, body, text) => {
  const { url } = await serve((_, response) => void response.writeHead(200, { 'content-type': type }).end(body))
  expect((await polling(poll<string, never>(url, { ...fast, parse: (answer) => [answer.text()] })).come(1))[0]).toBe(
    text,
  )
})

it('a charset that is not known is an error at once', async () => {
  const { url, asked } = await serve(
    (_, response) => void response.writeHead(200, { 'content-type': 'text/plain; charset=klingon' }).end('x'),
  )
  await expect(polling(poll(url, fast)).running.result).rejects.toThrow(/in the charset "klingon", which is not known/)
  expect(asked).toHaveLength(1)
})

it.each([
  ['a loop', '/again', /leads on and on: 10 redirections/],
  ['another protocol', 'ftp://example.com/x', /leads to ftp:\/\/example\.com, which is not followed/],
])('a redirection that is %s fails at once', async (_, location, message) => {
  const { url, asked } = await serve((__, response) => void response.writeHead(302, { location }).end())
  await expect(polling(poll(`${url}/again`, fast)).running.result).rejects.toThrow(message)
  expect(asked.length).toBeLessThanOrEqual(11)
})

it('an answer that is longer than allowed is not held', async () => {
  const { url } = await serve((_, response) => json(response, ['x'.repeat(10_000)]))
  const { running } = polling(poll(url, { ...fast, maxBytes: 1000, retry: { attempts: 1 } }))
  await expect(running.result).rejects.toThrow(/the answer has more than 1000 bytes/)
})

it('a body can be posted, made of the cursor', async () => {
  const { url, asked } = await serve((_, response, n) => json(response, [n]))
  const source = poll<number, number>(
    (after) => ({
      url,
      method: 'POST',
      body: JSON.stringify({ after: after ?? 0 }),
      headers: { 'Content-Type': 'application/json' },
    }),
    { ...fast, cursor: (response) => (response.json() as number[])[0] },
  )
  await polling(source).come(2)
  expect(asked.slice(0, 2).map(({ body }) => body)).toEqual(['{"after":0}', '{"after":1}'])
  expect(asked[0]?.headers['content-type']).toBe('application/json')
})

it('items have event times of their own; a quiet server lets the watermark go', async () => {
  const { url } = await serve((_, response, n) => json(response, n === 1 ? [{ at: 1000 }, { at: 1500 }] : []))
  const counts: number[] = []
  const p = pipeline()
  p.apply(
    'poll',
    poll(url, {
      ...fast,
      codec: t.type({ at: t.number }),
      timestamp: ({ at }) => at,
      watermark: watermarks.outOfOrder(100, { idleAfter: 50 }),
    }),
  )
    .windowInto('seconds', fixedWindows(1000))
    .combineGlobally('count', count())
    .map('seen', (n) => void counts.push(n))
  const running = start(p)
  await expect.poll(() => counts, { timeout: 5000 }).toEqual([2])
  running.drain()
  await running.result
})

it('a server that does not answer holds up neither a drain nor other steps', async () => {
  const { url, asked } = await serve(() => undefined)
  const other: number[] = []
  const p = pipeline()
  p.create('other', [1, 2]).map('seen other', (n) => void other.push(n))
  const { running } = polling(poll(url, fast), {}, p)
  await expect.poll(() => [asked.length, other.length]).toEqual([1, 2])
  const before = performance.now()
  running.drain()
  expect((await running.result).state).toBe('DRAINED')
  expect(performance.now() - before).toBeLessThan(2000)
})

it('asks through the Env: a test owns the world', async () => {
  const urls: string[] = []
  const env: Env = {
    ...nodeEnv(),
    http: {
      request: ({ url }) => {
        urls.push(url)
        return Promise.resolve({ status: 200, headers: new Map(), body: new TextEncoder().encode('["a"]') })
      },
    },
  }
  await polling(poll('https://shop.example/a', fast), { env }).come(1)
  expect(urls[0]).toBe('https://shop.example/a')
  const p = pipeline()
  p.apply('poll', poll('https://shop.example/a'))
  await expect(start(p, { env: { ...env, http: undefined } }).result).rejects.toThrow(/this platform has no HTTP/)
  await aWhile(1)
})

it.each<[PollOptions<unknown, string>, RegExp]>([
  [{ every: 5 } as never, /option "every".*poll/],
  [{ retry: { attempt: 5 } as never }, /option "attempt".*retry of poll/],
  [{ retry: { attempts: 0 } }, /attempts in option retry of poll must be a whole number from 1/],
  [{ more: () => true }, /option more of poll needs a cursor/],
  [{ deduplicate: 5 }, /option deduplicate of poll needs to know items again/],
  [{ interval: 0 }, /option interval of poll must be at least 1 millisecond/],
  [{ timestamp: () => 1 }, /it must be said how disordered they are/],
  [{ headers: { 'a b': 'x' } }, /header "a b" of poll has a name that is none/],
])('refuses %j', (options, message) => {
  expect(() => poll('http://127.0.0.1/', options as never)).toThrow(message)
})

it('a request needs a URL', async () => {
  expect(() => poll('/orders')).toThrow(/poll needs an absolute URL with http: or https:, but got "\/orders"/)
  expect(() => poll(5 as never)).toThrow(/poll needs a URL, or a function that makes one/)
  const { running } = polling(poll(() => 'ftp://x', fast))
  await expect(running.result).rejects.toThrow(
    /the function of poll must make an absolute URL with http: or https:, but made "ftp:/,
  )
})

it('infers what it emits from codec or parse', () => {
  expectTypeOf(poll('http://a/', { codec: Order })).returns.toEqualTypeOf<PCollection<{ id: number }>>()
  expectTypeOf(poll('http://a/', { parse: (response) => [response.status] })).returns.toEqualTypeOf<
    PCollection<number>
  >()
  expectTypeOf(poll('http://a/')).returns.toEqualTypeOf<PCollection<unknown>>()
})
