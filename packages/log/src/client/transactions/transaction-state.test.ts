import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientError, errorClassOf, refusal } from '../errors.ts'
import { ERROR_CODE } from '../../protocol/index.ts'
import { parseTransactionHandle } from './handle.ts'

void test('errors are told apart by what can be done about them', () => {
  const answered = (errorCode: number) => refusal({ api: 'EndTxn', subject: 'x', broker: 'b', errorCode })
  assert.equal(errorClassOf(answered(ERROR_CODE.CONCURRENT_TRANSACTIONS)), 'retriable')
  assert.equal(errorClassOf(answered(ERROR_CODE.NOT_COORDINATOR)), 'retriable')
  assert.equal(errorClassOf(answered(ERROR_CODE.INVALID_PRODUCER_EPOCH)), 'fenced')
  assert.equal(errorClassOf(answered(ERROR_CODE.PRODUCER_FENCED)), 'fenced')
  assert.equal(errorClassOf(answered(ERROR_CODE.TRANSACTION_ABORTABLE)), 'abortable')
  assert.equal(errorClassOf(answered(ERROR_CODE.MESSAGE_TOO_LARGE)), 'abortable')
  assert.equal(errorClassOf(answered(ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)), 'fatal')
  assert.equal(errorClassOf(clientError('CLIENT_TIMEOUT')), 'retriable')
  assert.equal(errorClassOf(clientError('CLIENT_DELIVERY_TIMEOUT')), 'abortable')
  assert.equal(errorClassOf(new Error('a bug')), 'fatal')
})

void test('a handle survives as JSON, and nothing else is one', () => {
  const handle = { clusterId: 'c', transactionalId: 't', producerId: 7, producerEpoch: 3, transactionVersion: 2 } as const
  assert.deepEqual(parseTransactionHandle(JSON.parse(JSON.stringify({ ...handle, more: 1 }))), handle)
  for (const wrong of [null, undefined, 'x', {}, { ...handle, producerId: '7' }, { ...handle, transactionVersion: 3 }]) {
    assert.throws(() => parseTransactionHandle(wrong), { code: 'CLIENT_OPTION' })
  }
})
