import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerConfig, CONFIG_SOURCE } from './broker-config.ts'
import { groupConfig, groupConfigNames, groupConfigProblem, groupConfigSynonyms } from './group-config.ts'

const SESSION = 'consumer.session.timeout.ms'
const HEARTBEAT = 'consumer.heartbeat.interval.ms'

describe('configurations of groups', () => {
  it('are those of the broker where a group has none of its own', () => {
    const broker = new BrokerConfig({ 'group.consumer.session.timeout.ms': '50000' })
    assert.deepEqual(groupConfig({}, broker), { sessionTimeoutMs: 50_000, heartbeatIntervalMs: 5000 })
    assert.deepEqual(groupConfig({ [HEARTBEAT]: '6000' }, broker), { sessionTimeoutMs: 50_000, heartbeatIntervalMs: 6000 })
    assert.deepEqual(
      groupConfigSynonyms({ [SESSION]: '46000' }, broker, SESSION).map(({ value, source }) => [value, source]),
      [
        ['46000', CONFIG_SOURCE.group],
        ['50000', CONFIG_SOURCE.static],
        ['45000', CONFIG_SOURCE.default],
      ],
    )
  })

  it('are bounded by the broker', () => {
    const broker = new BrokerConfig({})
    for (const good of [{}, { [SESSION]: '45000' }, { [SESSION]: '60000', [HEARTBEAT]: '15000' }]) {
      assert.equal(groupConfigProblem(good, broker), undefined)
    }
    for (const bad of [
      { [SESSION]: '44999' },
      { [SESSION]: '60001' },
      { [HEARTBEAT]: '4999' },
      { [HEARTBEAT]: '15001' },
      { [SESSION]: 'x' },
    ]) {
      assert.match(groupConfigProblem(bad, broker) ?? '', /^(consumer\.|Invalid value)/)
    }
    assert.match(groupConfigProblem({ 'consumer.sesion.timeout.ms': '1' }, broker) ?? '', /Unknown group config name/)
  })

  it('leave a session time for more than one heartbeat', () => {
    const broker = new BrokerConfig({ 'group.consumer.min.session.timeout.ms': '1', 'group.consumer.min.heartbeat.interval.ms': '1' })
    assert.match(groupConfigProblem({ [SESSION]: '5000' }, broker) ?? '', /greater than/)
    assert.equal(groupConfigProblem({ [SESSION]: '5001' }, broker), undefined)
  })

  it('are named as by Kafka', () => assert.deepEqual(groupConfigNames, [SESSION, HEARTBEAT]))
})
