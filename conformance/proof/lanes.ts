/**
 * The lanes that exist, in the order in which `npm run proof` lists them. A lane is added here and nowhere else:
 *
 * ```ts
 * { name: 'keys', meaning: 'grouping by identity equals grouping by bytes [--seeds n]', load: async () => (await import('./keys.js')).main }
 * ```
 */
import type { Lane } from './lane.js'

/** The table of lanes. */
export const lanes: readonly Lane[] = []
