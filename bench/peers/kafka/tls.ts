/** What both brokers and all clients need for TLS: a certificate for loopback by an authority of our own, as PEM files, and their properties. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { testAuthority } from '@millrace/testkit'

export interface TlsFiles {
  /** Key and certificate of a broker. */
  readonly keyStore: string
  /** Properties of a client, in a file and one by one. */
  readonly clientConfig: string
  readonly clientProperties: readonly string[]
}

export function writeTlsFiles(dir: string): TlsFiles {
  mkdirSync(dir, { recursive: true })
  const authority = testAuthority('bench')
  const { key, certificate } = authority.issue({ subject: { CN: 'localhost' }, hosts: ['localhost', '127.0.0.1'] })
  const [keyStore, trustStore, clientConfig] = ['broker.pem', 'authority.pem', 'client.properties'].map((name) => join(dir, name))
  writeFileSync(keyStore!, `${key.trim()}\n${certificate.trim()}\n`)
  writeFileSync(trustStore!, authority.certificate)
  const clientProperties = ['security.protocol=SSL', 'ssl.truststore.type=PEM', `ssl.truststore.location=${trustStore!}`]
  writeFileSync(clientConfig!, clientProperties.join('\n'))
  return { keyStore: keyStore!, clientConfig: clientConfig!, clientProperties }
}
