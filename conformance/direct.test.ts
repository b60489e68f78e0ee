/**
 * The suite on the direct runner, in one mode. `npm run conformance` runs it in all.
 */
import { directRunner } from 'millrace/direct'
import { conformance } from 'millrace/conformance'

await conformance(() => directRunner())
