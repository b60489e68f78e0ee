/**
 * Servers that are asked again and again, as streams of what they answer.
 *
 * @module
 */
export { poll, type PollOptions } from './poll.js'
export type { PollRequest, PollResponse, PollRetry } from './exchange.js'
