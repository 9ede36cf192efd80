import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProducerRecord } from '@millrace/log/client'
import { OpenTransaction } from './open-transaction.ts'
import type { TransactionProducer } from './ports.ts'

void test('records that wait for the transaction to begin have bytes of their own, and keep their order', async () => {
  const written: string[] = []
  const begun = Promise.withResolvers<TransactionProducer>()
  const room = Promise.withResolvers<void>()
  const producer = {
    append: ({ value }: ProducerRecord) => {
      written.push(Buffer.from(value as Uint8Array).toString())
      return true
    },
  } as unknown as TransactionProducer
  const failed = (error: unknown): void => room.reject(error)
  const transaction = new OpenTransaction({ acquire: () => begun.promise, now: () => 0, room: room.resolve, failed })
  const lent = Buffer.alloc(3)
  for (const value of ['one', 'two']) {
    lent.write(value)
    transaction.append({ topic: 't', value: lent })
  }
  lent.write('xxx')
  begun.resolve(producer)
  await room.promise
  lent.write('now')
  transaction.append({ topic: 't', value: lent })
  assert.deepEqual(written, ['one', 'two', 'now'])
})
