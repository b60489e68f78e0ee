/**
 * Keeps out of messages what a request was made with: servers repeat it in their answers, and so does the platform in its errors.
 *
 * Law: nothing that was given as a `Secret`, and no query string, is in a text that was struck, however it was written there.
 */
import { base64Of, base64UrlOf, formsOfSecret, strikingForms } from '../../sdk/secret-forms.js'
import { Secret } from '../../sdk/secret.js'

/** Puts `***` in the place of what must not be shown; parts of arrays and plain objects are looked through. */
export type Strike = <T>(shown: T) => T

/** What a request is made with. */
interface Asked {
  readonly url: string
  readonly headers?: Readonly<Record<string, string | Secret>>
}

/** Headers that are credentials, also where they were given as texts. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie'])
/** Shorter queries are struck with their question mark only. */
const QUERY_LENGTH_MIN = 4
/** Shorter values of a query stand in too many other words. */
const VALUE_LENGTH_MIN = 8
/** Shorter parts of base64 are no evidence. */
const CORE_LENGTH_MIN = 8

/** What strikes the secrets of a request, and of the headers that go with each. */
export function striking(asked: Asked, always: Readonly<Record<string, string | Secret>>): Strike {
  const forms = new Set<string>()
  for (const headers of [always, asked.headers ?? {}])
    for (const [name, value] of Object.entries(headers)) {
      if (!(value instanceof Secret) && !CREDENTIALS.has(name.toLowerCase())) continue
      const text = value instanceof Secret ? value.reveal() : value
      // Of "Bearer x" a server may repeat the x alone.
      for (const part of [text, /^\S+\s+(\S.*)$/.exec(text)?.[1] ?? ''])
        for (const form of formsOf(part)) forms.add(form)
    }
  for (const form of queryForms(asked.url)) forms.add(form)
  const struck = strikingForms(forms)
  const strike = (shown: unknown): unknown => {
    if (typeof shown === 'string') return struck(shown)
    if (Array.isArray(shown)) return shown.map(strike)
    if (typeof shown !== 'object' || shown === null || Object.getPrototypeOf(shown) !== Object.prototype) return shown
    return Object.fromEntries(Object.entries(shown).map(([name, part]) => [strike(name), strike(part)]))
  }
  return strike as Strike
}

/** As secrets are written, and in base64 of a text around them. */
function formsOf(text: string): readonly string[] {
  const cores = base64Cores(text)
  return [...formsOfSecret(text), ...cores, ...cores.map(base64UrlOf)]
}

/** Behind other bytes it is written in one of three ways; characters that hold bits of its neighbours are left out. */
function base64Cores(text: string): readonly string[] {
  const bytes = new TextEncoder().encode(text)
  return [0, 1, 2].flatMap((before) => {
    const shifted = new Uint8Array(before + bytes.length)
    shifted.set(bytes, before)
    const core = base64Of(shifted).slice(Math.ceil((before * 8) / 6), Math.floor((shifted.length * 8) / 6))
    return core.length >= CORE_LENGTH_MIN ? [core] : []
  })
}

function queryForms(url: string): readonly string[] {
  const { search, searchParams } = new URL(url)
  const given = /\?([^#]*)/.exec(url)?.[1] ?? ''
  const values = [...searchParams.values()].filter((value) => value.length >= VALUE_LENGTH_MIN)
  const whole = [search.slice(1), given, ...decoded(given)].filter((form) => form !== '')
  return [...whole.map((form) => (form.length < QUERY_LENGTH_MIN ? `?${form}` : form)), ...values.flatMap(formsOf)]
}

/** Nothing where the text is no encoding of another one. */
function decoded(query: string): readonly string[] {
  try {
    return [decodeURIComponent(query), decodeURIComponent(query.replaceAll('+', ' '))]
  } catch {
    return []
  }
}
