/**
 * Keeps out of messages what a request was made with: servers repeat it in their answers, and so does the platform in its errors.
 *
 * Law: nothing that was given as a `Secret`, and no query string, is in a text that was struck, however it was written there.
 */
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
  forms.delete('')
  // What contains another one is struck whole.
  const sorted = [...forms].sort((a, b) => b.length - a.length)
  const strike = (shown: unknown): unknown => {
    if (typeof shown === 'string') return sorted.reduce((text, form) => text.replaceAll(form, '***'), shown)
    if (Array.isArray(shown)) return shown.map(strike)
    if (typeof shown !== 'object' || shown === null || Object.getPrototypeOf(shown) !== Object.prototype) return shown
    return Object.fromEntries(Object.entries(shown).map(([name, part]) => [strike(name), strike(part)]))
  }
  return strike as Strike
}

/** A text as it stands in messages, JSON, URLs, and in base64 of itself or of a text around it. */
function formsOf(text: string): readonly string[] {
  if (text === '') return []
  const inUrl = encodeURIComponent(new TextDecoder().decode(new TextEncoder().encode(text)))
  const inForm = new URLSearchParams([['', text]]).toString().slice(1)
  const lower = (form: string): string => form.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())
  return [text, JSON.stringify(text).slice(1, -1), inUrl, lower(inUrl), inForm, lower(inForm), ...base64Forms(text)]
}

function base64Forms(text: string): readonly string[] {
  const bytes = new TextEncoder().encode(text)
  const forms = [base64(bytes), base64(bytes).replace(/=+$/, '')]
  // Behind other bytes it is written in one of three ways; characters that hold bits of its neighbours are left out.
  for (const before of [0, 1, 2]) {
    const shifted = new Uint8Array(before + bytes.length)
    shifted.set(bytes, before)
    const core = base64(shifted).slice(Math.ceil((before * 8) / 6), Math.floor((shifted.length * 8) / 6))
    if (core.length >= CORE_LENGTH_MIN) forms.push(core)
  }
  return [...forms, ...forms.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))]
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
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
