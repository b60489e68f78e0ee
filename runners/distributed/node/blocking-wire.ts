/**
 * A wire, as the thread of user code sees it, over the port of another thread: blocks this one where user code reads state.
 *
 * Law: one read is under way at a time, so the next answer is its answer. Waiting counts answers, not wake-ups: a late wake-up of
 * the answer before would else be taken for this one's. Nobody waits for a wire that is over: its end counts as an answer.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { coded } from '../../../sdk/error-codes.js'
import type { Answer, ToUser, ToWire, Wire } from '../wire/messages.js'
import { SharedCounters } from '../wire/shared-counters.js'

/** Where answers to reads come in. */
export interface AnswerPort {
  readonly answers: MessagePort
  /** One number, which grows with each answer. */
  readonly answered: SharedArrayBuffer
  /** Of the counters that both threads look at. */
  readonly shared: SharedArrayBuffer
}

/** Reads by sending a request and waiting for its answer. */
export function blockingRead({ answers, answered, shared }: AnswerPort, post: (message: ToWire) => void): Wire['read'] {
  const counter = new Int32Array(answered)
  const counters = new SharedCounters(shared)
  let seen = 0
  return (request) => {
    if (counters.isOver) throw over()
    post(request)
    while (Atomics.load(counter, 0) === seen) Atomics.wait(counter, 0, seen)
    seen = (seen + 1) | 0
    const answer = receiveMessageOnPort(answers)?.message as Answer | undefined
    if (answer?.kind === 'values') return answer.values
    throw answer === undefined ? over() : coded('MR-6203', new Error(answer.message))
  }
}

const over = (): Error => coded('MR-6203', new Error('the run is over, and with it the state that steps could read'))

/** The wire is over: who waits for an answer, or for room, goes on; who asks later does not begin to wait. */
export function endWire({ answered, shared }: Pick<AnswerPort, 'answered' | 'shared'>): void {
  new SharedCounters(shared).end()
  const counter = new Int32Array(answered)
  Atomics.add(counter, 0, 1)
  Atomics.notify(counter, 0)
}

/** The other end: gives answers. */
export function answering({ answers, answered }: AnswerPort): (answer: Answer) => void {
  const counter = new Int32Array(answered)
  return (answer) => {
    answers.postMessage(answer)
    Atomics.add(counter, 0, 1)
    Atomics.notify(counter, 0)
  }
}

/** Bytes that share no memory with others are handed over; the rest is copied. */
export function ownBytes(message: ToUser): ArrayBuffer[] {
  if (message.kind !== 'data') return []
  const { buffer, byteLength } = message.bytes
  return buffer.byteLength === byteLength && buffer instanceof ArrayBuffer ? [buffer] : []
}
