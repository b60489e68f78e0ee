/** `npm run proto`: makes the TypeScript of the protocol anew. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GENERATED_FOLDER, generateProto, PROTOCOLS } from './generate-proto.js'

const root = process.cwd()
for (const protocol of PROTOCOLS) mkdirSync(join(root, GENERATED_FOLDER, protocol), { recursive: true })
for (const [name, text] of generateProto(root)) writeFileSync(join(root, GENERATED_FOLDER, name), text)
