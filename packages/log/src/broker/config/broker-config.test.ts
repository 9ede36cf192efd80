import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokerConfig, brokerConfigProblem, CONFIG_SOURCE } from './broker-config.ts'
import { brokerConfigs } from './broker-configs.ts'
import { parseConfig, type ConfigTable } from './definition.ts'

void test('every default can be read, every synonym is in the table, everything is documented', () => {
  for (const [name, definition] of Object.entries<ConfigTable[string]>(brokerConfigs)) {
    if (definition.default !== null) assert.ok('value' in parseConfig(definition, definition.default), name)
    for (const synonym of Object.keys(definition.synonyms ?? {})) assert.ok(Object.hasOwn(brokerConfigs, synonym), synonym)
    assert.match(definition.documentation, /\.$/, name)
  }
})

void test('a value is read by its type', () => {
  const config = new BrokerConfig({
    'num.partitions': ' 7 ',
    'auto.create.topics.enable': 'FALSE',
    'log.cleanup.policy': 'compact, delete',
  })
  assert.equal(config.get('num.partitions'), 7)
  assert.equal(config.get('auto.create.topics.enable'), false)
  assert.deepEqual(config.get('log.cleanup.policy'), ['compact', 'delete'])
  assert.equal(config.get('log.cleaner.max.compaction.lag.ms'), Number.MAX_SAFE_INTEGER)
  assert.equal(config.get('ssl.keystore.location'), undefined)
})

void test('unknown names and refused texts say what would be right; secrets are not shown', () => {
  assert.throws(() => new BrokerConfig({ 'num.partition': '1' }), { code: 'BROKER_CONFIG_UNKNOWN', message: /num\.partitions/ })
  assert.throws(() => new BrokerConfig({ 'num.partitions': '0' }), { code: 'BROKER_CONFIG_INVALID', message: /at least 1/ })
  for (const text of ['', 'x', '1.5', '2147483648', '0x10']) assert.ok(brokerConfigProblem('num.partitions', text), text)
  assert.equal(brokerConfigProblem('log.retention.ms', '9223372036854775807'), undefined)
  assert.ok(brokerConfigProblem('log.retention.ms', '9223372036854775808'))
  assert.ok(brokerConfigProblem('constructor', '1')!.isUnknown)
})

void test('synonyms count after the name itself, whatever the layer, and are converted', () => {
  assert.equal(new BrokerConfig().get('log.retention.ms'), 604_800_000)
  assert.equal(new BrokerConfig({ 'log.retention.hours': '2' }).get('log.retention.ms'), 7_200_000)
  assert.equal(new BrokerConfig({ 'log.retention.hours': '-1' }).get('log.retention.ms'), -1)
  assert.equal(new BrokerConfig({ 'log.retention.hours': '2', 'log.retention.minutes': '3' }).get('log.retention.ms'), 180_000)
  assert.equal(new BrokerConfig({ 'broker.id': '5' }).get('node.id'), 5)
  assert.equal(new BrokerConfig({ 'broker.id': '5', 'node.id': '6' }).get('node.id'), 6)
  assert.deepEqual(new BrokerConfig({ 'log.dir': '/a' }).get('log.dirs'), ['/a'])
})

void test('what is set at run time counts before the rest, and listeners hear of it', () => {
  const config = new BrokerConfig({ 'message.max.bytes': '100' })
  const heard: string[][] = []
  const cancel = config.onChange((changed) => heard.push([...changed, String(config.get('message.max.bytes'))]))
  config.setDynamic({ broker: {}, cluster: { 'message.max.bytes': '200' } })
  config.setDynamic({ broker: { 'message.max.bytes': '300' }, cluster: { 'message.max.bytes': '200', 'gone.since': '1' } })
  assert.deepEqual(
    config.synonyms('message.max.bytes').map(({ value, source }) => [value, source]),
    [
      ['300', CONFIG_SOURCE.dynamicBroker],
      ['200', CONFIG_SOURCE.dynamicDefault],
      ['100', CONFIG_SOURCE.static],
      ['1048588', CONFIG_SOURCE.default],
    ],
  )
  cancel()
  config.setDynamic({ broker: {}, cluster: {} })
  assert.equal(config.get('message.max.bytes'), 100)
  assert.deepEqual(heard, [
    ['message.max.bytes', '200'],
    ['message.max.bytes', '300'],
  ])
})

void test('a listener has settings of its own', () => {
  const config = new BrokerConfig({
    'ssl.keystore.location': '/all',
    'listener.name.internal.ssl.keystore.location': '/internal',
    'listener.name.internal.plain.sasl.jaas.config': 'secret',
  })
  assert.equal(config.get('ssl.keystore.location', 'listener.name.internal.'), '/internal')
  assert.equal(config.get('ssl.keystore.location', 'listener.name.external.'), '/all')
  assert.equal(config.get('ssl.keystore.location', 'listener.name.internal.plain.'), '/internal')
  assert.equal(config.get('sasl.jaas.config', 'listener.name.internal.plain.'), 'secret')
  assert.equal(config.get('sasl.jaas.config', 'listener.name.internal.scram-sha-256.'), undefined)
  assert.deepEqual(config.prefixedNames(), [
    'listener.name.internal.ssl.keystore.location',
    'listener.name.internal.plain.sasl.jaas.config',
  ])
  assert.ok(brokerConfigProblem('listener.name.internal.num.partitions', '1')!.isUnknown)
})
