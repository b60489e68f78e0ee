/**
 * The order in which the steps of a fragment are built: an engine sends them in none.
 */
import type { TransformNode } from '../../../sdk/graph/model.js'

/** Ids so that makers stand before readers. */
export function inOrder(transforms: ReadonlyMap<string, TransformNode>): readonly string[] {
  const makerOf = new Map<string, string>()
  for (const [id, { outputs }] of transforms) for (const collection of outputs.values()) makerOf.set(collection, id)
  const order: string[] = []
  const seen = new Set<string>()
  const visit = (id: string): void => {
    if (seen.has(id)) return
    seen.add(id)
    for (const input of transforms.get(id)?.inputs.values() ?? []) {
      const maker = makerOf.get(input)
      if (maker !== undefined) visit(maker)
    }
    order.push(id)
  }
  for (const id of transforms.keys()) visit(id)
  return order
}
