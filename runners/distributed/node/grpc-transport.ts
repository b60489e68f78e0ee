/**
 * The transport over gRPC, by `@grpc/grpc-js`. What messages look like comes from their descriptors; nothing is generated
 * for gRPC, and no code is made at run time.
 */
import {
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import type * as Grpc from '@grpc/grpc-js'
import { CallFailed } from '../transport/call-failed.js'
import type { ListenOptions } from '../transport/listen-options.js'
import type {
  Answered,
  Asked,
  CallOptions,
  Channel,
  ConnectOptions,
  ListeningServer,
  MessageStream,
  ServerBuilder,
  StreamHandler,
  StreamListener,
  StreamMethod,
  Transport,
  TransportFailure,
  UnaryHandler,
  UnaryMethod,
} from '../transport/transport.js'

/** `@grpc/grpc-js` as it is imported. */
export type GrpcPackage = typeof Grpc

/** Bytes that may be on their way before a sender is held up. */
const FLOW_CONTROL_WINDOW = 4 * 1024 * 1024

/** Messages may be of any size: a hot key's are. Engines that are pinged more often than every 20 s hang up. */
const OPTIONS: Readonly<Record<string, number>> = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 300_000,
  'grpc.keepalive_permit_without_calls': 1,
}

/** Makes gRPC connections and servers. */
export function grpcTransport(grpc: GrpcPackage): Transport {
  return {
    connect: (address, options = {}) => new GrpcChannel(grpc, address, options),
    server: () => new GrpcServer(grpc),
  }
}

const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`

function writer<D extends DescMessage>(schema: D): (message: MessageShape<D>) => Buffer {
  return (message) => {
    const bytes = toBinary(schema, message)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

function reader<D extends DescMessage>(schema: D): (bytes: Buffer) => MessageShape<D> {
  return (bytes) => fromBinary(schema, bytes)
}

class GrpcChannel implements Channel {
  readonly #grpc: GrpcPackage
  readonly #client: Grpc.Client

  constructor(grpc: GrpcPackage, address: string, { own = false, authority }: ConnectOptions) {
    this.#grpc = grpc
    const { createInsecure, createSsl } = grpc.credentials
    const credentials = authority === undefined ? createInsecure() : createSsl(Buffer.from(authority))
    this.#client = new grpc.Client(address, credentials, {
      ...OPTIONS,
      ...(own ? { 'grpc.use_local_subchannel_pool': 1 } : {}),
    })
  }

  call<M extends UnaryMethod>(method: M, request: Asked<M>, options: CallOptions = {}): Promise<Answered<M>> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<Asked<M>, Answered<M>>(
        pathOf(method),
        writer(method.input) as (message: Asked<M>) => Buffer,
        reader(method.output) as (bytes: Buffer) => Answered<M>,
        request,
        this.#metadata(options),
        this.#callOptions(options),
        (error, answer) => {
          if (error !== null) reject(new CallFailed(this.#grpc.status[error.code], error.details))
          else if (answer === undefined) reject(new CallFailed('INTERNAL', 'the answer is empty'))
          else resolve(answer)
        },
      )
    })
  }

  stream<M extends StreamMethod>(
    method: M,
    listener: StreamListener<Answered<M>>,
    options: CallOptions = {},
  ): MessageStream<Asked<M>> {
    if (method.methodKind === 'server_streaming') return this.#serverStream(method, listener, options)
    const call = this.#client.makeBidiStreamRequest<Asked<M>, Answered<M>>(
      pathOf(method),
      writer(method.input) as (message: Asked<M>) => Buffer,
      reader(method.output) as (bytes: Buffer) => Answered<M>,
      this.#metadata(options),
      this.#callOptions(options),
    )
    const leaving = new Leaving()
    listen<Answered<M>>(this.#grpc, call, {
      message: (message) => listener.message(message),
      end: (failure) => {
        leaving.isOver()
        listener.end(failure)
      },
    })
    return {
      send: (message, sent) => void call.write(message, leaving.called(sent)),
      finish: () => void call.end(),
      cancel: () => call.cancel(),
      pause: () => void call.pause(),
      resume: () => void call.resume(),
    }
  }

  /** Such a call begins with its only question. */
  #serverStream<M extends StreamMethod>(
    method: M,
    listener: StreamListener<Answered<M>>,
    options: CallOptions,
  ): MessageStream<Asked<M>> {
    let call: Grpc.ClientReadableStream<Answered<M>> | undefined
    return {
      send: (message, sent) => {
        call = this.#client.makeServerStreamRequest<Asked<M>, Answered<M>>(
          pathOf(method),
          writer(method.input) as (message: Asked<M>) => Buffer,
          reader(method.output) as (bytes: Buffer) => Answered<M>,
          message,
          this.#metadata(options),
          this.#callOptions(options),
        )
        listen(this.#grpc, call, listener)
        sent?.()
      },
      finish: () => undefined,
      cancel: () => call?.cancel(),
      pause: () => void call?.pause(),
      resume: () => void call?.resume(),
    }
  }

  close(): void {
    this.#client.close()
  }

  #metadata({ metadata = {} }: CallOptions): Grpc.Metadata {
    const made = new this.#grpc.Metadata()
    for (const [name, value] of Object.entries(metadata)) made.set(name, value)
    return made
  }

  #callOptions({ timeoutMillis }: CallOptions): Grpc.CallOptions {
    return timeoutMillis === undefined ? {} : { deadline: Date.now() + timeoutMillis }
  }
}

/** Who waits for messages to leave: gRPC forgets them when a stream breaks. */
class Leaving {
  readonly #waiting = new Set<() => void>()
  #isOver = false

  /** To be called when a message has left. @param sent is called once, then or when the stream is over. */
  called(sent: (() => void) | undefined): () => void {
    if (sent === undefined) return () => undefined
    const once = (): void => {
      if (this.#waiting.delete(once)) sent()
    }
    this.#waiting.add(once)
    // It may be for the caller to say first that it has sent.
    if (this.#isOver) queueMicrotask(once)
    return once
  }

  isOver(): void {
    this.#isOver = true
    for (const once of [...this.#waiting]) once()
  }
}

/** Hands on what comes in, and the end once. */
function listen<In>(grpc: GrpcPackage, call: Grpc.ClientReadableStream<In>, listener: StreamListener<In>): void {
  let isOver = false
  const end = (failure: TransportFailure | undefined): void => {
    if (isOver) return
    isOver = true
    listener.end(failure)
  }
  call.on('data', (message: In) => {
    if (!isOver) listener.message(message)
  })
  call.on('status', ({ code, details }: Grpc.StatusObject) =>
    end(code === grpc.status.OK ? undefined : { status: grpc.status[code], message: details }),
  )
  call.on('error', (error: Grpc.ServiceError) => end({ status: grpc.status[error.code], message: error.details }))
}

class GrpcServer implements ServerBuilder {
  readonly #grpc: GrpcPackage
  readonly #services = new Map<
    string,
    { definition: Grpc.ServiceDefinition; handlers: Grpc.UntypedServiceImplementation }
  >()

  constructor(grpc: GrpcPackage) {
    this.#grpc = grpc
  }

  unary<M extends UnaryMethod>(method: M, handler: UnaryHandler<M>): void {
    const handle: Grpc.handleUnaryCall<Asked<M>, Answered<M>> = (call, done) => {
      handler(call.request, metadataOf(call.metadata)).then(
        (answer) => done(null, answer),
        (error: unknown) => done({ code: this.#grpc.status.UNKNOWN, details: String((error as Error).message) }),
      )
    }
    this.#add(method, handle as Grpc.UntypedHandleCall)
  }

  stream<M extends DescMethodBiDiStreaming>(method: M, handler: StreamHandler<M>): void {
    const handle: Grpc.handleBidiStreamingCall<Asked<M>, Answered<M>> = (call) => {
      let isOver = false
      const leaving = new Leaving()
      const end = (failure: TransportFailure | undefined): void => {
        // A client that has said all may still listen.
        if (failure !== undefined) leaving.isOver()
        if (isOver) return
        isOver = true
        listener.end(failure)
      }
      const listener = handler(
        {
          send: (message, sent) => void call.write(message, leaving.called(sent)),
          finish: () => void call.end(),
          cancel: () => call.destroy(),
          pause: () => void call.pause(),
          resume: () => void call.resume(),
          fail: (status, details) => {
            const { status: codes } = this.#grpc
            call.emit('error', { code: codes[status as keyof typeof codes] ?? codes.UNKNOWN, details })
          },
        },
        metadataOf(call.metadata),
      )
      call.on('data', (message: Asked<M>) => {
        if (!isOver) listener.message(message)
      })
      call.on('end', () => end(undefined))
      call.on('cancelled', () => end({ status: 'CANCELLED', message: 'the client is gone' }))
      call.on('error', (error) => end({ status: 'UNKNOWN', message: error.message }))
    }
    this.#add(method, handle as Grpc.UntypedHandleCall)
  }

  #add(method: DescMethod, handle: Grpc.UntypedHandleCall): void {
    const name = method.parent.typeName
    let service = this.#services.get(name)
    if (service === undefined) this.#services.set(name, (service = { definition: {}, handlers: {} }))
    const isStream = method.methodKind !== 'unary'
    ;(service.definition as Record<string, Grpc.MethodDefinition<unknown, unknown>>)[method.localName] = {
      path: pathOf(method),
      requestStream: isStream,
      responseStream: isStream,
      requestSerialize: writer(method.input) as (message: unknown) => Buffer,
      requestDeserialize: reader(method.input),
      responseSerialize: writer(method.output) as (message: unknown) => Buffer,
      responseDeserialize: reader(method.output),
    }
    service.handlers[method.localName] = handle
  }

  listen({ host = '127.0.0.1', port = 0, tls }: ListenOptions = {}): Promise<ListeningServer> {
    const server = new this.#grpc.Server({ ...OPTIONS, 'grpc.http2.max_ping_strikes': 0 })
    for (const { definition, handlers } of this.#services.values()) server.addService(definition, handlers)
    return new Promise((resolve, reject) => {
      const { createInsecure, createSsl } = this.#grpc.ServerCredentials
      const pair = tls && { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.certificate) }
      const credentials = pair === undefined ? createInsecure() : createSsl(null, [pair])
      server.bindAsync(`${host}:${port}`, credentials, (error, bound) => {
        if (error !== null) {
          reject(new CallFailed('UNAVAILABLE', error.message))
          return
        }
        resolve({
          address: `${host === '127.0.0.1' ? 'localhost' : host}:${bound}`,
          close: () =>
            new Promise((closed) => {
              // Streams that clients keep open are not waited for.
              server.forceShutdown()
              closed()
            }),
        })
      })
    })
  }
}

function metadataOf(metadata: Grpc.Metadata): ReadonlyMap<string, string> {
  return new Map(Object.entries(metadata.getMap()).map(([name, value]) => [name, value.toString()]))
}
