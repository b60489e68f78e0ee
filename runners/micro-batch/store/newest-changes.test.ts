/**
 * The newest record of each entry, against a Map of texts.
 */
import { seededRandom } from 'millrace'
import { describe, expect, it } from 'vitest'
import { changesIn } from './change-bytes.js'
import { ChunkReader, ChunkWriter } from './change-chunks.js'
import { NewestChanges } from './newest-changes.js'

const PARTS = ['', 'a', 'b cells']
const idOf = (n: number): Uint8Array => Uint8Array.from({ length: n % 5 }, (_, i) => (n >> i) & 3)

function nameOf(part: string, id: Uint8Array): string {
  return `${part}/${id.join()}`
}

describe('the newest changes', () => {
  it.each([1, 2, 3, 4, 5])('are those that came last, whatever parts and ids there are: seed %i', (seed) => {
    const random = seededRandom(seed)
    const int = (below: number): number => Math.floor(random() * below)
    const expected = new Map<string, string | undefined>()
    const newest = new NewestChanges()
    for (let chunks = 1 + int(5); chunks > 0; chunks--) {
      const writer = new ChunkWriter()
      for (let records = int(4000); records > 0; records--) {
        const part = PARTS[int(3)] as string
        const id = idOf(int(2000))
        const content = int(3) === 0 ? undefined : Uint8Array.from({ length: int(100) }, () => int(256))
        expected.set(nameOf(part, id), content?.join())
        writer.put(part, int(256), id, content)
      }
      for (const chunk of writer.finish()) newest.put(chunk)
    }
    const written = new ChunkWriter()
    newest.writeTo(written)
    const found = new Map<string, string>()
    for (const chunk of written.finish()) {
      for (const { part, id, content } of changesIn(chunk)) found.set(nameOf(part, id), content?.join() ?? 'gone')
    }
    expect(found).toEqual(new Map([...expected].filter(([, content]) => content !== undefined)))
    const asked = new ChunkWriter()
    for (const part of [...PARTS, 'another']) for (let n = 0; n < 2000; n++) asked.put(part, 0, idOf(n), undefined)
    for (const chunk of asked.finish()) {
      for (const reader = new ChunkReader(chunk); reader.next();)
        expect(newest.has(reader)).toBe(expected.has(nameOf(reader.part, reader.id)))
    }
  })
})
