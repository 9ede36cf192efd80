/**
 * HTTP as WebHDFS needs it, by `node:http`. An edge: it has the network and its timeouts.
 *
 * Not by `fetch`: data nodes answer `100 Continue` to whoever has not asked for it, which undici takes for a broken answer.
 */
import type { ClientRequest, OutgoingHttpHeaders } from 'node:http'
import { ObjectStoreError } from '../object-store/object-store.ts'

export interface HttpAnswer {
  readonly status: number
  /** Of a redirect; it is not followed. */
  readonly location: string | undefined
  readonly body: Uint8Array<ArrayBuffer>
}

export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly body?: Uint8Array
  /** The longest that nothing is heard or taken, while that is waited for. */
  readonly timeoutMs: number
}

/** A request whose body comes in parts. */
export interface HttpUpload {
  /** Resolves when the far side is not too far behind. */
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<HttpAnswer>
  destroy(): void
}

/** Answers whatever status comes back. @throws ObjectStoreError `unreachable` where none does */
export function exchange(request: HttpRequest): Promise<HttpAnswer> {
  const { body } = request
  const { sent, answer } = begin(request, { 'content-length': body?.length ?? 0 })
  sent.end(body)
  return answer
}

export function upload(request: Omit<HttpRequest, 'body'>): HttpUpload {
  const { sent, answer } = begin(request, { 'transfer-encoding': 'chunked' })
  // It may fail at any moment, or be answered before its end; whoever writes next is told.
  const failure = answer.then(({ status }) => {
    throw new ObjectStoreError('unavailable', `${new URL(request.url).host} answered ${status} before the end`)
  })
  failure.catch(() => {})
  return {
    write: async (bytes) => {
      if (sent.write(bytes)) return
      sent.setTimeout(request.timeoutMs)
      await Promise.race([new Promise<void>((resolve) => void sent.once('drain', () => resolve())), failure])
      // The next part may take its time: until then nothing is expected of the far side.
      sent.setTimeout(0)
    },
    end: () => {
      sent.setTimeout(request.timeoutMs)
      sent.end()
      return answer
    },
    destroy: () => void sent.destroy(),
  }
}

function begin(
  { method, url, timeoutMs }: HttpRequest,
  length: OutgoingHttpHeaders,
): { readonly sent: ClientRequest; readonly answer: Promise<HttpAnswer> } {
  // Loaded when it is first used, and not by an import, which would load all of Node's HTTP clients into every thread of every job.
  const { request } = url.startsWith('https:') ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http')
  const sent = request(url, { method, headers: { 'content-type': 'application/octet-stream', ...length }, timeout: timeoutMs })
  const answer = new Promise<HttpAnswer>((resolve, reject) => {
    const failed = (error: Error): void => reject(unreachable(error, new URL(url).host))
    sent.on('timeout', () => void sent.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    sent.on('error', failed)
    sent.on('close', () => failed(new Error('the connection was closed')))
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => void chunks.push(chunk))
      response.on('error', failed)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location,
          body: new Uint8Array(Buffer.concat(chunks)),
        }),
      )
    })
  })
  answer.catch(() => {})
  return { sent, answer }
}

function unreachable(error: Error, host: string): ObjectStoreError {
  const { code, message } = error as { readonly code?: string; readonly message: string }
  return new ObjectStoreError('unreachable', `${host}: ${message === '' ? (code ?? 'no reason given') : message}`, { cause: error })
}
