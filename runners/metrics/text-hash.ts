/**
 * A short mark of a text: FNV-1a, 32 bits in hex. To tell names apart, never to keep anything secret.
 */
export function textHash(text: string): string {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
