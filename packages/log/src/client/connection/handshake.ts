/** What happens on a new connection before its first request: versions, then SASL. */
import type { Clock, MillraceError, Random } from '@millrace/core'
import { ERROR_CODE, errorCode, type ApiResponse } from '../../protocol/index.ts'
import { clientError } from '../errors.ts'
import { BrokerVersions } from './api-versions.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { oauthBearer, plain, scram, type SaslExchange } from './sasl.ts'
import type { Sasl } from './security.ts'

/** Of the client's settings. */
export interface HandshakeSettings {
  readonly clock: Clock
  readonly random: Random
  readonly requestTimeoutMs: number
}

const NEWEST_FIRST = [3, 0] as const

/** Learns the broker's versions. An old broker answers in version 0 that it does not know ours, and is asked again in version 0. */
export async function negotiateVersions(connection: BrokerConnection): Promise<void> {
  for (const version of NEWEST_FIRST) {
    const response = await askVersions(connection, version)
    if (response === undefined) continue
    if (response.errorCode !== ERROR_CODE.NONE) throw refused(connection, 'ApiVersions', response.errorCode)
    connection.versions = new BrokerVersions(response)
    return
  }
  throw clientError('CLIENT_UNSUPPORTED', {
    broker: connection.broker,
    api: 'ApiVersions',
    problem: 'it takes none of the versions there are',
  })
}

/** Undefined where the broker has no such version: its answer then is of version 0, which reads as version 3 only up to its error code. */
async function askVersions(connection: BrokerConnection, version: number): Promise<ApiResponse<'ApiVersions'> | undefined> {
  try {
    const response = await connection.askAt('ApiVersions', version, { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' })
    return response.errorCode === ERROR_CODE.UNSUPPORTED_VERSION ? undefined : response
  } catch (error) {
    if (version > 0 && (error as MillraceError).code === 'CLIENT_BAD_RESPONSE' && connection.isOpen) return undefined
    throw error
  }
}

/**
 * Authenticates. Answers when the session has to be renewed, in milliseconds from now; undefined for never.
 * @throws `CLIENT_AUTHENTICATION`
 */
export async function authenticate(connection: BrokerConnection, sasl: Sasl, settings: HandshakeSettings): Promise<number | undefined> {
  const { mechanism } = sasl
  const { random } = settings
  const fail = (problem: string, cause?: unknown): MillraceError =>
    clientError('CLIENT_AUTHENTICATION', { broker: connection.broker, mechanism, problem }, cause)
  const { errorCode: code, mechanisms } = await connection.askAt('SaslHandshake', connection.versionOf('SaslHandshake', 1), { mechanism })
  if (code !== ERROR_CODE.NONE) throw fail(`${errorCode(code).name}; it knows ${mechanisms.join(', ') || 'none'}`)
  const exchange = await exchangeOf(connection, sasl, settings)
  const version = connection.versionOf('SaslAuthenticate')
  let lifetimeMs = 0
  let answer: Uint8Array = new Uint8Array(0)
  for (;;) {
    let step: IteratorResult<Uint8Array, void>
    try {
      step = exchange.next(answer)
    } catch (error) {
      throw fail((error as Error).message, error)
    }
    if (step.done === true) break
    const response = await connection.askAt('SaslAuthenticate', version, { authBytes: step.value })
    if (response.errorCode !== ERROR_CODE.NONE) throw fail(`${errorCode(response.errorCode).name}: ${response.errorMessage ?? ''}`)
    answer = response.authBytes
    lifetimeMs = response.sessionLifetimeMs
  }
  // Kafka's clients renew between 85 and 95 % of the lifetime, so that many connections do not do so at once.
  return lifetimeMs > 0 ? lifetimeMs * (0.85 + (random.uint32() / 2 ** 32) * 0.1) : undefined
}

async function exchangeOf(connection: BrokerConnection, sasl: Sasl, settings: HandshakeSettings): Promise<SaslExchange> {
  const { random } = settings
  if (sasl.mechanism === 'OAUTHBEARER') return oauthBearer(await tokenInTime(connection, sasl.token, settings), sasl.extensions)
  if (sasl.mechanism === 'PLAIN') return plain(sasl.username, sasl.password)
  return scram(sasl.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512', sasl.username, sasl.password, random)
}

/** The user's function may ask another service: all that waits for this broker waits with it, so no longer than for an answer. */
async function tokenInTime(
  connection: BrokerConnection,
  token: () => string | Promise<string>,
  { clock, requestTimeoutMs }: HandshakeSettings,
): Promise<string> {
  const { promise: overdue, reject } = Promise.withResolvers<never>()
  const cancel = clock.after(requestTimeoutMs, () =>
    reject(new Error(`token() of security.sasl has given no token within ${requestTimeoutMs} ms`)),
  )
  const ended = connection.closed.then((): never => {
    throw new Error('the connection ended while token() of security.sasl was waited for')
  })
  try {
    // Also what it throws at once is one of the race, or nobody would hear of the connection's end.
    const given = (async () => await token())()
    return await Promise.race([given, overdue, ended])
  } finally {
    cancel()
  }
}

function refused(connection: BrokerConnection, api: string, code: number): MillraceError {
  return clientError('CLIENT_REFUSED', { api, subject: 'this client', broker: connection.broker, error: errorCode(code).name, text: '' })
}
