/** What a listener needs for TLS, read from Kafka's configurations: PEM, in the text itself or in a file. */
import type { Disk, TlsServerOptions, TlsVersion } from '@millrace/core'
import { logError } from '../../../errors.ts'
import type { BrokerConfig } from '../../config/index.ts'
import { diskProblem, nameAsSet } from '../../start-problems.ts'

export interface TlsSettingsOptions {
  readonly config: BrokerConfig
  /** `listener.name.<name>.` */
  readonly prefix: string
  readonly disk: Disk
  /** What `ssl.client.auth` of all listeners says counts for those without SASL only, as in Kafka. */
  readonly withSasl: boolean
}

const KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]+?-----END (?:[A-Z]+ )*PRIVATE KEY-----/
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/

/** @throws SECURITY_CONFIG for what is missing or cannot be used */
export async function tlsSettings(options: TlsSettingsOptions): Promise<Omit<TlsServerOptions, 'onRefused'>> {
  const { config, prefix } = options
  const keyPassword = config.get('ssl.key.password', prefix)
  const trusted = await textOf(options, 'ssl.truststore.certificates', 'ssl.truststore.location')
  const versions = config.get('ssl.enabled.protocols', prefix) as readonly TlsVersion[]
  return {
    ...(await identity(options)),
    ...(keyPassword === undefined ? {} : { keyPassword }),
    ...(trusted === undefined ? {} : { trusted }),
    minVersion: versions.includes('TLSv1.2') ? 'TLSv1.2' : 'TLSv1.3',
    maxVersion: versions.includes('TLSv1.3') ? 'TLSv1.3' : 'TLSv1.2',
    clientAuth: clientAuthOf(options),
  }
}

async function identity(options: TlsSettingsOptions): Promise<{ readonly key: string; readonly certificateChain: string }> {
  const key = await textOf(options, 'ssl.keystore.key', 'ssl.keystore.location')
  const chain = await textOf(options, 'ssl.keystore.certificate.chain', 'ssl.keystore.location')
  const found = { key: KEY.exec(key ?? '')?.[0], certificateChain: CERTIFICATES.exec(chain ?? '')?.[0] }
  if (found.key === undefined) throw missing('ssl.keystore.key', 'there is no private key in PEM in it, nor in ssl.keystore.location')
  if (found.certificateChain === undefined) {
    throw missing('ssl.keystore.certificate.chain', 'there is no certificate in PEM in it, nor in ssl.keystore.location')
  }
  return { key: found.key, certificateChain: found.certificateChain }
}

type InText = 'ssl.keystore.key' | 'ssl.keystore.certificate.chain' | 'ssl.truststore.certificates'
type InFile = 'ssl.keystore.location' | 'ssl.truststore.location'

async function textOf({ config, prefix, disk }: TlsSettingsOptions, inText: InText, inFile: InFile): Promise<string | undefined> {
  const text = config.get(inText, prefix)
  if (text !== undefined) return unfolded(text)
  const path = config.get(inFile, prefix)
  if (path === undefined) return undefined
  try {
    return Buffer.from(await disk.readFile(path)).toString('utf8')
  } catch (error) {
    throw logError('SECURITY_CONFIG', { name: nameAsSet(config, prefix, inFile), problem: diskProblem(error, path) }, error)
  }
}

/** PEM in one line, as Kafka takes it from files of properties: a blank for each end of a line. */
function unfolded(text: string): string {
  return text.replace(/(-----BEGIN [A-Z ]+-----)([^-]+)(-----END [A-Z ]+-----)/g, (_, begin: string, body: string, end: string) => {
    return [begin, ...body.trim().split(/\s+/), end].join('\n') + '\n'
  })
}

function clientAuthOf({ config, prefix, withSasl }: TlsSettingsOptions): TlsServerOptions['clientAuth'] {
  const isOwn = config.prefixedNames().includes(`${prefix}ssl.client.auth`)
  return withSasl && !isOwn ? 'none' : (config.get('ssl.client.auth', prefix) as TlsServerOptions['clientAuth'])
}

function missing(name: string, problem: string): Error {
  return logError('SECURITY_CONFIG', { name, problem })
}
