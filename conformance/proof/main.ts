/**
 * `npm run proof -- LANE [flags]`: the full set of what a lane claims; without a lane, the list of lanes.
 *
 * The programs of `conformance/` are built with everything else (`tsc -b`, into `dist/conformance`) and import the
 * package by its public name, which resolves to the built package: what is proven, and what `npm run bench` measures,
 * is what is shipped. No loader and no bundler stand between.
 */
import { dispatch } from './dispatch.js'
import { lanes } from './lanes.js'

process.exitCode = await dispatch(process.argv.slice(2), lanes, (line) => process.stdout.write(`${line}\n`))
