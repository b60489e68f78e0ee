/**
 * A step with state whose every output tells how often its key has come: an element that counts twice, or not at all, shows.
 */
import * as t from 'io-ts'
import { type KV, kv, type PCollection, state } from 'millrace'

/** Adds the step `count`. */
export function countSoFar(keyed: PCollection<KV<number, unknown>>): PCollection<KV<number, number>> {
  return keyed.parDo('count', {
    state: { seen: state.value(t.number) },
    output: t.type({ key: t.number, value: t.number }),
    process({ key }, { state: { seen }, emit }) {
      const count = (seen.read() ?? 0) + 1
      seen.write(count)
      emit(kv(key, count))
    },
  })
}
