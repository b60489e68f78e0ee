/**
 * Proofs by HMAC with SHA-256.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Proofs } from '../wire/proofs.js'

const hmac = (secret: string, text: string): Buffer => createHmac('sha256', secret).update(text).digest()

/** Proofs that two processes with the same secret give alike. */
export const proofs: Proofs = {
  of: (secret, text) => hmac(secret, text).toString('hex'),
  matches: (secret, text, proof) => {
    const [own, theirs] = [hmac(secret, text), Buffer.from(proof, 'hex')]
    return own.length === theirs.length && timingSafeEqual(own, theirs)
  },
}
