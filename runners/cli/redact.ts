/**
 * Keeps secrets out of what the command prints about a run. A secret option prints as `***` by itself; what user code has
 * made of its text (the message of a failed login, say) is looked through here.
 */
import { Secret } from '../../sdk/secret.js'

/** Shorter texts stand in every other word; to hide them would tell more than it hides. */
const LENGTH_MIN = 4

/** Replaces the texts of the secrets among a pipeline's options. */
export type Redact = <T>(shown: T) => T

/** @param options the pipeline's options, as it was built with them. */
export function redacting(options: unknown): Redact {
  const texts = [...secretsIn(options, new Set())].filter((text) => text.length >= LENGTH_MIN)
  if (texts.length === 0) return (shown) => shown
  // A form that contains another one is hidden whole.
  const forms = [...new Set(texts.flatMap(formsOf))].sort((a, b) => b.length - a.length)
  const hide = (shown: unknown): unknown => {
    if (typeof shown === 'string') return forms.reduce((text, secret) => text.replaceAll(secret, '***'), shown)
    if (Array.isArray(shown)) return shown.map(hide)
    if (typeof shown !== 'object' || shown === null) return shown
    return Object.fromEntries(Object.entries(shown).map(([name, part]) => [name, hide(part)]))
  }
  return hide as Redact
}

/** As people write it; in JSON, which is how elements are shown; in URLs and forms; in base64 and base64url. */
function formsOf(text: string): readonly string[] {
  const inUrl = encodeURIComponent(new TextDecoder().decode(new TextEncoder().encode(text)))
  const inForm = new URLSearchParams([['', text]]).toString().slice(1)
  const lower = (form: string): string => form.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())
  const bytes = Buffer.from(text)
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    ...[inUrl, inForm].flatMap((form) => [form, lower(form)]),
    ...[bytes.toString('base64'), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url')],
    bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_'),
  ]
}

function* secretsIn(value: unknown, seen: Set<unknown>): Iterable<string> {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (value instanceof Secret) yield value.reveal()
  else for (const part of Object.values(value)) yield* secretsIn(part, seen)
}
