/**
 * The states of a connection's authentication, as a table: what may come in which, and where it leads.
 *
 *  handshake ──mechanism──▶ tokens ──success──▶ ready ──handshake──▶ again ──success──▶ ready
 *      │                      │                                        │
 *      └──────────────────────┴────────── failure ─────────────────────┴──▶ failed
 *
 * `tokens` come as SaslAuthenticate requests after a handshake of version 1, as bare frames after one of version 0. To authenticate
 * again (KIP-368) neither the mechanism nor the user may change; another mechanism is only refused with the first token.
 */
export type ExchangeState =
  | { readonly kind: 'handshake' }
  | { readonly kind: 'tokens'; readonly mechanism: string; readonly isBare: boolean }
  | Ready
  | { readonly kind: 'again'; readonly mechanism: string; readonly of: Ready }
  | { readonly kind: 'failed' }

export interface Ready {
  readonly kind: 'ready'
  readonly mechanism: string
  readonly user: string
  /** On the clock that never goes back; undefined where the session has no end. */
  readonly expiresAtMs: number | undefined
  /** When authentication last began anew, on that clock. */
  readonly againAtMs: number | undefined
}

export type ExchangeEvent =
  | { readonly kind: 'handshake'; readonly mechanism: string; readonly version: number; readonly nowMs: number }
  | { readonly kind: 'success'; readonly user: string; readonly expiresAtMs: number | undefined }
  | { readonly kind: 'failure' }

export const START: ExchangeState = { kind: 'handshake' }
const FAILED: ExchangeState = { kind: 'failed' }
/** A client may not authenticate again more often. */
const AGAIN_INTERVAL_MIN_MS = 1000

/** Requests that are served in a state before they reach their handlers; every other request is too early there. */
export const EARLY_APIS: { readonly [K in ExchangeState['kind']]: readonly string[] } = {
  handshake: ['ApiVersions', 'SaslHandshake'],
  tokens: ['SaslAuthenticate'],
  ready: [],
  again: ['SaslAuthenticate'],
  failed: [],
}

/** The next state; `illegal` where the event may not come in this one. */
export function nextState(state: ExchangeState, event: ExchangeEvent, enabled: ReadonlySet<string>): ExchangeState | 'illegal' {
  switch (event.kind) {
    case 'handshake':
      return afterHandshake(state, event, enabled)
    case 'success':
      return afterSuccess(state, event)
    case 'failure':
      return FAILED
  }
}

function afterHandshake(
  state: ExchangeState,
  { mechanism, version, nowMs }: Extract<ExchangeEvent, { kind: 'handshake' }>,
  enabled: ReadonlySet<string>,
): ExchangeState | 'illegal' {
  if (state.kind === 'handshake') return enabled.has(mechanism) ? { kind: 'tokens', mechanism, isBare: version === 0 } : FAILED
  if (state.kind !== 'ready' || version === 0 || state.expiresAtMs === undefined) return 'illegal'
  if (state.againAtMs !== undefined && nowMs - state.againAtMs < AGAIN_INTERVAL_MIN_MS) return 'illegal'
  return enabled.has(mechanism) ? { kind: 'again', mechanism, of: { ...state, againAtMs: nowMs } } : FAILED
}

function afterSuccess(state: ExchangeState, { user, expiresAtMs }: Extract<ExchangeEvent, { kind: 'success' }>): ExchangeState | 'illegal' {
  if (state.kind === 'tokens') return { kind: 'ready', mechanism: state.mechanism, user, expiresAtMs, againAtMs: undefined }
  if (state.kind !== 'again') return 'illegal'
  const isSame = state.mechanism === state.of.mechanism && user === state.of.user
  return isSame ? { ...state.of, expiresAtMs } : FAILED
}

/** How long a session lasts from now, in milliseconds: as long as what was shown is valid, and no longer than `maxReauthMs` unless that is 0. */
export function sessionLifetimeMs(credentialLeftMs: number | undefined, maxReauthMs: number): number | undefined {
  const limits = [...(credentialLeftMs === undefined ? [] : [credentialLeftMs]), ...(maxReauthMs > 0 ? [maxReauthMs] : [])]
  return limits.length === 0 ? undefined : Math.max(0, Math.min(...limits))
}
