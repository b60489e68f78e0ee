/**
 * Tokens that an engine gives with a bundle: as long as they stay the same, what was read under them is still so.
 */
import type { ProcessBundleRequest } from '../proto/generated/beam/fn_execution_pb.js'
import type { CacheTokens } from './messages.js'

/** Tokens as text. */
export function tokensOf({ cacheTokens }: ProcessBundleRequest): CacheTokens {
  let state: string | undefined
  const sides = new Map<string, string>()
  for (const { type, token } of cacheTokens) {
    const text = [...token].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    if (type.case === 'userState') state = text
    else if (type.case === 'sideInput') sides.set(`${type.value.transformId} ${type.value.sideInputId}`, text)
  }
  return { state, sides }
}
