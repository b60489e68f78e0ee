/**
 * `npm run docs:pictures`: draws the pictures of the pages again. A test holds them to what this makes.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawPictures, PICTURES_FOLDER } from './all.js'

const folder = join(process.cwd(), PICTURES_FOLDER)
const drawn = await drawPictures()
mkdirSync(folder, { recursive: true })
for (const file of readdirSync(folder)) if (!drawn.has(file.replace(/\.svg$/, ''))) rmSync(join(folder, file))
for (const [name, svg] of drawn) writeFileSync(join(folder, `${name}.svg`), svg)
process.stdout.write(`${PICTURES_FOLDER}: ${drawn.size} pictures\n`)
