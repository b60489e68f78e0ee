/**
 * One exchange with a server: a request, the answers that lead elsewhere, and what became of it.
 *
 * Law: what is secret goes to the server it was given for and nowhere else: not to another one that an answer leads to, and
 * into no message.
 */
import type { Env, HttpClient, HttpResponse } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'
import { preview } from '../../sdk/preview.js'
import type { Duration } from '../../sdk/time.js'
import { Secret } from '../../sdk/secret.js'
import { type Strike, striking } from './strike.js'

/** What is asked. */
export interface PollRequest {
  /** Absolute, `http:` or `https:`. */
  readonly url: string
  /** Default `'GET'`. */
  readonly method?: 'GET' | 'POST'
  /** Added to those of the options. */
  readonly headers?: Readonly<Record<string, string | Secret>>
  /** For `'POST'`. */
  readonly body?: string
}

/** How failures are tried again. */
export interface PollRetry {
  /** Requests until one counts as failed for good. Default 5. */
  readonly attempts?: number
  /** Wait after the first failure; each further one doubles it. Half of it is left to chance. Default 1 s. */
  readonly backoff?: Duration
  /** Longest wait. Default 1 minute. A server that says when to come again (`Retry-After`) is obeyed also beyond. */
  readonly maxBackoff?: Duration
}

/** What a server has answered. */
export interface PollResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  /** Where the answer came from in the end. */
  readonly url: string
  /** The body as text, in the charset that `Content-Type` names; UTF-8 where it names none. */
  readonly text: () => string
  /** The body as JSON. @throws {SyntaxError} when it is none. */
  readonly json: () => unknown
}

/** What became of a request. */
export type Outcome =
  | { readonly kind: 'answer'; readonly response: PollResponse }
  | { readonly kind: 'unchanged' }
  | {
      readonly kind: 'failed'
      readonly message: string
      /** Whether the same request may succeed later. */
      readonly mayPass: boolean
      /** When the server wants to be asked again, if it says so. */
      readonly retryAfterMillis: number | undefined
    }

/** How requests are made. */
export interface ExchangeOptions {
  readonly headers: Readonly<Record<string, string | Secret>>
  readonly timeoutMillis: number
  readonly maxBytes: number
}

/** Answers that lead elsewhere, in one request. */
const REDIRECTS_MAX = 10
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Answers after which the same request may succeed, beside all of the server's own failures (5xx). */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429])
/** Servers that say later are asked after this. */
const RETRY_AFTER_MAX_MILLIS = 86_400_000

/** Makes requests. */
export class Exchange {
  readonly #env: Env
  readonly #client: HttpClient
  readonly #options: ExchangeOptions

  constructor(env: Env, client: HttpClient, options: ExchangeOptions) {
    this.#env = env
    this.#client = client
    this.#options = options
  }

  /** What strikes the secrets of a request from what is shown of it. */
  strikeOf(request: PollRequest): Strike {
    return striking(request, this.#options.headers)
  }

  /** Asks. Never rejects. @param conditions headers that ask for news only. */
  async ask(request: PollRequest, conditions: Readonly<Record<string, string>>, stop: AbortSignal): Promise<Outcome> {
    const { timeoutMillis } = this.#options
    const abort = new AbortController()
    const stopped = (): void => abort.abort()
    stop.addEventListener('abort', stopped)
    let isLate = false
    const timer = this.#env.setTimer(timeoutMillis, () => {
      isLate = true
      abort.abort()
    })
    try {
      return await this.#follow(request, conditions, abort.signal)
    } catch (error) {
      const why = isLate ? `there was no whole answer within ${timeoutMillis} ms` : messageOf(error)
      return failed(this.strikeOf(request)(`${shown(request)}: ${why}`), !(error instanceof LedAstray))
    } finally {
      timer.cancel()
      stop.removeEventListener('abort', stopped)
    }
  }

  async #follow(
    request: PollRequest,
    conditions: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { url, method = 'GET', headers = {}, body } = request
    const { maxBytes } = this.#options
    const own = {
      accept: 'application/json, */*;q=0.5',
      ...revealed(this.#options.headers),
      ...revealed(headers),
      ...conditions,
    }
    let asked: Asked = { url, method, headers: own, body }
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#client.request({ ...asked, maxBytes, signal })
      if (!REDIRECTS.has(answer.status)) return this.#outcome(answer, asked, request)
      if (redirects === REDIRECTS_MAX) throw new LedAstray(`it leads on and on: ${REDIRECTS_MAX} redirections`)
      asked = redirected(asked, answer)
    }
  }

  #outcome(answer: HttpResponse, asked: Asked, request: PollRequest): Outcome {
    const { status, headers } = answer
    if (status === 304) return { kind: 'unchanged' }
    // Where it was led to, the query is another one.
    const [ofRequest, ofAsked] = [this.strikeOf(request), striking({ url: asked.url }, {})]
    const strike: Strike = (text) => ofAsked(ofRequest(text))
    const charset = charsetOf(headers.get('content-type'))
    const decoder = decoderOf(charset)
    if (status >= 200 && status < 300) {
      if (decoder !== undefined) return { kind: 'answer', response: responseOf(answer, asked.url, decoder, strike) }
      const problem = `the answer is in the charset ${preview(charset)}, which is not known here`
      return failed(strike(`${shown(asked)}: ${problem}`), false)
    }
    const mayPass = status >= 500 || PASSING.has(status)
    const retryAfterMillis = mayPass ? this.#retryAfter(headers.get('retry-after')) : undefined
    const says = excerpt(answer, decoder ?? new TextDecoder(), strike)
    return failed(`${strike(shown(asked))}: the server answers ${status}${says}`, mayPass, retryAfterMillis)
  }

  /** Seconds, or a date. */
  #retryAfter(value: string | undefined): number | undefined {
    if (value === undefined) return undefined
    const millis = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - this.#env.now()
    return Number.isNaN(millis) ? undefined : Math.min(Math.max(0, millis), RETRY_AFTER_MAX_MILLIS)
  }
}

/** An answer that leads where we do not go: asking again would not help. */
class LedAstray extends Error {
  readonly code = 'MR-5203' as const
}

interface Asked {
  readonly url: string
  readonly method: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
}

function redirected({ url, method, headers, body }: Asked, { status, headers: answered }: HttpResponse): Asked {
  const location = answered.get('location')
  if (location === undefined || !URL.canParse(location, url))
    throw new LedAstray(`it answers ${status} and does not say where to go`)
  const to = new URL(location, url)
  const from = new URL(url)
  if (to.protocol !== 'https:' && to.protocol !== from.protocol) {
    throw new LedAstray(`it leads to ${to.protocol}//${to.host}, which is not followed from ${from.protocol}`)
  }
  if (hasCredentials(to.href)) throw new LedAstray('it leads to a URL with a name or password, which is not followed')
  // What was given for one server is not told to another.
  const kept = to.origin === from.origin ? headers : { accept: headers['accept'] ?? '*/*' }
  const isSame = status === 307 || status === 308 || method === 'GET'
  return isSame
    ? { url: to.href, method, headers: kept, body }
    : { url: to.href, method: 'GET', headers: kept, body: undefined }
}

function failed(message: string, mayPass: boolean, retryAfterMillis?: number): Outcome {
  return { kind: 'failed', message, mayPass, retryAfterMillis }
}

/** Whether a URL has a name or a password before its host. */
export function hasCredentials(url: string): boolean {
  const { username, password } = new URL(url)
  return username !== '' || password !== ''
}

/** What `Content-Type` says of the encoding of texts. */
function charsetOf(contentType: string | undefined): string {
  const [, quoted, plain] = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;"]+))/i.exec(contentType ?? '') ?? []
  return quoted ?? plain ?? 'utf-8'
}

/** `undefined` for an encoding that the platform does not know. */
function decoderOf(charset: string): TextDecoder | undefined {
  try {
    return new TextDecoder(charset)
  } catch {
    return undefined
  }
}

function responseOf(
  { status, headers, body }: HttpResponse,
  url: string,
  decoder: TextDecoder,
  strike: Strike,
): PollResponse {
  const text = (): string => decoder.decode(body)
  const json = (): unknown => {
    const given = text()
    try {
      return JSON.parse(given) as unknown
    } catch (error) {
      // The platform quotes a few characters, which may be a part of what must not be shown.
      throw strike(given) === given ? error : coded('MR-5203', new SyntaxError('the body is no JSON'))
    }
  }
  return { status, headers, url, text, json }
}

/** Bytes of a failure's body that are looked at, and characters that are shown. */
const EXCERPT_BYTES = 16_384
const EXCERPT_LENGTH = 200

/** What a server says of its failure, as far as one wants to read it. */
function excerpt({ body }: HttpResponse, decoder: TextDecoder, strike: Strike): string {
  // Struck before it is cut: half a secret would not be found.
  const text = strike(decoder.decode(body.subarray(0, EXCERPT_BYTES)))
    .replace(/\s+/g, ' ')
    .trim()
  return text === '' ? '' : `: ${text.slice(0, EXCERPT_LENGTH)}`
}

/** The request as it may be shown: what stands after the path may be a key. */
export function shown({ method = 'GET', url }: { readonly method?: string; readonly url: string }): string {
  const { origin, pathname } = new URL(url)
  return `${method} ${origin}${pathname}`
}

/** Headers as they go out. */
function revealed(headers: Readonly<Record<string, string | Secret>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      typeof value === 'string' ? value : value.reveal(),
    ]),
  )
}

/** What is wrong with a header, without its value; `undefined` when nothing is. */
export function headerProblem(name: string, value: unknown): string | undefined {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return 'has a name that is none'
  const text = value instanceof Secret ? value.reveal() : value
  if (typeof text !== 'string') return 'is neither text nor a Secret'
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text)
    ? undefined
    : 'has characters that a header cannot hold, such as a line end'
}
