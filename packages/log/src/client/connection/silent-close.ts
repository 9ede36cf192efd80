/** What a broker may have meant that ended a connection without a word, as a question to whoever set this client up. */
import { X509Certificate } from 'node:crypto'
import type { Security } from './security.ts'

/** Before it has answered anything. `nowMs`: by the wall clock. */
export function beforeAnyAnswer({ protocol, ssl }: Security, nowMs: number): string {
  // A port for TLS takes the connection, and ends it when something else is said.
  if (protocol === 'PLAINTEXT' || protocol === 'SASL_PLAINTEXT') return ' (does this port expect TLS?)'
  if (ssl?.cert === undefined) return ' (does it ask for a certificate? security.ssl.cert is not given)'
  const { validFromDate: from, validToDate: to } = new X509Certificate(ssl.cert)
  if (to.getTime() < nowMs) return ` (the certificate of this client has expired, on ${to.toISOString()})`
  if (from.getTime() > nowMs) return ` (the certificate of this client is valid from ${from.toISOString()} on)`
  return ' (does it trust the certificate of this client?)'
}

/** After it has told its versions, which a port does that goes on with SASL alone. */
export function beforeFirstRequest({ protocol }: Security): string {
  return protocol === 'PLAINTEXT' || protocol === 'SSL' ? ' (does this port expect SASL?)' : ''
}
