import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { SeededRandom, testAuthority } from '@millrace/testkit'
import { parseAddresses } from './address.ts'
import { BrokerVersions } from './api-versions.ts'
import { backoffMs } from './backoff.ts'
import { clientOptionsFromKafka } from './kafka-properties.ts'
import { otherProtocol } from './other-protocol.ts'
import { RequestPipeline } from './pipeline.ts'
import { securityNetwork } from './security-network.ts'
import type { Security } from './security.ts'
import { beforeAnyAnswer, beforeFirstRequest } from './silent-close.ts'

void test('brokers are host and port', () => {
  assert.deepEqual(parseAddresses('a:1, [::1]:2,PLAINTEXT://b:3'), [
    { host: 'a', port: 1 },
    { host: '::1', port: 2 },
    { host: 'b', port: 3 },
  ])
  for (const wrong of ['', 'a', 'a:', 'a:0', 'a:70000', '::1:9092', 'a:1/x'])
    assert.throws(() => parseAddresses(wrong), { code: 'CLIENT_OPTION' }, wrong)
})

void test('waiting doubles up to a limit, with a jitter of a fifth', () => {
  const random = new SeededRandom(1)
  for (const [failures, middle] of [
    [1, 100],
    [2, 200],
    [4, 800],
    [5, 1000],
    [4000, 1000],
  ] as const) {
    const waits = Array.from({ length: 50 }, () => backoffMs(failures, 100, 1000, random))
    for (const wait of waits) assert.ok(wait >= middle * 0.8 && wait <= middle * 1.2)
    assert.ok(new Set(waits).size > 10)
  }
})

void test('the newest version that both sides have', () => {
  const versions = new BrokerVersions({
    apiKeys: [
      { apiKey: 0, minVersion: 0, maxVersion: 9 },
      { apiKey: 1, minVersion: 17, maxVersion: 30 },
      { apiKey: 2, minVersion: 0, maxVersion: 0 },
    ],
    finalizedFeatures: [{ name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 }],
    finalizedFeaturesEpoch: 3,
  })
  assert.deepEqual([versions.common('Produce'), versions.common('Produce', 7), versions.common('Produce', 2)], [9, 7, undefined])
  assert.deepEqual(
    [versions.common('Fetch', 16), versions.common('ListOffsets'), versions.common('EndTxn')],
    [undefined, undefined, undefined],
  )
  assert.deepEqual([versions.feature('transaction.version'), versions.feature('other')], [2, 0])
  assert.match(versions.describe('ListOffsets'), /it has 0 to 0, this client 1 to /)
})

void test('features without an epoch are not switched on', () => {
  const finalizedFeatures = [{ name: 'transaction.version', maxVersionLevel: 2, minVersionLevel: 2 }]
  assert.equal(new BrokerVersions({ apiKeys: [], finalizedFeatures, finalizedFeaturesEpoch: -1 }).feature('transaction.version'), 0)
})

void test('answers come in order or not at all', () => {
  const pipeline = new RequestPipeline<{ correlationId: number; deadlineMs: number }>()
  const add = (deadlineMs: number): number => {
    const correlationId = pipeline.nextCorrelationId()
    pipeline.add({ correlationId, deadlineMs })
    return correlationId
  }
  for (let round = 0; round < 300; round++) assert.equal(pipeline.answered(add(round))!.deadlineMs, round)
  const [a, b] = [add(50), add(20)]
  assert.equal(pipeline.answered(b), undefined)
  assert.deepEqual([pipeline.size, pipeline.deadlineMs, pipeline.overdue(19), pipeline.overdue(20)!.correlationId], [2, 20, undefined, b])
  assert.equal(pipeline.answered(a)!.correlationId, a)
  assert.deepEqual([pipeline.drain().length, pipeline.size, pipeline.deadlineMs], [1, 0, undefined])
})

void test('what is answered is not kept', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const pipeline = new RequestPipeline<{ correlationId: number; deadlineMs: number }>()
  const answered: WeakRef<object>[] = []
  for (let correlationId = 0; correlationId < 10; correlationId++) {
    pipeline.add({ correlationId, deadlineMs: 0 })
    answered.push(new WeakRef(pipeline.answered(correlationId)!))
  }
  // What was looked at in this turn is kept for so long.
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  assert.deepEqual(
    answered.map((request) => request.deref()),
    answered.map(() => undefined),
  )
  assert.equal(pipeline.size, 0)
})

void test("settings by Kafka's names", () => {
  const jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="a\\"b" password=secret;'
  assert.deepEqual(
    clientOptionsFromKafka({
      'security.protocol': 'sasl_ssl',
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.jaas.config': jaas,
      'request.timeout.ms': '5',
    }),
    {
      requestTimeoutMs: 5,
      security: {
        protocol: 'SASL_SSL',
        ssl: { verifyHostname: true },
        sasl: { mechanism: 'SCRAM-SHA-512', username: 'a"b', password: 'secret' },
      },
    },
  )
  assert.deepEqual(
    clientOptionsFromKafka({
      'security.protocol': 'SSL',
      'ssl.endpoint.identification.algorithm': '',
      'ssl.truststore.certificates': 'PEM',
    }).security,
    {
      protocol: 'SSL',
      ssl: { ca: 'PEM', verifyHostname: false },
    },
  )
  for (const [name, value] of [
    ['sasl.mechanisms', 'PLAIN'],
    ['security.protocol', 'TLS'],
    ['request.timeout.ms', '1s'],
  ] as const) {
    assert.throws(() => clientOptionsFromKafka({ [name]: value }), { code: 'CLIENT_OPTION' }, name)
  }
  assert.throws(() => clientOptionsFromKafka({ 'security.protocol': 'SASL_PLAINTEXT' }), { message: /give username and password/ })
})

void test('SASL and its protocol go together', () => {
  const network = { listen: () => assert.fail(), connect: () => assert.fail() }
  const sasl = { mechanism: 'PLAIN', username: 'a', password: 'b' } as const
  assert.equal(securityNetwork({ protocol: 'SASL_PLAINTEXT', sasl }, network), network)
  assert.notEqual(securityNetwork({ protocol: 'SASL_SSL', sasl }, network), network)
  assert.throws(() => securityNetwork({ protocol: 'SASL_SSL' }, network), { code: 'CLIENT_OPTION' })
  assert.throws(() => securityNetwork({ protocol: 'PLAINTEXT', sasl }, network), { code: 'CLIENT_OPTION' })
})

void test('what of SASL or TLS cannot be is refused by name before anybody is asked', () => {
  const network = { listen: () => assert.fail(), connect: () => assert.fail() }
  const refused = (security: unknown, message: RegExp): void =>
    assert.throws(() => securityNetwork(security as Security, network), { code: 'CLIENT_OPTION', message })
  const sasl = (fields: object): object => ({ protocol: 'SASL_PLAINTEXT', sasl: fields })
  refused(sasl({ mechanism: 'GSSAPI', username: 'a', password: 'b' }), /sasl\.mechanism must be PLAIN or .*, and is GSSAPI/)
  refused(sasl({ mechanism: 'PLAIN', username: 'a' }), /sasl\.password must be a text, and is undefined/)
  refused(sasl({ mechanism: 'PLAIN', username: '', password: 'b' }), /sasl\.username must be a name/)
  refused(sasl({ mechanism: 'OAUTHBEARER', token: 'a' }), /sasl\.token must be a function/)
  const authority = testAuthority()
  const [one, other] = [authority.issue({ subject: { CN: 'one' } }), authority.issue({ subject: { CN: 'other' } })]
  const ssl = (fields: object): object => ({ protocol: 'SSL', ssl: fields })
  securityNetwork(ssl({ ca: authority.certificate, cert: one.certificate, key: one.key }) as Security, network)
  refused(ssl({ cert: one.certificate }), /ssl\.key must be given with security\.ssl\.cert/)
  refused(ssl({ cert: one.certificate, key: other.key }), /option security\.ssl must .* go together, .*mismatch/)
  refused(ssl({ cert: one.certificate, key: 'no PEM' }), /option security\.ssl must/)
  for (const ca of ['', 'no PEM']) refused(ssl({ ca }), /option security\.ssl must/)
})

void test('a broker that closes without a word leaves a question for what it may have wanted', () => {
  const nowMs = Date.now()
  assert.match(beforeAnyAnswer({ protocol: 'PLAINTEXT' }, nowMs), /expect TLS\?/)
  assert.match(beforeAnyAnswer({ protocol: 'SSL' }, nowMs), /ask for a certificate\?/)
  const { certificate: cert, key } = testAuthority().issue({ subject: { CN: 'orders' } })
  const security = { protocol: 'SSL', ssl: { cert, key } } as const
  assert.match(beforeAnyAnswer(security, nowMs), /trust the certificate of this client\?/)
  assert.match(beforeAnyAnswer(security, nowMs + 1000 * 365 * 86_400_000), /has expired, on 2/)
  assert.match(beforeAnyAnswer(security, 0), /is valid from 2/)
  assert.match(beforeFirstRequest({ protocol: 'SSL' }), /expect SASL\?/)
  assert.equal(beforeFirstRequest({ protocol: 'SASL_SSL' }), '')
})

void test('who speaks another protocol is told so by its first bytes', () => {
  assert.match(otherProtocol(Buffer.from('HTTP/1.1 400 Bad Request'))!, /speaks HTTP/)
  assert.match(otherProtocol(Uint8Array.of(0x15, 3, 3, 0, 2, 2, 10))!, /speaks TLS: security\.protocol must be SSL/)
  assert.match(otherProtocol(Buffer.from('SSH-2.0-x'))!, /SSH/)
  for (const other of [[], [0], [0, 0, 0, 10, 0, 0, 0, 0], [0x15, 4]]) assert.equal(otherProtocol(Uint8Array.from(other)), undefined)
})
