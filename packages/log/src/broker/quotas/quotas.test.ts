import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { VirtualClock } from '@millrace/testkit'
import { BrokerConfig } from '../config/index.ts'
import type { ConfigEntity, EntityStore, StoredEntity } from '../security/store/entity-store.ts'
import { ClientQuotas } from './client-quotas.ts'
import { ExpiringMap } from './expiring-map.ts'
import { QuotaTable } from './quota-table.ts'
import { TokenBucket } from './token-bucket.ts'
import { WindowedRate } from './windowed-rate.ts'

const second = { windows: 11, windowMs: 1000 }

void test('a rate counts the last windows, and a short burst little', () => {
  const rate = new WindowedRate(second)
  rate.record(5000, 0)
  assert.equal(rate.rate(0), 500, 'as if over ten seconds')
  rate.record(5000, 9000)
  assert.equal(rate.rate(10_000), 1000)
  assert.equal(rate.rate(10_999), 10_000 / 10.999)
  assert.equal(rate.rate(11_000), 500, 'the first window has gone')
  assert.equal(rate.rate(100_000), 0)
  assert.ok(rate.isIdle(100_000))
})

void test('a throttle is as long as the rate needs to fall to its limit', () => {
  const rate = new WindowedRate(second)
  rate.record(20_000, 0)
  assert.equal(rate.throttleMs(2000, 0), 0)
  assert.equal(rate.throttleMs(1000, 0), 10_000)
  assert.equal(rate.throttleMs(1600, 0), 2500)
  assert.equal(rate.throttleMs(0, 0), 10_000)
})

void test('the rate is that of a list of all that was recorded', () => {
  const step = fc.record({ afterMs: fc.nat(3000), value: fc.nat(100) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const rate = new WindowedRate({ windows: 4, windowMs: 1000 })
      const recorded: { readonly window: number; readonly value: number }[] = []
      let nowMs = 0
      for (const { afterMs, value } of steps) {
        nowMs += afterMs
        rate.record(value, nowMs)
        recorded.push({ window: Math.floor(nowMs / 1000), value })
        const kept = recorded.filter(({ window }) => window > Math.floor(nowMs / 1000) - 4)
        const sum = kept.reduce((total, each) => total + each.value, 0)
        const most = sum / 3
        assert.ok(rate.rate(nowMs) <= most + 1e-9)
        assert.ok(rate.rate(nowMs) >= sum / 4 - 1e-9)
      }
    }),
  )
})

void test('a bucket may run into debt, and refuses until it is out of it', () => {
  const bucket = new TokenBucket(2, 10, 0)
  bucket.take(9, 0)
  assert.equal(bucket.throttleMs(0), 0)
  bucket.take(5, 0)
  assert.equal(bucket.throttleMs(0), 2000)
  assert.equal(bucket.throttleMs(1000), 1000)
  assert.equal(bucket.throttleMs(2000), 0)
  assert.ok(!bucket.isFull(2000))
  assert.ok(bucket.isFull(7000))
})

void test('quotas count in the order of Kafka', () => {
  // From the last that counts to the first.
  const order: readonly ConfigEntity[] = [
    { clientId: null },
    { clientId: 'c' },
    { user: null },
    { user: null, clientId: null },
    { user: null, clientId: 'c' },
    { user: 'u' },
    { user: 'u', clientId: null },
    { user: 'u', clientId: 'c' },
  ]
  const shared = ['[null,"c"]', '[null,"c"]', '["u"]', '["u","c"]', '["u","c"]', '["u"]', '["u","c"]', '["u","c"]']
  for (const count of order.keys()) {
    const entities = order
      .slice(0, count + 1)
      .map((entity, index) => ({ entity, configs: new Map([['producer_byte_rate', String(index + 1)]]) }))
    const table = new QuotaTable(entities)
    assert.deepEqual(table.ofClient('producer_byte_rate', 'u', 'c'), { limit: count + 1, sharedBy: shared[count] })
    assert.equal(table.ofClient('consumer_byte_rate', 'u', 'c'), undefined)
  }
  assert.equal(
    new QuotaTable([{ entity: { user: 'other' }, configs: new Map([['producer_byte_rate', '1']]) }]).ofClient(
      'producer_byte_rate',
      'u',
      'c',
    ),
    undefined,
  )
})

void test('addresses have quotas of their own', () => {
  const table = new QuotaTable([
    { entity: { ip: null }, configs: new Map([['connection_creation_rate', '5']]) },
    { entity: { ip: '10.0.0.1' }, configs: new Map([['connection_creation_rate', '7']]) },
  ])
  assert.deepEqual([table.ofAddress('10.0.0.1'), table.ofAddress('10.0.0.2'), table.isEmpty], [7, 5, false])
  assert.ok(new QuotaTable([{ entity: { user: 'u' }, configs: new Map([['SCRAM-SHA-256', 'x']]) }]).isEmpty)
})

void test('what says nothing any more is forgotten', () => {
  const map = new ExpiringMap<{ readonly atMs: number }>(({ atMs }, nowMs) => nowMs - atMs > 10)
  for (let nowMs = 0; nowMs < 50_000; nowMs++) map.get(`client-${nowMs}`, () => ({ atMs: nowMs }), nowMs)
  assert.ok(map.size <= 1000)
})

void test('however many quotas change, all of them are looked through once, when somebody asks', () => {
  let looks = 0
  let changed = (): void => undefined
  const stored: StoredEntity[] = []
  const entities: Pick<EntityStore, 'all' | 'onChange'> = {
    all() {
      looks++
      return stored
    },
    onChange: (listener) => void (changed = listener),
  }
  const quotas = new ClientQuotas({ entities: entities as EntityStore, config: new BrokerConfig(), clock: new VirtualClock() })
  assert.equal(quotas.isActive, false)
  for (let user = 0; user < 100; user++) {
    stored.push({ entity: { user: `u${user}` }, configs: new Map([['producer_byte_rate', '5']]) })
    changed()
  }
  assert.equal(quotas.isActive, true)
  assert.equal(looks, 2)
})
