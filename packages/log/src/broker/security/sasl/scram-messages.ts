/** The messages of SCRAM (RFC 5802, section 5), read and written. Whatever is not well-formed gives undefined. */

export interface ClientFirst {
  /** The header that says no channel is bound: 'n,,' as a rule. */
  readonly gs2Header: string
  /** What the proof covers of it. */
  readonly bare: string
  readonly user: string
  readonly authorizationId: string
  readonly nonce: string
  readonly extensions: ReadonlyMap<string, string>
}

export interface ClientFinal {
  /** In base64. */
  readonly channelBinding: string
  readonly nonce: string
  readonly withoutProof: string
  readonly proof: Uint8Array
}

const VALUE = String.raw`[^\0,]+`
const FIRST = new RegExp(String.raw`^([ny],(?:a=(${VALUE}))?,)(n=(${VALUE}),r=([!-+\--~]+)((?:,[A-Za-z]+=${VALUE})*))$`, 'u')
const FINAL = /^(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,[A-Za-z]+=[^\0,]+)*),p=([A-Za-z0-9+/]+={0,2})$/u

export function readClientFirst(token: Uint8Array): ClientFirst | undefined {
  const [, gs2Header, authorizationId = 'n=', bare, user, nonce, rest] = FIRST.exec(decode(token) ?? '') ?? []
  if (gs2Header === undefined || bare === undefined || user === undefined || nonce === undefined) return undefined
  const name = readName(user)
  const asked = authorizationId === 'n=' ? '' : readName(authorizationId)
  if (name === undefined || asked === undefined) return undefined
  const pairs = (rest ?? '').split(',').filter((pair) => pair !== '')
  const extensions = new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
  return { gs2Header, bare, user: name, authorizationId: asked, nonce, extensions }
}

export function readClientFinal(token: Uint8Array): ClientFinal | undefined {
  const [, withoutProof, channelBinding, nonce, proof] = FINAL.exec(decode(token) ?? '') ?? []
  if (withoutProof === undefined || channelBinding === undefined || nonce === undefined || proof === undefined) return undefined
  return { channelBinding, nonce, withoutProof, proof: Buffer.from(proof, 'base64') }
}

export function formatServerFirst({ nonce, salt, iterations }: { nonce: string; salt: Uint8Array; iterations: number }): string {
  return `r=${nonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`
}

export function formatServerFinal(signature: Uint8Array): string {
  return `v=${Buffer.from(signature).toString('base64')}`
}

/** A name with its escapes: '=2C' for a comma, '=3D' for an equals sign. */
function readName(escaped: string): string | undefined {
  return /=(?!2C|3D)/.test(escaped) ? undefined : escaped.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function decode(token: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(token)
  } catch {
    return undefined
  }
}
