import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogClient } from '../client.ts'
import { producerSettings, type ProducerOptions } from './producer-options.ts'

const client = new LogClient({ bootstrap: '127.0.0.1:1' })

void test('what a producer cannot do is refused when it is made', () => {
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) producerSettings({ compression }, 1_000)
  producerSettings({ lingerMs: 0, maxBlockMs: 0, bufferBytes: 2 ** 33, compression: 'gzip', compressionLevel: 9, acks: 1 }, 1_000)
  const wrong: readonly (readonly [option: string, value: unknown])[] = [
    ['compression', 'brotli'],
    ['compression', 'GZIP'],
    ['acks', 'all'],
    ['acks', 2],
    ['lingerMs', '5s'],
    ['lingerMs', NaN],
    ['lingerMs', -1],
    ['lingerMs', Infinity],
    ['maxBlockMs', NaN],
    ['maxInFlight', 1.5],
    ['maxInFlight', 6],
    ['batchBytes', '64kb'],
    ['batchBytes', 0],
    ['batchBytes', 2 ** 31],
    ['maxRequestBytes', 0.5],
    ['deliveryTimeoutMs', 0],
    ['requestTimeoutMs', 2 ** 31],
    ['bufferBytes', 0],
  ]
  for (const [option, value] of wrong) {
    const options = { [option]: value } as ProducerOptions
    assert.throws(
      () => producerSettings(options, 1_000),
      { code: 'CLIENT_OPTION', message: new RegExp(`option ${option} must be `) },
      option,
    )
  }
  assert.throws(() => producerSettings({ compression: 'lz4', compressionLevel: 3 }, 1_000), {
    message: /option compressionLevel must be left out/,
  })
  assert.throws(() => producerSettings({ compressionLevel: 3 }, 1_000), { code: 'CLIENT_OPTION' })
})

void test('what a transaction cannot have is refused when its producer is made', () => {
  client.transactionalProducer({ transactionalId: 'a', transactionTimeoutMs: 1 })
  for (const options of [{}, { transactionalId: '' }, { transactionalId: 5 }]) {
    assert.throws(() => client.transactionalProducer(options as never), {
      code: 'CLIENT_OPTION',
      message: /option transactionalId must be /,
    })
  }
  for (const transactionTimeoutMs of [0, NaN, 3e9, '1m']) {
    const options = { transactionalId: 'a', transactionTimeoutMs } as never
    assert.throws(() => client.transactionalProducer(options), { code: 'CLIENT_OPTION', message: /option transactionTimeoutMs must be / })
  }
})
