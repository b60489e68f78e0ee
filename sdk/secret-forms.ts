/**
 * How a secret may be written where it must not be seen, and how to strike it there. Connectors and the command both show texts
 * that others made: answers of servers, messages of errors.
 */

/**
 * The text of a secret as it stands in messages; in JSON, which is how elements are shown; in URLs and forms; in base64 and
 * base64url, padded and not. Nothing for an empty text.
 */
export function formsOfSecret(text: string): readonly string[] {
  if (text === '') return []
  const bytes = new TextEncoder().encode(text)
  const inUrl = encodeURIComponent(new TextDecoder().decode(bytes))
  const inForm = new URLSearchParams([['', text]]).toString().slice(1)
  const lower = (form: string): string => form.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())
  const packed = [base64Of(bytes), base64Of(bytes).replace(/=+$/, '')]
  const inText = [text, JSON.stringify(text).slice(1, -1)]
  return [...inText, inUrl, lower(inUrl), inForm, lower(inForm), ...packed, ...packed.map(base64UrlOf)]
}

/** Bytes as base64, padded. */
export function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

/** Base64 with the two characters that URLs take. */
export function base64UrlOf(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('/', '_')
}

/** Puts `***` in the place of each form; one that contains another is struck whole. */
export function strikingForms(forms: Iterable<string>): (text: string) => string {
  const sorted = [...new Set(forms)].filter((form) => form !== '').sort((a, b) => b.length - a.length)
  return (shown) => sorted.reduce((text, form) => text.replaceAll(form, '***'), shown)
}
