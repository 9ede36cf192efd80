/**
 * Verifies the JSON Web Tokens of OAUTHBEARER.
 *
 * 1. Only signatures by the keys of the issuer count; unsigned tokens only where that was asked for by name.
 * 2. A token without expiry or without subject is refused.
 */
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify, UnsecuredJWT } from 'jose'
import type { JSONWebKeySet, JWTClaimVerificationOptions, JWTPayload, JWTVerifyGetKey } from 'jose'
import type { Clock } from '@millrace/core'
import type { TokenVerifier, VerifiedToken } from './oauthbearer.ts'

export interface TokenRules {
  /** The claim that names the user. */
  readonly subjectClaim: string
  readonly scopeClaim: string
  readonly issuer?: string
  /** One of which the token must be for. */
  readonly audience?: readonly string[]
  /** All of which the token must have. */
  readonly scope?: readonly string[]
  readonly clockSkewSeconds: number
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
}

/** Where the keys of the issuer are: read anew when a token names one that is not there. */
export type KeySource =
  | { readonly kind: 'url'; readonly url: URL; readonly refreshMs: number }
  | { readonly kind: 'file'; readonly read: () => Promise<string> }

/** A token that names an unknown key has a file read again, but not more often than this. */
const FILE_COOLDOWN_MS = 5000

export function signedTokenVerifier(source: KeySource, rules: TokenRules): TokenVerifier {
  const keys = source.kind === 'url' ? remoteKeys(source.url, source.refreshMs) : fileKeys(source.read, rules.clock)
  return async (token) => {
    const { payload } = await jwtVerify(token, keys, claimOptions(rules))
    return verified(payload, rules)
  }
}

/** Believes whatever a client says: for development. */
export function unsecuredTokenVerifier(rules: TokenRules): TokenVerifier {
  return async (token) => verified(UnsecuredJWT.decode(token, claimOptions(rules)).payload, rules)
}

function claimOptions({ issuer, audience, clockSkewSeconds, clock, subjectClaim }: TokenRules): JWTClaimVerificationOptions {
  return {
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience: [...audience] }),
    clockTolerance: clockSkewSeconds,
    currentDate: new Date(clock.now()),
    requiredClaims: ['exp', subjectClaim],
  }
}

function verified(payload: JWTPayload, { subjectClaim, scopeClaim, scope = [] }: TokenRules): VerifiedToken {
  const user = payload[subjectClaim]
  if (typeof user !== 'string' || user === '') throw new Error(`the claim ${subjectClaim} names nobody`)
  const granted = scopesOf(payload[scopeClaim])
  const missing = scope.filter((each) => !granted.includes(each))
  if (missing.length > 0) throw new Error(`the token has not the scope ${missing.join(' ')}`)
  return { user, expiresAtMs: payload.exp! * 1000 }
}

function scopesOf(claim: unknown): readonly unknown[] {
  if (typeof claim === 'string') return claim.split(' ')
  return Array.isArray(claim) ? claim : []
}

function remoteKeys(url: URL, refreshMs: number): JWTVerifyGetKey {
  return createRemoteJWKSet(url, { cacheMaxAge: refreshMs })
}

function fileKeys(read: () => Promise<string>, clock: TokenRules['clock']): JWTVerifyGetKey {
  let loaded: { readonly keys: JWTVerifyGetKey; readonly atMs: number } | undefined
  const load = async (): Promise<JWTVerifyGetKey> => {
    const keys = createLocalJWKSet(JSON.parse(await read()) as JSONWebKeySet)
    loaded = { keys, atMs: clock.monotonic() }
    return keys
  }
  return async (header, token) => {
    const isNew = loaded === undefined
    const keys = loaded?.keys ?? (await load())
    try {
      return await keys(header, token)
    } catch (error) {
      const isRecent = isNew || clock.monotonic() - loaded!.atMs < FILE_COOLDOWN_MS
      if (!(error instanceof errors.JWKSNoMatchingKey) || isRecent) throw error
      return await (
        await load()
      )(header, token)
    }
  }
}
