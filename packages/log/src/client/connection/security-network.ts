import type { Network } from '@millrace/core'
import { clientError } from '../errors.ts'
import type { Security } from './security.ts'
import { tlsNetwork } from './tls-network.ts'

/** The network that the security protocol asks for. @throws `CLIENT_OPTION` for options that do not go together */
export function securityNetwork({ protocol, ssl, sasl }: Security, network: Network): Network {
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
