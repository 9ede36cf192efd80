import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogClient } from './client.ts'
import { clientOptionsFromKafka } from './connection/kafka-properties.ts'
import type { AssignedPartition } from './fetcher/fetcher-options.ts'
import { groupSettings, type GroupOptions } from './groups/group-options.ts'
import type { ClientOptions } from './options.ts'

void test('a client id that is no text is refused, and not tried again for ever', () => {
  assert.throws(() => new LogClient({ bootstrap: 'h:1', clientId: 5 } as unknown as ClientOptions), {
    code: 'CLIENT_OPTION',
    message: /option clientId must be text, and is 5/,
  })
  new LogClient({ bootstrap: 'h:1', clientId: '' }).close()
})

void test('a group member with what cannot be is refused when it is made', () => {
  const right = { groupId: 'g', topics: ['t'] }
  groupSettings({ ...right, autoCommitIntervalMs: 0, assignors: ['range'] })
  for (const [option, value] of [
    ['groupId', undefined],
    ['topics', 'orders'],
    ['topics', [5]],
    ['topics', undefined],
    ['instanceId', ''],
    ['autoCommit', 'no'],
    ['assignors', ['sticky']],
    ['assignors', []],
    ['sessionTimeoutMs', '45s'],
    ['heartbeatIntervalMs', 0],
    ['rebalanceTimeoutMs', 2 ** 31],
    ['autoCommitIntervalMs', NaN],
  ] as const) {
    const options = { ...right, [option]: value } as unknown as GroupOptions
    assert.throws(() => groupSettings(options), { code: 'CLIENT_OPTION', message: new RegExp(`option ${option} must be `) }, option)
  }
})

void test('a partition that is none is not assigned', () => {
  const client = new LogClient({ bootstrap: 'h:1' })
  const fetcher = client.fetcher()
  for (const [option, value] of [
    ['topic', undefined],
    ['partition', '0'],
    ['partition', -1],
    ['start', 'begin'],
  ] as const) {
    const partition = { topic: 't', partition: 0, start: 'earliest', [option]: value } as AssignedPartition
    assert.throws(() => fetcher.assign([partition]), { code: 'CLIENT_OPTION', message: new RegExp(`option ${option} must be `) })
  }
  assert.deepEqual(fetcher.assigned(), [])
  client.close()
})

void test('an option that there is not is refused, with the one that was meant', () => {
  const client = new LogClient({ bootstrap: 'h:1' })
  const made: readonly [made: () => unknown, message: RegExp][] = [
    [() => new LogClient({ bootstrap: 'h:1', clientID: 'a' } as ClientOptions), /option clientID must be one of a client \(clientId\?\)/],
    [() => new LogClient({ brokers: 'h:1' } as unknown as ClientOptions), /option brokers must be one of a client: bootstrap, clientId, /],
    [() => client.producer({ ack: 0 } as object), /option ack must be one of a producer \(acks\?\)/],
    [() => client.fetcher({ isolationLevel: 'read_committed' } as object), /option isolationLevel must be one of a fetcher/],
    [
      () => client.transactionalProducer({ transactionalId: 't', transactionTimeout: 5 } as { transactionalId: string }),
      /option transactionTimeout must be one of a transactional producer \(transactionTimeoutMs\?\)/,
    ],
    [() => client.groupConsumer({ groupId: 'g', topics: ['t'], autocommit: false } as GroupOptions), /consumer group \(autoCommit\?\)/],
    [() => client.groupConsumer({ groupId: 'g', topics: ['t'], fetcher: { maxWait: 5 } as object }), /a fetcher \(maxWaitMs\?\)/],
  ]
  for (const [make, message] of made) assert.throws(make, { code: 'CLIENT_OPTION', message })
  client.groupConsumer({ groupId: 'g', topics: ['t'], fetcher: { maxWaitMs: 5 } })
  client.close()
})

void test('names that are no whole characters are refused: two of them would be one to the brokers', () => {
  const client = new LogClient({ bootstrap: 'h:1' })
  for (const half of ['orders-\ud83d', 'orders-\ude00']) {
    const refused = { code: 'CLIENT_OPTION', message: /must be whole characters, and is "orders-\\ud/ }
    assert.throws(() => client.transactionalProducer({ transactionalId: half }), refused)
    assert.throws(() => client.groupConsumer({ groupId: half, topics: ['t'] }), refused)
  }
  client.transactionalProducer({ transactionalId: 'orders-\ud83d\ude00' })
  client.close()
})

void test('a client that is told no broker, or a security that there is not, is refused: it would be less secure than meant', () => {
  const refused = (options: unknown, message: RegExp): void =>
    assert.throws(() => new LogClient(options as ClientOptions), { code: 'CLIENT_OPTION', message })
  refused(undefined, /option bootstrap must be brokers as 'host:port', and is undefined/)
  refused({}, /option bootstrap must be brokers as 'host:port', and is undefined/)
  refused({ bootstrap: [5] }, /option bootstrap must be brokers as 'host:port', and is \[ 5 \]/)
  for (const protocol of ['ssl', 'TLS', undefined])
    refused(
      { bootstrap: 'h:1', security: { protocol } },
      /option security\.protocol must be PLAINTEXT or SSL or SASL_PLAINTEXT or SASL_SSL, and is/,
    )
  refused({ bootstrap: 'h:1', security: 'SSL' }, /option security must be an object, and is SSL/)
  refused({ bootstrap: 'h:1', security: { protocol: 'SSL', tls: {} } }, /option tls must be one of security/)
  refused({ bootstrap: 'h:1', security: { protocol: 'SSL', ssl: { verifyHostName: true } } }, /one of security\.ssl \(verifyHostname\?\)/)
  new LogClient({ bootstrap: ['h:1'], security: { protocol: 'SSL', ssl: { verifyHostname: false } } }).close()
})

void test('settings by the names of Kafka that do nothing because security.protocol is missing are refused', () => {
  for (const name of ['ssl.truststore.certificates', 'ssl.keystore.key', 'ssl.endpoint.identification.algorithm', 'sasl.username'])
    assert.throws(() => clientOptionsFromKafka({ [name]: 'x' }), {
      code: 'CLIENT_OPTION',
      message: new RegExp(`option security\\.protocol must be given where ${name.replaceAll('.', '\\.')} is`),
    })
  // Who says so themselves means it: what is the same in all places, and one of them without TLS.
  assert.deepEqual(clientOptionsFromKafka({ 'security.protocol': 'PLAINTEXT', 'ssl.keystore.key': 'x' }).security, {
    protocol: 'PLAINTEXT',
  })
})
