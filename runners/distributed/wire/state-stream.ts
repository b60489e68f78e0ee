/**
 * State on the wire: any number of requests are on their way at once; their order is the order of their effect.
 *
 * Law: every request is answered once, by the engine or by the end of the stream; a read that spans several answers is one.
 */
import { create, fromBinary } from '@bufbuild/protobuf'
import { coded } from '../../../sdk/error-codes.js'
import {
  BeamFnState,
  StateKeySchema,
  type StateRequest,
  StateRequestSchema,
  type StateResponse,
} from '../proto/generated/beam/fn_execution_pb.js'
import type { CallOptions, Channel, MessageStream, TransportFailure } from '../transport/transport.js'
import { joined } from './artifacts.js'
import type { StateChange } from './messages.js'

type Settle = (response: StateResponse | Error) => void

/** The State service of one worker. */
export class StateStream {
  readonly #stream: MessageStream<StateRequest>
  readonly #open = new Map<string, Settle>()
  readonly #lost: (failure: string) => void
  #next = 0
  #failure: string | undefined

  /** @param lost is told when the stream breaks. */
  constructor(channel: Channel, options: CallOptions, lost: (failure: string) => void) {
    this.#lost = lost
    this.#stream = channel.stream(
      BeamFnState.method.state,
      {
        message: (response) => {
          const settle = this.#open.get(response.id)
          this.#open.delete(response.id)
          settle?.(response)
        },
        end: (failure) => this.#end(failure),
      },
      options,
    )
  }

  /** Everything that a cell holds. */
  async read(instructionId: string, key: Uint8Array): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    let continuationToken: Uint8Array<ArrayBuffer> = new Uint8Array(0)
    do {
      const response = await this.#ask(instructionId, key, { case: 'get', value: { continuationToken } })
      const got = response.response.case === 'get' ? response.response.value : undefined
      if (got !== undefined && got.data.length > 0) chunks.push(got.data)
      continuationToken = (got?.continuationToken as Uint8Array<ArrayBuffer> | undefined) ?? new Uint8Array(0)
    } while (continuationToken.length > 0)
    return joined(chunks)
  }

  /** Changes a cell. */
  async change(instructionId: string, key: Uint8Array, change: StateChange): Promise<void> {
    const request = change.kind === 'append' ? { case: 'append', value: { data: change.data } } : { case: 'clear' }
    await this.#ask(instructionId, key, request)
  }

  #ask(instructionId: string, key: Uint8Array, request: object): Promise<StateResponse> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(lost(this.#failure))
        return
      }
      const id = String(this.#next++)
      this.#open.set(id, (response) => {
        if (response instanceof Error) reject(response)
        else if (response.error !== '') reject(lost(`the engine refuses a request for state: ${response.error}`))
        else resolve(response)
      })
      const stateKey = fromBinary(StateKeySchema, key)
      this.#stream.send(create(StateRequestSchema, { id, instructionId, stateKey, request: request as never }))
    })
  }

  #end(failure: TransportFailure | undefined): void {
    if (this.#failure !== undefined) return
    const text = `the stream of state is over (${failure?.status ?? 'OK'}: ${failure?.message ?? 'the engine ended it'})`
    this.#isOver(text)
    this.#lost(text)
  }

  /** Nothing more comes. Whoever has asked may block a thread until he has his answer. */
  #isOver(failure: string): void {
    this.#failure = failure
    for (const settle of this.#open.values()) settle(lost(failure))
    this.#open.clear()
  }

  close(): void {
    if (this.#failure === undefined) this.#isOver('the worker has ended')
    this.#stream.cancel()
  }
}

const lost = (text: string): Error => coded('MR-6203', new Error(text))
