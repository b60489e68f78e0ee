/**
 * HTTP by the platform's `fetch`, which Node and pages both have.
 */
import type { HttpClient, HttpRequest, HttpResponse } from '../../sdk/env.js'
import { coded } from '../../sdk/error-codes.js'
import { messageOf } from '../../sdk/errors.js'

/** What asks servers; `undefined` where the platform has no `fetch`. @param redirect what happens to answers that lead elsewhere. */
export function fetchHttp(redirect: 'manual' | 'follow'): HttpClient | undefined {
  if (typeof fetch !== 'function') return undefined
  return { request: (request) => ask(request, redirect) }
}

async function ask(request: HttpRequest, redirect: 'manual' | 'follow'): Promise<HttpResponse> {
  const { url, method, headers, body, maxBytes, signal } = request
  try {
    const answer = await fetch(url, { method, headers, redirect, signal, ...(body === undefined ? {} : { body }) })
    const read = answer.body === null ? new Uint8Array(0) : await readAll(answer.body, maxBytes)
    return { status: answer.status, headers: new Map(answer.headers), body: read }
  } catch (error) {
    // What fetch throws says only that it failed; why is in its cause.
    const { cause } = error as { readonly cause?: unknown }
    throw cause === undefined ? error : coded('MR-5203', new Error(causeText(cause), { cause: error }))
  }
}

/** A refused connection, for instance, has no message but a code. */
function causeText(cause: unknown): string {
  const { code } = cause as { readonly code?: unknown }
  const message = messageOf(cause)
  return message !== '' || typeof code !== 'string' ? message : code
}

async function readAll(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > maxBytes) {
      await reader.cancel()
      throw coded('MR-5203', new Error(`the answer has more than ${maxBytes} bytes`))
    }
    chunks.push(value)
  }
  const all = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}
