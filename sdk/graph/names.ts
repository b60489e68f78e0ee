/**
 * Names of steps for people.
 */

/** The author's step behind a step: those that the SDK adds (`$…`) speak for the one around them. */
export function authorPath(uniqueName: string): string {
  const reserved = uniqueName.indexOf('/$')
  return reserved < 0 ? uniqueName : uniqueName.slice(0, reserved)
}

/** The author's step whose output a collection is. */
export function producerPath(collectionId: string): string {
  return authorPath(collectionId.replace(/\.[^./]*$/, ''))
}
