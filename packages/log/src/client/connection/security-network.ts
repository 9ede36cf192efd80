import type { Network } from '@millrace/core'
import { clientError } from '../errors.ts'
import { checkName, checkOneOf, checkOptionNames } from '../option-checks.ts'
import type { Sasl, SaslMechanism, Security, SecurityProtocol } from './security.ts'
import { tlsNetwork } from './tls-network.ts'

const mechanisms: readonly SaslMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']

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
  // Half of an identity is none, and brokers would not say what they lack.
  if ((ssl?.cert === undefined) !== (ssl?.key === undefined)) {
    const [given, missing] = ssl?.cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    throw clientError('CLIENT_OPTION', { option: `security.ssl.${missing}`, expected: `be given with security.ssl.${given}`, value: 'not' })
  }
  const usesSasl = protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL'
  if (usesSasl && sasl === undefined)
    throw clientError('CLIENT_OPTION', { option: 'security.sasl', expected: `be given with ${protocol}`, value: 'not' })
  if (!usesSasl && sasl !== undefined)
    throw clientError('CLIENT_OPTION', {
      option: 'security.protocol',
      expected: 'be SASL_PLAINTEXT or SASL_SSL where sasl is given',
      value: protocol,
    })
  if (sasl !== undefined) checkSasl(sasl)
  return protocol === 'SSL' || protocol === 'SASL_SSL' ? tlsNetwork(ssl ?? {}, network) : network
}

/** What the environment lacks must not be tried as the password 'undefined'. */
function checkSasl(sasl: Sasl): void {
  checkOneOf('security.sasl.mechanism', sasl.mechanism, mechanisms)
  if (sasl.mechanism !== 'OAUTHBEARER') {
    checkOptionNames('security.sasl', sasl, { mechanism: true, username: true, password: true })
    checkName('security.sasl.username', sasl.username)
    if (typeof sasl.password !== 'string')
      throw clientError('CLIENT_OPTION', { option: 'security.sasl.password', expected: 'be a text', value: typeof sasl.password })
    return
  }
  checkOptionNames('security.sasl', sasl, { mechanism: true, token: true, extensions: true })
  if (typeof sasl.token !== 'function')
    throw clientError('CLIENT_OPTION', { option: 'security.sasl.token', expected: 'be a function', value: typeof sasl.token })
}
