import type { RequestFrame } from '../../protocol/index.ts'
import type { RequestOrigin } from '../handler.ts'

/** A request that was answered, for debugging: what Kafka writes to its request log. */
export interface RequestLogEntry {
  /** 'Produce', 'Fetch', … */
  readonly api: string
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  /** 'address:port' */
  readonly remote: string
  readonly listener: string
  /** 'User:name' */
  readonly principal: string
  /** Bytes of the answer; 0 for none. */
  readonly answerBytes: number
  /** Whether the connection ended in place of an answer. */
  readonly isClosed: boolean
  readonly durationMs: number
}

type Answer = readonly { readonly length: number }[] | 'none' | 'close'

export function requestLogEntry(request: RequestFrame, { session }: RequestOrigin, answer: Answer, durationMs: number): RequestLogEntry {
  const { host, port, listener, principal } = session.client
  return {
    api: request.api.name,
    version: request.version,
    correlationId: request.correlationId,
    clientId: request.clientId,
    remote: `${host}:${port}`,
    listener,
    principal: `${principal.type}:${principal.name}`,
    answerBytes: typeof answer === 'string' ? 0 : answer.reduce((sum, part) => sum + part.length, 0),
    isClosed: answer === 'close',
    durationMs,
  }
}
