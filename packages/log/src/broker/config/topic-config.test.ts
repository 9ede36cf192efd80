import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLogConfig } from '../../storage/index.ts'
import { BrokerConfig, CONFIG_SOURCE } from './broker-config.ts'
import { topicConfig, topicConfigProblem, topicConfigSynonyms, topicConfigText } from './topic-config.ts'

const broker = new BrokerConfig()

void test('a topic that sets nothing has the defaults of Kafka', () => {
  const config = topicConfig({}, broker, false)
  assert.deepEqual(config.log, defaultLogConfig)
  assert.equal(config.batchBytesMax, 1_048_588)
  assert.equal(config.compression, undefined)
})

void test('what a topic sets counts, then what its broker does', () => {
  const compacting = new BrokerConfig({ 'log.cleanup.policy': 'compact', 'log.retention.hours': '1', 'compression.type': 'uncompressed' })
  const config = topicConfig({ 'retention.ms': '5' }, compacting, true)
  assert.deepEqual(
    [config.log.cleanupCompact, config.log.cleanupDelete, config.log.retentionMs, config.log.durable, config.compression],
    [true, false, 5, true, 'none'],
  )
  assert.equal(topicConfigText({}, compacting, 'retention.ms'), '3600000')
  assert.equal(topicConfigText({}, broker, 'flush.messages'), '9223372036854775807')
  assert.equal(topicConfigText({}, compacting, 'cleanup.policy'), 'compact')
})

void test('the level of a compression is that of the topic, then that of its broker', () => {
  const levels = new BrokerConfig({ 'compression.type': 'zstd', 'compression.zstd.level': '7' })
  const levelOf = (texts: Record<string, string>): number | undefined => topicConfig(texts, levels, false).compressionLevel
  assert.deepEqual([{}, { 'compression.zstd.level': '19' }, { 'compression.type': 'gzip' }, { 'compression.type': 'lz4' }].map(levelOf), [
    7,
    19,
    -1,
    undefined,
  ])
  assert.match(topicConfigProblem({ 'compression.gzip.level': '0' }, broker)!, /compression\.gzip\.level/)
  assert.match(topicConfigProblem({ 'compression.zstd.level': '23' }, broker)!, /at most 22/)
})

void test('synonyms tell where a value comes from', () => {
  assert.deepEqual(topicConfigSynonyms({ 'retention.ms': '5' }, broker, 'retention.ms'), [
    { name: 'retention.ms', value: '5', source: CONFIG_SOURCE.topic },
    { name: 'log.retention.hours', value: '168', source: CONFIG_SOURCE.default },
  ])
})

void test('what cannot be a configuration is refused', () => {
  assert.match(topicConfigProblem({ 'retention.m': '1' }, broker)!, /did you mean retention\.ms/)
  assert.match(topicConfigProblem({ 'cleanup.policy': 'compress' }, broker)!, /cleanup\.policy/)
  assert.match(topicConfigProblem({ 'cleanup.policy': '' }, broker)!, /cleanup\.policy/)
  assert.match(topicConfigProblem({ 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '5' }, broker)!, /above/)
  assert.equal(topicConfigProblem({ 'cleanup.policy': 'compact,delete', 'retention.bytes': '-1' }, broker), undefined)
})

void test('settings of topologies with more replicas are taken, so that topics made for them can be made here', () => {
  assert.equal(topicConfigProblem({ 'unclean.leader.election.enable': 'false' }, broker), undefined)
  assert.notEqual(topicConfigProblem({ 'unclean.leader.election.enable': 'perhaps' }, broker), undefined)
})
