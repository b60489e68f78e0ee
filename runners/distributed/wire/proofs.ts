/**
 * Proofs that somebody knows a secret, which itself is not sent.
 */

/** What can be proven, and looked at. */
export interface Proofs {
  /** Proves that `secret` is known, of a text that both sides know. */
  of(secret: string, text: string): string
  /** Whether a proof is the one of the secret and the text. Takes as long for one that is not. */
  matches(secret: string, text: string, proof: string): boolean
}
