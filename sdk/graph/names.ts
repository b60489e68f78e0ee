/**
 * Names of steps, and their elements, for people.
 */

/** Name of the combine per key inside of combineGlobally, and of no other step that has steps inside. */
export const COMBINE_OF_ALL = 'combine'

/** The author's step behind a step: those that the SDK adds (`$…`) speak for the one around them. */
export function authorPath(uniqueName: string): string {
  const reserved = uniqueName.indexOf('/$')
  return reserved < 0 ? uniqueName : uniqueName.slice(0, reserved)
}

/** The author's step whose output a collection is. */
export function producerPath(collectionId: string): string {
  return authorPath(collectionId.replace(/\.[^./]*$/, ''))
}

/** The element as the author knows it: combineGlobally gives all elements one key, null, of which nobody else has heard. */
export function authorElement(uniqueName: string, element: unknown): unknown {
  if (!uniqueName.includes(`/$${COMBINE_OF_ALL}/`) || typeof element !== 'object' || element === null) return element
  // Where the key was only implied, generated code hands the element over as it came in.
  return 'value' in element && 'key' in element && element.key === null ? element.value : element
}
