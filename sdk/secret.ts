/**
 * Secrets among options: values that print as `***` wherever they are shown.
 */
import * as t from 'io-ts'

const brand = Symbol.for('millrace.secret')

/** A value that must not be shown. Its text is read with `reveal()`; everything else prints `***`. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The text itself, for the call that needs it. */
  reveal(): string {
    return this.#text
  }

  /** `***`, whatever the text. */
  toString(): string {
    return '***'
  }

  /** `***`, whatever the text. */
  toJSON(): string {
    return '***'
  }
}

/**
 * Codec of a secret option: takes text, gives a {@link Secret}.
 *
 * @example
 * ```ts
 * import * as t from 'io-ts'
 * import { definePipeline, secret } from 'millrace'
 * definePipeline({
 *   name: 'upload',
 *   options: t.type({ token: secret }),
 *   build(p, o) {
 *     p.create('one', [1]).map('call', (n) => `${n} with ${o.token.reveal().length} characters`).print('show')
 *   },
 * })
 * ```
 */
export const secret: t.Type<Secret, string, unknown> = Object.assign(
  new t.Type<Secret, string, unknown>(
    'secret',
    (value): value is Secret => value instanceof Secret,
    (value, context) =>
      value instanceof Secret
        ? t.success(value)
        : typeof value === 'string'
          ? t.success(new Secret(value))
          : // The failure must not quote what was given.
            t.failure('***', context, 'a secret is given as text'),
    () => '***',
  ),
  { [brand]: true },
)

/** Whether a codec is that of a secret. */
export function isSecret(codec: object): boolean {
  return (codec as { readonly [brand]?: true })[brand] === true
}

/** Whether there is a secret anywhere within a value. */
export function holdsSecret(value: unknown): boolean {
  if (value instanceof Secret) return true
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  return Object.values(value).some(holdsSecret)
}
