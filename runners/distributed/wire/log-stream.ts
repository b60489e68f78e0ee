/**
 * Lines of user code on their way to an engine's log.
 *
 * Law: a log never holds up a bundle, and never fails one. What the engine does not take in time is dropped, and how many lines that
 * were is a line of its own.
 */
import { create, type JsonObject } from '@bufbuild/protobuf'
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt'
import {
  BeamFnLogging,
  type LogEntry,
  type LogEntry_List,
  LogEntry_ListSchema,
  LogEntry_Severity_Enum as Severity,
  LogEntrySchema,
} from '../proto/generated/beam/fn_execution_pb.js'
import type { CallOptions, Channel, MessageStream, Transport } from '../transport/transport.js'
import type { LogLine } from './messages.js'

/** Lines that wait; more are dropped. */
const WAITING_MAX = 10_000
/** Lines that are sent together, and how long they wait for others. */
const BATCH_MAX = 1000
const BATCH_MILLIS = 50
/** How long it takes until a stream that broke is opened again. */
const RETRY_MILLIS = 500

const SEVERITY: Readonly<Record<LogLine['level'], Severity>> = {
  trace: Severity.TRACE,
  debug: Severity.DEBUG,
  info: Severity.INFO,
  warn: Severity.WARN,
  error: Severity.ERROR,
}

/** What a log needs of the world. */
export interface LogWorld {
  readonly transport: Transport
  later(millis: number, run: () => void): void
}

/** The log of one worker. */
export class LogStream {
  readonly #world: LogWorld
  readonly #address: string
  readonly #options: CallOptions
  #waiting: LogEntry[] = []
  #dropped = 0
  #onTheWay = 0
  #channel: Channel | undefined
  #stream: MessageStream<LogEntry_List> | undefined
  #isScheduled = false
  #mayConnect = true
  #isOver = false

  constructor(world: LogWorld, address: string, options: CallOptions) {
    this.#world = world
    this.#address = address
    this.#options = options
  }

  /** Takes a line. */
  add(instructionId: string, { level, message, millis, transformId, trace, fields }: LogLine): void {
    if (this.#isOver) return
    if (this.#waiting.length + this.#onTheWay >= WAITING_MAX) {
      this.#dropped++
      return
    }
    const customData = JSON.parse(fields) as JsonObject
    const place = { instructionId, transformId, thread: 'user', trace, customData }
    this.#waiting.push(
      create(LogEntrySchema, { severity: SEVERITY[level], timestamp: timestampOf(millis), message, ...place }),
    )
    if (this.#waiting.length >= BATCH_MAX) this.#flush()
    else this.#schedule(BATCH_MILLIS)
  }

  #schedule(millis: number): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#world.later(millis, () => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#waiting.length === 0) return
    if (this.#stream === undefined) {
      if (!this.#mayConnect) return this.#schedule(RETRY_MILLIS)
      this.#connect()
    }
    const logEntries = this.#waiting
    this.#waiting = []
    if (this.#dropped > 0) {
      const message = `${this.#dropped} lines were dropped: the engine did not take them in time`
      const timestamp = (logEntries.at(-1) as LogEntry).timestamp as Timestamp
      logEntries.push(create(LogEntrySchema, { severity: Severity.WARN, message, timestamp }))
      this.#dropped = 0
    }
    this.#onTheWay += logEntries.length
    this.#stream?.send(create(LogEntry_ListSchema, { logEntries }), () => (this.#onTheWay -= logEntries.length))
  }

  #connect(): void {
    this.#channel ??= this.#world.transport.connect(this.#address)
    const stream = this.#channel.stream(
      BeamFnLogging.method.logging,
      {
        message: () => undefined,
        end: () => {
          if (this.#stream === stream) this.#stream = undefined
          this.#mayConnect = false
          this.#world.later(RETRY_MILLIS, () => (this.#mayConnect = true))
        },
      },
      this.#options,
    )
    this.#stream = stream
  }

  /** Sends what waits, and ends. */
  close(): void {
    if (this.#isOver) return
    this.#flush()
    this.#isOver = true
    this.#stream?.finish()
    this.#channel?.close()
  }
}

function timestampOf(millis: number): Timestamp {
  const seconds = Math.floor(millis / 1000)
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: Math.trunc(millis - seconds * 1000) * 1_000_000 })
}
