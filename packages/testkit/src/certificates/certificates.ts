/** Certificates for tests of TLS, made in this process: elliptic keys, so that it takes milliseconds. */
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import * as der from './der.ts'

/** A private key and its certificate, as PEM text. */
export interface TestCertificate {
  readonly key: string
  readonly certificate: string
}

/** What a test wants to have certified. */
export interface CertificateOptions {
  /** Parts of the subject from the most general, as in a certificate: `{ O: 'Shop', CN: 'orders' }`. */
  readonly subject: Readonly<Partial<Record<SubjectPart, string>>>
  /** Names and addresses that a server with it may be reached by. */
  readonly hosts?: readonly string[]
  /** Seconds from now; a day by default. A negative one has expired. */
  readonly validSeconds?: number
  /** Encrypts the private key. */
  readonly keyPassword?: string
}

/** Who signs certificates in a test. */
export interface TestAuthority {
  /** Its own certificate, to be trusted. */
  readonly certificate: string
  issue(options: CertificateOptions): TestCertificate
}

type SubjectPart = keyof typeof SUBJECT_PARTS

const SUBJECT_PARTS = { C: '2.5.4.6', ST: '2.5.4.8', L: '2.5.4.7', O: '2.5.4.10', OU: '2.5.4.11', CN: '2.5.4.3' } as const
const ECDSA_SHA256 = der.sequence(der.objectId('1.2.840.10045.4.3.2'))
const EXTENSION = { basicConstraints: '2.5.29.19', keyUsage: '2.5.29.15', subjectAltName: '2.5.29.17' } as const
const KEY_CERT_SIGN = 0x04
const DAY_SECONDS = 86_400

/** Makes an authority with a new key, good for a day. @param name its common name */
export function testAuthority(name = 'Test authority'): TestAuthority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = distinguishedName({ CN: name })
  const extensions = [
    extension(EXTENSION.basicConstraints, der.sequence(der.boolean(true))),
    extension(EXTENSION.keyUsage, der.bits(Buffer.of(KEY_CERT_SIGN), 2)),
  ]
  const certificate = signed({ subject: issuer, publicKey: own.publicKey, validSeconds: DAY_SECONDS, extensions })
  return {
    certificate,
    issue({ subject, hosts = [], validSeconds = DAY_SECONDS, keyPassword }) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const names = hosts.length === 0 ? [] : [extension(EXTENSION.subjectAltName, der.sequence(...hosts.map(alternativeName)))]
      return {
        key: privateKeyPem(privateKey, keyPassword),
        certificate: signed({ subject: distinguishedName(subject), publicKey, validSeconds, extensions: names }),
      }
    },
  }

  function signed(parts: Omit<ToSign, 'issuer'>): string {
    const body = toSign({ ...parts, issuer })
    const signature = sign('sha256', body, own.privateKey)
    return pem('CERTIFICATE', der.sequence(body, ECDSA_SHA256, der.bits(signature)))
  }
}

interface ToSign {
  readonly issuer: Buffer
  readonly subject: Buffer
  readonly publicKey: KeyObject
  readonly validSeconds: number
  readonly extensions: readonly Buffer[]
}

function toSign({ issuer, subject, publicKey, validSeconds, extensions }: ToSign): Buffer {
  const now = Math.floor(Date.now() / 1000)
  const from = Math.min(now, now + validSeconds) - DAY_SECONDS
  const version = der.tagged(0, der.integer(Buffer.of(2)), true)
  const serial = der.integer(Buffer.concat([Buffer.of(1), randomBytes(8)]))
  const validity = der.sequence(der.time(from), der.time(now + validSeconds))
  const key = publicKey.export({ type: 'spki', format: 'der' })
  const last = extensions.length === 0 ? [] : [der.tagged(3, der.sequence(...extensions), true)]
  return der.sequence(version, serial, ECDSA_SHA256, issuer, validity, subject, key, ...last)
}

function distinguishedName(parts: CertificateOptions['subject']): Buffer {
  const entries = Object.entries(parts) as [SubjectPart, string][]
  return der.sequence(...entries.map(([part, value]) => der.setOf(der.sequence(der.objectId(SUBJECT_PARTS[part]), der.text(value)))))
}

function extension(id: string, value: Buffer): Buffer {
  return der.sequence(der.objectId(id), der.octets(value))
}

function alternativeName(host: string): Buffer {
  if (isIP(host) === 4) return der.tagged(7, Buffer.from(host.split('.').map(Number)), false)
  return der.tagged(2, Buffer.from(host), false)
}

function privateKeyPem(key: KeyObject, passphrase: string | undefined): string {
  if (passphrase === undefined) return key.export({ type: 'pkcs8', format: 'pem' }).toString()
  return key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString()
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
