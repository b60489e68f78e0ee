/**
 * Fields of records whose names nobody has chosen here.
 */

/** Sets a field, whatever it is called: an assignment to `__proto__` would be lost. */
export function setField(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true })
  else record[name] = value
}
