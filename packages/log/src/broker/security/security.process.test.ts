// Brokers with TLS, SASL and access control, over real sockets, asked by kafkajs and by our own codec.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey } from 'jose'
import { Kafka, logLevel, type KafkaConfig, type SASLOptions } from 'kafkajs'
import { testAuthority } from '@millrace/testkit'
import { Log } from '../log.ts'
import type { LogOptions } from '../log-options.ts'

const authority = testAuthority()
const server = authority.issue({ subject: { CN: 'broker' }, hosts: ['127.0.0.1', 'localhost'] })
const tls = { 'ssl.keystore.key': server.key, 'ssl.keystore.certificate.chain': server.certificate }

export async function start(t: TestContext, config: Readonly<Record<string, string>>, options: Partial<LogOptions> = {}): Promise<Log> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-security-'))
  const log = await Log.start({ dir, config: { 'connection.failed.authentication.delay.ms': '20', ...config }, ...options })
  t.after(async () => {
    await log.close()
    rmSync(dir, { recursive: true })
  })
  return log
}

function kafka(bootstrap: string, options: Partial<KafkaConfig>): Kafka {
  const retry = { retries: 0 }
  return new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry, connectionTimeout: 2000, clientId: 'test', ...options })
}

/** Makes a topic, writes to it, and gives the offset that follows. */
async function use(client: Kafka, topic: string): Promise<string> {
  const [admin, producer] = [client.admin(), client.producer()]
  try {
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'secret' }] })
    return (await admin.fetchTopicOffsets(topic))[0]!.high
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()])
  }
}

const trusting = { ca: [authority.certificate], servername: 'localhost' }

test('SSL: a broker with a certificate, and clients whose certificate says who they are', async (t) => {
  const log = await start(t, {
    listeners: 'OPEN://127.0.0.1:0,MUTUAL://127.0.0.1:0',
    'listener.security.protocol.map': 'OPEN:SSL,MUTUAL:SSL',
    ...tls,
    'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.mutual.ssl.truststore.certificates': authority.certificate,
    'ssl.principal.mapping.rules': 'RULE:CN=([a-z]+),O=Shop/$1@shop/,DEFAULT',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS;User:orders@shop',
  })
  const [open, mutual] = log.listeners
  assert.equal(await use(kafka(open!.bootstrap, { ssl: trusting }), 'open'), '1')
  await assert.rejects(use(kafka(mutual!.bootstrap, { ssl: trusting }), 'none'))
  const mutually = (subject: Record<string, string>): Kafka => {
    const { key, certificate } = authority.issue({ subject })
    return kafka(mutual!.bootstrap, { ssl: { ...trusting, key, cert: certificate } })
  }
  assert.equal(await use(mutually({ O: 'Shop', CN: 'orders' }), 'mutual'), '1')
  await assert.rejects(use(mutually({ O: 'Shop', CN: 'other' }), 'other'), /Topic creation errors/)
  await assert.rejects(use(kafka(open!.bootstrap, {}), 'plain'))
})

const users = { alice: 'alice-secret', 'b,o=b': 'geheim' }

test('SASL_SSL: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512', async (t) => {
  const log = await start(
    t,
    // What is asked of clients of all listeners is not asked of those who prove themselves by SASL.
    {
      listeners: 'SASL_SSL://127.0.0.1:0',
      ...tls,
      'ssl.client.auth': 'required',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    },
    { users },
  )
  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
    for (const [username, password] of Object.entries(users)) {
      const sasl = { mechanism, username, password } as SASLOptions
      assert.equal(await use(kafka(log.bootstrap, { ssl: trusting, sasl }), `${mechanism}-${password}`), '1')
    }
    const wrong = { mechanism, username: 'alice', password: 'wrong' } as SASLOptions
    await assert.rejects(use(kafka(log.bootstrap, { ssl: trusting, sasl: wrong }), 'never'), /authentication failed/i)
    const missing = { mechanism, username: 'nobody', password: 'wrong' } as SASLOptions
    await assert.rejects(use(kafka(log.bootstrap, { ssl: trusting, sasl: missing }), 'never'), /authentication failed/i)
  }
  const topics = kafka(log.bootstrap, { ssl: trusting, sasl: { mechanism: 'plain', username: 'alice', password: 'alice-secret' } }).admin()
  await topics.connect()
  assert.ok(!(await topics.listTopics()).includes('never'))
  await topics.disconnect()
})

test('SASL_PLAINTEXT: users of PLAIN from JAAS, for one listener', async (t) => {
  const log = await start(t, {
    listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
    'listener.name.sasl_plaintext.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config':
      'org.apache.kafka.common.security.plain.PlainLoginModule required user_carol="carol-secret";',
  })
  const login = (password: string): Kafka => kafka(log.bootstrap, { sasl: { mechanism: 'plain', username: 'carol', password } })
  assert.equal(await use(login('carol-secret'), 'jaas'), '1')
  await assert.rejects(use(login('other'), 'never'), /authentication failed/i)
  const scram = kafka(log.bootstrap, { sasl: { mechanism: 'scram-sha-256', username: 'carol', password: 'carol-secret' } })
  await assert.rejects(use(scram, 'never'), /mechanism/i)
})

const issuer = 'https://issuer.example'

interface TokenOptions {
  readonly key: CryptoKey
  readonly audience?: string
  readonly scope?: string
  readonly expires?: string
  readonly from?: string
}

function token({ key, audience = 'kafka', scope = 'read write', expires = '5m', from = issuer }: TokenOptions): Promise<string> {
  const claims = new SignJWT({ scope }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setSubject('alice')
  return claims.setIssuer(from).setAudience(audience).setIssuedAt().setExpirationTime(expires).sign(key)
}

function bearer(value: string): SASLOptions {
  return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value }) }
}

const oauth = {
  listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
  'sasl.enabled.mechanisms': 'OAUTHBEARER',
  'sasl.oauthbearer.expected.issuer': issuer,
  'sasl.oauthbearer.expected.audience': 'kafka,other',
  'sasl.oauthbearer.expected.scope': 'write',
}

test('OAUTHBEARER: tokens that the keys of the issuer have signed, from a file and by http', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const foreign = await generateKeyPair('ES256')
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] })
  const folder = mkdtempSync(join(tmpdir(), 'millrace-jwks-'))
  writeFileSync(join(folder, 'jwks.json'), jwks)
  const web = createServer((_, response) => void response.setHeader('content-type', 'application/json').end(jwks))
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    web.close()
    rmSync(folder, { recursive: true })
  })
  const { port } = web.address() as { port: number }
  for (const url of [pathToFileURL(join(folder, 'jwks.json')).href, `http://127.0.0.1:${port}/jwks`]) {
    const log = await start(t, { ...oauth, 'sasl.oauthbearer.jwks.endpoint.url': url })
    const login = async (options: Partial<TokenOptions>): Promise<string> =>
      await use(kafka(log.bootstrap, { sasl: bearer(await token({ key: privateKey, ...options })) }), 'oauth')
    assert.equal(await login({}), '1')
    for (const wrong of [
      { key: foreign.privateKey },
      { audience: 'elsewhere' },
      { scope: 'read' },
      { expires: '-5m' },
      { from: 'https://other' },
    ]) {
      await assert.rejects(login(wrong), JSON.stringify(wrong))
    }
    const unsigned = new UnsecuredJWT({ scope: 'write' })
      .setSubject('alice')
      .setIssuer(issuer)
      .setAudience('kafka')
      .setExpirationTime('5m')
      .encode()
    await assert.rejects(use(kafka(log.bootstrap, { sasl: bearer(unsigned) }), 'oauth'))
  }
})

test('OAUTHBEARER: tokens without a signature only where that is asked for by name', async (t) => {
  const log = await start(t, {
    ...oauth,
    'listener.name.sasl_plaintext.oauthbearer.sasl.server.callback.handler.class':
      'org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler',
  })
  const unsigned = (audience: string): string =>
    new UnsecuredJWT({ scope: 'write' }).setSubject('alice').setIssuer(issuer).setAudience(audience).setExpirationTime('5m').encode()
  assert.equal(await use(kafka(log.bootstrap, { sasl: bearer(unsigned('kafka')) }), 'unsecured'), '1')
  await assert.rejects(use(kafka(log.bootstrap, { sasl: bearer(unsigned('elsewhere')) }), 'unsecured'))
})

test('what cannot be configured is told of at the start', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-security-'))
  const config = async (entries: Readonly<Record<string, string>>): Promise<void> => {
    await assert.rejects(Log.start({ dir, config: entries }), { code: 'SECURITY_CONFIG' }, JSON.stringify(entries))
  }
  await config({ listeners: 'SSL://127.0.0.1:0' })
  await config({ listeners: 'SSL://127.0.0.1:0', 'ssl.keystore.location': join(dir, 'missing.pem') })
  await config({ listeners: 'SASL_PLAINTEXT://127.0.0.1:0' })
  await config({ listeners: 'SASL_PLAINTEXT://127.0.0.1:0', 'sasl.enabled.mechanisms': 'OAUTHBEARER' })
  await config({ listeners: 'OTHER://127.0.0.1:0' })
  rmSync(dir, { recursive: true })
})
