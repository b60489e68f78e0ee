/**
 * `npm run docs`: builds the site in docs/site, and fails when the API reference is not complete or a link leads nowhere.
 */
import { buildSite, SITE_FOLDER } from './build-site.js'

const faults = await buildSite(process.cwd())
for (const fault of faults) process.stderr.write(`${fault}\n`)
process.stdout.write(
  faults.length === 0 ? `${SITE_FOLDER}/index.html\n` : `${SITE_FOLDER}: ${faults.length} faults, which stand above.\n`,
)
process.exitCode = faults.length === 0 ? 0 : 1
