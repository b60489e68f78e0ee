import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { GENERATED_FOLDER, generateProto, PROTOCOLS } from './generate-proto.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

describe('the TypeScript of the protocol', () => {
  it('is what the .proto files give: npm run proto makes it anew', () => {
    const made = generateProto(root)
    expect([...made.keys()]).toEqual(
      PROTOCOLS.flatMap((protocol) =>
        readdirSync(join(root, GENERATED_FOLDER, protocol))
          .sort()
          .map((name) => `${protocol}/${name}`),
      ),
    )
    for (const [name, text] of made)
      expect(readFileSync(join(root, GENERATED_FOLDER, name), 'utf8') === text, `${name} is as it is made`).toBe(true)
  })

  it('has no enum, which types could not be taken away from', () => {
    for (const text of generateProto(root).values()) expect(text).not.toMatch(/^export enum/m)
  })
})
