/** TLS for connections of the client, as its security settings ask for it: the network does it. An edge only for that keys and certificates are tried with Node's TLS first. */
import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { NetworkError, type Network, type TlsClientOptions } from '@millrace/core'
import { clientError } from '../errors.ts'
import type { Ssl } from './security.ts'

/** The same network, whose connections are TLS. @throws `CLIENT_OPTION` for keys and certificates that cannot be used */
export function tlsNetwork(ssl: Ssl, network: Network): Network {
  checkMaterial(ssl)
  const tls = tlsOptions(ssl)
  return {
    listen: () => Promise.reject(new NetworkError('other', 'this network only connects')),
    connect: async (options) => {
      try {
        return await network.connect({ ...options, tls })
      } catch (error) {
        throw error instanceof NetworkError && isOfPlainServer(error.message)
          ? new NetworkError(error.reason, `${error.message} (does this port expect TLS?)`, error)
          : error
      }
    },
  }
}

function tlsOptions({ ca, cert, key, keyPassword, verifyHostname }: Ssl): TlsClientOptions {
  return {
    ...(ca === undefined ? {} : { trusted: ca }),
    ...(cert === undefined || key === undefined
      ? {}
      : { identity: { key, certificateChain: cert, ...(keyPassword === undefined ? {} : { keyPassword }) } }),
    ...(verifyHostname === undefined ? {} : { verifyHostname }),
  }
}

/** Told when a client is made, not by each connection. */
function checkMaterial({ ca, cert, key, keyPassword }: Ssl): void {
  try {
    // Node takes what is no certificate for none, and an authority that is none for those that it trusts itself.
    for (const pem of [ca, cert]) if (pem !== undefined) void new X509Certificate(pem)
    createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(keyPassword === undefined ? {} : { passphrase: keyPassword }),
    })
  } catch (error) {
    const expected = 'have keys and certificates that go together, as PEM'
    throw clientError('CLIENT_OPTION', { option: 'security.ssl', expected, value: (error as Error).message }, error)
  }
}

/** What a server does that expects no TLS says nothing of it. */
function isOfPlainServer(message: string): boolean {
  return /before secure TLS connection was established|wrong version number|packet length too long/.test(message)
}
