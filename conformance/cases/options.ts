/**
 * Options of a pipeline: typed, checked before anything is built, the same for ever after.
 */
import * as t from 'io-ts'
import { definePipeline } from 'millrace'
import { type ConformanceCase, constructionCase } from './case.js'

type Options = { readonly least: number; readonly words?: string }

/** The options that a definition's build is given. */
function resolvedFrom(given: object): readonly Options[] {
  const resolved: Options[] = []
  const definition = definePipeline({
    name: 'above',
    options: t.intersection([t.type({ least: t.number }), t.partial({ words: t.string })]),
    build: (p, options) => {
      resolved.push(options)
      p.create('least', [options.least])
    },
  })
  definition.build(given)
  return resolved
}

/** The cases. */
export const cases: readonly ConformanceCase[] = [
  constructionCase({
    id: 'DSP-08',
    name: 'options reach the build as they were given, and cannot be changed',
    check(claims) {
      const [options] = resolvedFrom({ least: 2 })
      claims.same(options, { least: 2 }, 'options')
      claims.holds(Object.isFrozen(options), 'options that are frozen')
    },
  }),
  constructionCase({
    id: 'DSP-08/wrong',
    name: 'an option of a wrong type is refused, naming it; so is one that is missing',
    check(claims) {
      claims.refuses(() => resolvedFrom({ least: 'two' }), { message: /above.*least/ })
      claims.refuses(() => resolvedFrom({}), { message: /above.*least/ })
    },
  }),
  constructionCase({
    id: 'DSP-08/unknown',
    name: 'an option that there is not is refused, with the nearest name',
    check: (claims) =>
      void claims.refuses(() => resolvedFrom({ least: 2, leest: 3 }), { message: /no option "leest".*least/ }),
  }),
]
