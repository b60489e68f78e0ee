/**
 * What the protocol asks of a transport: calls and streams of protobuf messages. What carries them is a capability, so that
 * everything above can be tested without a network, and carried by something faster one day.
 *
 * Law: messages of a stream arrive whole and in order. A stream ends once, with or without an error; nothing arrives after that.
 */
import type {
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageShape,
} from '@bufbuild/protobuf'
import type { DescMethod } from '@bufbuild/protobuf'
import type { ListenOptions } from './listen-options.js'

/** A method that answers once. */
export type UnaryMethod = DescMethodUnary
/** A method whose answers are a stream. */
export type StreamMethod = DescMethodBiDiStreaming | DescMethodServerStreaming

/** What a method is asked. */
export type Asked<M extends DescMethod> = MessageShape<M['input']>
/** What a method answers. */
export type Answered<M extends DescMethod> = MessageShape<M['output']>

/** How a call failed. */
export interface TransportFailure {
  /** gRPC's name of the status: `UNAVAILABLE`, `NOT_FOUND` … */
  readonly status: string
  readonly message: string
}

/** What comes in on a stream. */
export interface StreamListener<In> {
  message(message: In): void
  /** The stream is over: `undefined` when the other side ended it in order. */
  end(failure: TransportFailure | undefined): void
}

/** A stream, seen from one side. */
export interface MessageStream<Out> {
  /** Sends a message; `sent` is called when it has left, or when it never will. */
  send(message: Out, sent?: () => void): void
  /** Nothing more will be sent. */
  finish(): void
  /** Ends the stream at once, both ways. */
  cancel(): void
  /** Takes no more messages until {@link MessageStream.resume}; the other side is held up once what lies between is full. */
  pause(): void
  resume(): void
}

/** A stream that a client has opened. */
export interface ServedStream<Out> extends MessageStream<Out> {
  /** Refuses the client. @param status gRPC's name of it. */
  fail(status: string, message: string): void
}

/** What goes with a call. */
export interface CallOptions {
  /** Names in lower case, values in ASCII. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Milliseconds the whole call may take. Default: no limit. */
  readonly timeoutMillis?: number
}

/** A connection to a server. */
export interface Channel {
  /** @throws {CallFailed} */
  call<M extends UnaryMethod>(method: M, request: Asked<M>, options?: CallOptions): Promise<Answered<M>>
  /** Opens a stream; of a method that is asked once, the first message sent is the question. */
  stream<M extends StreamMethod>(
    method: M,
    listener: StreamListener<Answered<M>>,
    options?: CallOptions,
  ): MessageStream<Asked<M>>
  close(): void
}

/** Answers calls of one method. */
export type UnaryHandler<M extends UnaryMethod> = (
  request: Asked<M>,
  metadata: ReadonlyMap<string, string>,
) => Promise<Answered<M>>

/** Takes a stream that a client has opened, and says who listens to it. */
export type StreamHandler<M extends DescMethodBiDiStreaming> = (
  stream: ServedStream<Answered<M>>,
  metadata: ReadonlyMap<string, string>,
) => StreamListener<Asked<M>>

/** How a server is reached. */
export interface ConnectOptions {
  /** Asks for a connection that is shared with no other channel to the same address. */
  readonly own?: boolean
  /** Encrypts, and trusts servers whose certificate this one, a text in PEM, has signed. */
  readonly authority?: string
}

/** A server that is not listening yet. */
export interface ServerBuilder {
  unary<M extends UnaryMethod>(method: M, handler: UnaryHandler<M>): void
  stream<M extends DescMethodBiDiStreaming>(method: M, handler: StreamHandler<M>): void
  /** @throws {CallFailed} when it cannot listen there. */
  listen(options?: ListenOptions): Promise<ListeningServer>
}

/** A server at work. */
export interface ListeningServer {
  /** `host:port`. */
  readonly address: string
  close(): Promise<void>
}

/** Makes connections and servers. */
export interface Transport {
  /** @param address `host:port`. */
  connect(address: string, options?: ConnectOptions): Channel
  server(): ServerBuilder
}
