/**
 * One connection's authentication by SASL, from its handshake on, and again later (KIP-368).
 *
 * 1. The state is that of `exchange-state.ts`; a failure is final.
 * 2. Once it is ready the user never changes.
 * 3. Calls come one after the other: whoever owns the connection waits for each.
 */
import { messageOf } from '@millrace/core'
import type { Clock } from '@millrace/core'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { nextState, sessionLifetimeMs, START, type ExchangeEvent, type ExchangeState } from './exchange-state.ts'
import type { SaslMechanism, SaslServer, SaslStep } from './mechanism.ts'

export interface ExchangeOptions {
  readonly mechanisms: readonly SaslMechanism[]
  /** `connections.max.reauth.ms`; 0 for no limit. */
  readonly maxReauthMs: (mechanism: string) => number
  readonly clock: Clock
  /** Hears why one failed. */
  readonly onFailure: (mechanism: string, reason: string) => void
}

type HandshakeReply = ApiResponseToSend<'SaslHandshake'>
type AuthenticateReply = ApiResponseToSend<'SaslAuthenticate'>

const NOTHING = new Uint8Array(0)

export class SaslExchange {
  readonly #options: ExchangeOptions
  readonly #enabled: ReadonlySet<string>
  #state: ExchangeState = START
  #server: SaslServer | undefined

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.#enabled = new Set(options.mechanisms.map(({ name }) => name))
  }

  get state(): ExchangeState {
    return this.#state
  }

  /** Whether the session is over: the connection may then only authenticate again. */
  get isExpired(): boolean {
    const { clock } = this.#options
    return this.#state.kind === 'ready' && this.#state.expiresAtMs !== undefined && clock.monotonic() >= this.#state.expiresAtMs
  }

  handshake({ mechanism }: ApiRequest<'SaslHandshake'>, version: number): HandshakeReply {
    const mechanisms = [...this.#enabled]
    if (!this.#advance({ kind: 'handshake', mechanism, version, nowMs: this.#options.clock.monotonic() })) {
      return { errorCode: ERROR_CODE.ILLEGAL_SASL_STATE, mechanisms }
    }
    if (this.#state.kind === 'failed') {
      this.#options.onFailure(mechanism, 'the mechanism is not enabled')
      return { errorCode: ERROR_CODE.UNSUPPORTED_SASL_MECHANISM, mechanisms }
    }
    this.#server = this.#options.mechanisms.find(({ name }) => name === mechanism)!.start()
    return { errorCode: ERROR_CODE.NONE, mechanisms }
  }

  async authenticate({ authBytes }: ApiRequest<'SaslAuthenticate'>): Promise<AuthenticateReply> {
    const { state } = this
    if (state.kind !== 'tokens' && state.kind !== 'again') {
      const errorMessage = 'SaslAuthenticate request received after successful authentication'
      return { errorCode: ERROR_CODE.ILLEGAL_SASL_STATE, errorMessage, authBytes: NOTHING }
    }
    if (state.kind === 'again' && state.mechanism !== state.of.mechanism) {
      const told = `SASL mechanism '${state.mechanism}' requested by client is not supported for re-authentication of mechanism '${state.of.mechanism}'`
      return this.#fail(state.mechanism, `the mechanism was ${state.of.mechanism}`, told)
    }
    const step = await this.#respond(authBytes)
    if (step.kind === 'failure') return this.#fail(state.mechanism, step.reason, step.told)
    if (step.kind === 'challenge') return { errorCode: ERROR_CODE.NONE, errorMessage: null, authBytes: step.bytes }
    return this.#succeed(state.mechanism, step)
  }

  async #respond(token: Uint8Array): Promise<SaslStep> {
    try {
      return await this.#server!.respond(token)
    } catch (error) {
      return {
        kind: 'failure',
        reason: `the credentials could not be looked up: ${messageOf(error)}`,
      }
    }
  }

  #succeed(mechanism: string, { user, bytes, expiresAtMs }: Extract<SaslStep, { kind: 'success' }>): AuthenticateReply {
    const { clock, maxReauthMs } = this.#options
    const left = expiresAtMs === undefined ? undefined : expiresAtMs - clock.now()
    const lifetimeMs = sessionLifetimeMs(left, maxReauthMs(mechanism))
    const endsAtMs = lifetimeMs === undefined ? undefined : clock.monotonic() + lifetimeMs
    this.#server = undefined
    this.#advance({ kind: 'success', user, expiresAtMs: endsAtMs })
    if (this.#state.kind === 'failed') {
      return this.#fail(mechanism, `the user changed to ${JSON.stringify(user)}`, 'Cannot change principals during re-authentication')
    }
    return { errorCode: ERROR_CODE.NONE, errorMessage: null, authBytes: bytes, sessionLifetimeMs: Math.floor(lifetimeMs ?? 0) }
  }

  #fail(mechanism: string, reason: string, told: string | undefined): AuthenticateReply {
    const how = this.#state.kind === 'again' ? 're-authentication' : 'authentication'
    const errorMessage = told ?? `Authentication failed during ${how} due to invalid credentials with SASL mechanism ${mechanism}`
    this.#server = undefined
    this.#advance({ kind: 'failure' })
    this.#options.onFailure(mechanism, reason)
    return { errorCode: ERROR_CODE.SASL_AUTHENTICATION_FAILED, errorMessage, authBytes: NOTHING }
  }

  /** False where the event may not come now: nothing has changed then. */
  #advance(event: ExchangeEvent): boolean {
    const next = nextState(this.#state, event, this.#enabled)
    if (next === 'illegal') return false
    this.#state = next
    return true
  }
}
