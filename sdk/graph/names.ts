/**
 * Names of steps, and their elements, for people.
 */

/** Name of the combine per key inside of combineGlobally, and of no other step that has steps inside. */
export const COMBINE_OF_ALL = 'combine'

/** Name of the combine per key inside of steps that make every element its own key, and of no other step. */
export const COMBINE_OF_EACH = 'each'

/** Name of the combine per key inside of steps that find the key of an element by themselves, and of no other step. */
export const COMBINE_BY_KEY_INSIDE = 'either'

/** The author's step behind a step: those that the SDK adds (`$…`) speak for the one around them. */
export function authorPath(uniqueName: string): string {
  const reserved = uniqueName.indexOf('/$')
  return reserved < 0 ? uniqueName : uniqueName.slice(0, reserved)
}

/** The author's step whose output a collection is. */
export function producerPath(collectionId: string): string {
  return authorPath(collectionId.replace(/\.[^./]*$/, ''))
}

/** The element as it came to the author's step: some steps give it a key inside, of which nobody else has heard. */
export function authorElement(uniqueName: string, element: unknown): unknown {
  if (typeof element !== 'object' || element === null || !('key' in element && 'value' in element)) return element
  const isInside = (name: string): boolean => uniqueName.includes(`/$${name}/`)
  if (isInside(COMBINE_OF_EACH)) return element.key
  if (isInside(COMBINE_BY_KEY_INSIDE)) return element.value
  // Where the key was only implied, generated code hands the element over as it came in.
  return isInside(COMBINE_OF_ALL) && element.key === null ? element.value : element
}
