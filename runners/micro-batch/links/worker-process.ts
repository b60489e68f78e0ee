/**
 * The main thread of a worker's process: carries messages between the driver's socket and the thread that runs the author's code, as
 * bytes that it does not look into. Whatever that thread does, this one hears the driver.
 *
 * Law: when the driver is gone, however that came, so is this process.
 */
import { Socket } from 'node:net'
import { deserialize } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { FRAME, FrameReader, writeFrame } from './frames.js'
import { entry } from './entry.js'
import type { WorkerBoot } from './worker-boot.js'

const DRIVER = 3

// Whoever ends a group of processes (Ctrl-C, a service manager) ends the driver, and it decides what becomes of its workers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined)

const socket = new Socket({ fd: DRIVER, readable: true, writable: true })
let worker: Worker | undefined

const reader = new FrameReader((kind, bytes) => {
  if (kind === FRAME.ping) writeFrame(socket, FRAME.ping)
  else if (kind === FRAME.end) process.exit(0)
  else if (worker === undefined) begin(deserialize(bytes) as WorkerBoot)
  else worker.postMessage(bytes, [bytes.buffer])
})

function begin(boot: WorkerBoot): void {
  worker = new Worker(entry('worker-thread'), { workerData: { boot, isFramed: true }, name: 'millrace-worker' })
  worker.on('message', (bytes: Uint8Array) => writeFrame(socket, FRAME.message, bytes))
  worker.on('error', (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  })
  worker.on('exit', (code) => process.exit(process.exitCode ?? code))
}

function orphaned(): void {
  // At once: an exit would wait for what runs on the other thread.
  process.kill(process.pid, 'SIGKILL')
}

socket.on('data', (piece) => reader.push(piece))
socket.on('end', orphaned)
socket.on('close', orphaned)
socket.on('error', orphaned)
