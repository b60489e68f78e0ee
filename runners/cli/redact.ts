/**
 * Keeps secrets out of what the command prints about a run. A secret option prints as `***` by itself; what user code has
 * made of its text (the message of a failed login, say) is looked through here.
 */
import { formsOfSecret, strikingForms } from '../../sdk/secret-forms.js'
import { Secret } from '../../sdk/secret.js'

/** Shorter texts stand in every other word; to hide them would tell more than it hides. */
const LENGTH_MIN = 4

/** Replaces the texts of the secrets among a pipeline's options. */
export type Redact = <T>(shown: T) => T

/** @param options the pipeline's options, as it was built with them. */
export function redacting(options: unknown): Redact {
  const texts = [...secretsIn(options, new Set())].filter((text) => text.length >= LENGTH_MIN)
  if (texts.length === 0) return (shown) => shown
  const struck = strikingForms(texts.flatMap(formsOfSecret))
  const hide = (shown: unknown): unknown => {
    if (typeof shown === 'string') return struck(shown)
    if (Array.isArray(shown)) return shown.map(hide)
    if (typeof shown !== 'object' || shown === null) return shown
    return Object.fromEntries(Object.entries(shown).map(([name, part]) => [name, hide(part)]))
  }
  return hide as Redact
}

function* secretsIn(value: unknown, seen: Set<unknown>): Iterable<string> {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (value instanceof Secret) yield value.reveal()
  else for (const part of Object.values(value)) yield* secretsIn(part, seen)
}
