import type { Network } from '@millrace/core'
import { clientError } from '../errors.ts'
import { checkOneOf, checkOptionNames } from '../option-checks.ts'
import type { Security, SecurityProtocol } from './security.ts'
import { tlsNetwork } from './tls-network.ts'

const protocols: readonly SecurityProtocol[] = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/** The network that the security protocol asks for. @throws `CLIENT_OPTION` for options that do not go together */
export function securityNetwork(security: Security, network: Network): Network {
  if (typeof security !== 'object')
    throw clientError('CLIENT_OPTION', { option: 'security', expected: 'be an object', value: String(security) })
  checkOptionNames<Security>('security', security, { protocol: true, ssl: true, sasl: true })
  const { protocol, ssl, sasl } = security
  // What is spelled otherwise would be taken for PLAINTEXT.
  checkOneOf('security.protocol', protocol, protocols)
  const sslNames = { ca: true, cert: true, key: true, keyPassword: true, verifyHostname: true } as const
  if (ssl !== undefined) checkOptionNames('security.ssl', ssl, sslNames)
  const usesSasl = protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL'
  if (usesSasl && sasl === undefined)
    throw clientError('CLIENT_OPTION', { option: 'security.sasl', expected: `be given with ${protocol}`, value: 'not' })
  if (!usesSasl && sasl !== undefined)
    throw clientError('CLIENT_OPTION', {
      option: 'security.protocol',
      expected: 'be SASL_PLAINTEXT or SASL_SSL where sasl is given',
      value: protocol,
    })
  return protocol === 'SSL' || protocol === 'SASL_SSL' ? tlsNetwork(ssl ?? {}) : network
}
